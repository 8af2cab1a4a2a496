"""What ``sekisho keys check`` says of a token: whom it lets in, or why nobody."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
import typer

from gateway.cli.session import ANSWERED_NO, Session


def check_token(session: Session, token: str) -> NoReturn:
    """Say what the gateway would make of a token now, by the same code. Never prints a word of the token itself.

    Leaves with 0 when it would be let in, else with 1. Raises SetupError where an issuer's keys cannot be read.
    """
    state, why, caller = _judged(session, token)
    data: dict[str, Any] = {"state": state, "why": why, "caller": caller}
    named = f": {caller['key_id']}, tenant {caller['tenant']}, roles {', '.join(caller['roles'])}" if caller else ""
    session.output.result(data, f"{state}{named}{f': {why}' if why else ''}")
    raise typer.Exit(0 if caller else ANSWERED_NO)


def _judged(session: Session, token: str) -> tuple[str, str, dict[str, Any] | None]:
    from gateway.errors import Forbidden
    from gateway.identity.issuers import Issuers
    from gateway.identity.token import NotBelieved, TokenExpired
    from gateway.keys.opening import open_keyring

    settings = session.settings
    pepper = open_keyring(settings).peppers()[0].secret
    issuers = Issuers(settings.identity.issuers, settings.base, settings.site, lambda: pepper, _tells_nobody)
    try:
        caller = issuers.identify(token)
    except NotBelieved as error:
        return "refused", error.why, None
    except TokenExpired as error:
        return "expired", error.message, None
    except Forbidden as error:
        return "unmapped", error.message, None
    return "live", "", msgspec.to_builtins(caller)


def _tells_nobody(issuer: str, keys: list[str]) -> None:
    """The files are read once, so nothing changes that the book could be told."""
