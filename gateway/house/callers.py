"""Who says who calls: the register of keys and, where the settings name some, issuers of tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from gateway.identity.door import Identity
from gateway.identity.keys import KeyRegister, Pepper
from gateway.identity.office import Events
from gateway.settings import Settings


def callers(
    stack: AsyncExitStack,
    settings: Settings,
    register: KeyRegister,
    peppers: Callable[[], Sequence[Pepper]],
    book: Events,
) -> Identity:
    """Return who says who calls. Issuers' files are followed until the stack's end.

    Raises:
        SetupError: an issuer's keys cannot be read.
    """
    if not settings.identity.issuers:
        return register
    from gateway.identity.issuers import Callers, Issuers  # noqa: PLC0415  a site without tokens does not load them

    def tell(issuer: str, keys: list[str]) -> None:
        book.event("issuer.keys_changed", details={"issuer": issuer, "keys": keys})

    issuers = Issuers(settings.identity.issuers, settings.base, settings.site, lambda: peppers()[0].secret, tell)
    stack.callback(asyncio.get_running_loop().create_task(issuers.watch(), name="issuers").cancel)
    return Callers(register, issuers)
