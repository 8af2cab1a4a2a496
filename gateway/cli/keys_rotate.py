"""``sekisho keys rotate``, ``secrets`` and ``protect``: the secrets of the installation itself.

Rotations go through the running server, or, where there is none, under the lock and on record here. The rules are the
same code on both ways: :class:`gateway.keys.office.RotationOffice`. Sealing needs a stopped server.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.server import Server, operator, running_server
from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.keys.office import RotationOffice
    from gateway.settings import Settings

View = dict[str, Any]

_AGE = re.compile(r"([0-9]{1,4})([hdw])")
_MOST_NAMES = 20
KEY_OVERLAP = timedelta(days=7)
_HOURS = {"h": 1, "d": 24, "w": 168}
_COLUMNS = ("purpose", "id in force", "still counts beside it", "until")


class Kind(StrEnum):
    """What can be rotated."""

    LOG = "log"
    PEPPER = "pepper"
    TENANTS = "tenants"


class Way(StrEnum):
    """What secrets can be sealed by."""

    PASSPHRASE = "passphrase"  # noqa: S105  the name of a way
    SYSTEMD = "systemd"
    PKCS11 = "pkcs11"


What = Annotated[
    str,
    typer.Argument(
        help="An API key by its id or name; or log: signs the audit log; pepper: API keys; tenants: pseudonyms.",
        metavar="KEY|log|pepper|tenants",
    ),
]
Overlap = Annotated[
    str,
    typer.Option(
        help="How long the old one still counts: 12h, 7d, 4w, or 0. Else 7d for log and API keys, 30d for the others.",
        show_default=False,
    ),
]
EndOverlap = Annotated[bool, typer.Option("--end-overlap", help="Rotate nothing; let the old one count no more.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``keys``."""
    examples = [
        "sekisho keys rotate ci --overlap 7d",
        "sekisho keys rotate ci --end-overlap",
        "sekisho keys rotate log",
        "sekisho keys rotate pepper --overlap 60d",
        "sekisho keys rotate pepper --end-overlap",
    ]
    command(app, "rotate", examples=examples)(rotate)
    command(app, "secrets", examples=["sekisho keys secrets", "sekisho keys secrets --json"])(secrets)
    command(
        app,
        "protect",
        examples=["sekisho keys protect", "sekisho --passphrase-fd 3 keys protect 3< passphrase.txt"],
    )(protect)


def rotate(session: Session, what: What, overlap: Overlap = "", end_overlap: EndOverlap = False) -> None:
    """Let a new API key, or a new secret of the installation, follow the one in force; for a while both count.

    A rotated API key keeps its id, name and limits. What was recorded under an old secret still verifies. On record
    before it takes effect.
    """
    lasting = _lasting(overlap) if overlap else None
    if end_overlap and overlap:
        raise SetupError("--overlap and --end-overlap are two things.", "Give one.", exit_code=USED_WRONGLY)
    if what in set(Kind):
        _rotate_secret(session, Kind(what), lasting, end_overlap=end_overlap)
    else:
        _rotate_key(session, what, lasting, end_overlap=end_overlap)


def _rotate_key(session: Session, key: str, lasting: timedelta | None, *, end_overlap: bool) -> None:
    from gateway.cli.changes import changes

    with changes(session.settings) as to_make:
        if end_overlap:
            view = to_make.end_key_overlap(key)
            session.output.result(view, f"{view['name']} ({view['id']}): only the newest key works, …{view['last4']}.")
            return
        view = to_make.rotate_key(key, KEY_OVERLAP if lasting is None else lasting)
    former = view["former"]
    beside = (
        f"The one before (…{former['last4']}) works until {former['until']}." if former else "The one before ended."
    )
    session.output.note(f"This key is shown once. {beside} Limits are shared.")
    session.output.result(view, view["key"])


def _rotate_secret(session: Session, what: Kind, lasting: timedelta | None, *, end_overlap: bool) -> None:
    with rotations(session.settings) as to_make:
        if what is Kind.PEPPER and not session.output.as_json and sys.stdin.isatty():
            _ask_for_keys(to_make, at_once=not end_overlap and lasting == timedelta(0), ends=end_overlap)
        with session.output.progress(f"Rotating {what}"):
            view = to_make.end_overlap(what) if end_overlap else to_make.rotate(what, lasting)
    beside = [f"{old['id']} counts until {old['until']}" for old in view["beside"]] or ["nothing counts beside it"]
    session.output.result(view, f"{what}: {view['id']} is in force; {', '.join(beside)}.")
    if what is Kind.LOG and not end_overlap:
        session.output.note(f"Give auditors the new public key: {session.settings.keys / 'log.vkey'}")
    if revoked := view.get("revoked"):
        session.output.note(f"Nobody had used them since, so these API keys are revoked: {_few(revoked)}.")
    session.output.note("Back up the key folder again.")


def secrets(session: Session) -> None:
    """Show which secrets are in force, by their ids, and which still count beside them."""
    from gateway.keys.office import views
    from gateway.keys.opening import open_keyring

    settings = session.settings
    server = running_server(settings.run)
    data = server.get("secrets")["data"] if server is not None else views(open_keyring(settings))
    session.output.table("Secrets", _COLUMNS, [_row(view) for view in data], {"data": data})
    unused = _unused(data)
    if unused and not session.output.as_json:
        session.output.note(f"API keys not used since the pepper was rotated; they end with it: {_few(unused)}.")


def protect(
    session: Session,
    by: Annotated[Way, typer.Option("--by", help="What seals them.")] = Way.PASSPHRASE,
    module: Annotated[str, typer.Option("--pkcs11-module", help="With pkcs11: the token's library.")] = "",
    token: Annotated[str, typer.Option("--pkcs11-token", help="With pkcs11: the token's label.")] = "",
    new: Annotated[bool, typer.Option("--new", help="They are sealed already: choose another passphrase.")] = False,
    new_fd: Annotated[
        int, typer.Option("--new-passphrase-fd", min=-1, metavar="N", show_default=False, help="Holds the new one.")
    ] = -1,
) -> None:
    """Seal the secrets, so that the key folder alone opens nothing. Writes keys.provider into sekisho.yaml.

    A token seals the folder; a log key that lies there already is followed by one in the token with the next rotation.
    Done again, it goes on where it was interrupted. The server must be stopped.
    """
    from gateway.cli.keys_protect import new_passphrase, protect_keys

    settings = session.settings
    if running_server(settings.run) is not None:
        raise SetupError("A server is running.", "Stop it, seal the secrets, and start it again.")
    with data_lock(settings.state):
        if new:
            new_passphrase(settings, new_fd)
            session.output.result({"sealed_by": "passphrase"}, "The passphrase of the keys is another one.")
            return
        done = protect_keys(settings, by.value, module, token)
    session.output.result(done, f"{done['sealed']} secrets are sealed by {by}. {done['config']}")
    session.output.note("Back up the key folder again, and make the old backups gone: they open without it.")


# --- who carries it out


class Rotations(Protocol):
    """What can be done."""

    def rotate(self, what: Kind, overlap: timedelta | None) -> View: ...

    def end_overlap(self, what: Kind) -> View: ...

    def unused(self) -> list[str]:
        """Return the names of the API keys that end with the pepper's overlap, unless they are used first."""
        ...


@contextmanager
def rotations(settings: Settings) -> Iterator[Rotations]:
    """Return who carries out rotations now.

    Raises:
        SetupError: another process works on the data folder, or something of the installation is missing.
    """
    server = running_server(settings.run)
    if server is not None:
        yield ServerRotations(server)
        return
    from gateway.audit.catching_up import catch_up
    from gateway.audit.content.store import SideStore
    from gateway.identity.keys import KeyRegister
    from gateway.keys.office import RotationOffice
    from gateway.keys.opening import open_keyring

    keyring = open_keyring(settings)
    with data_lock(settings.state), admin_book(settings) as book:
        register = KeyRegister(settings.state / "keys.json", keyring.peppers(), settings.site)
        others = partial(catch_up, settings.data / "audit", settings=settings.audit)
        follow = SideStore.of_installation(settings, keyring.kept_tag_keys).keys.reseal
        office = RotationOffice(keyring, book, register, follow=follow, others=others)
        asyncio.run(office.resume())
        yield OfflineRotations(office)


class ServerRotations:
    """Rotations through the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def rotate(self, what: Kind, overlap: timedelta | None) -> View:
        seconds = None if overlap is None else int(overlap.total_seconds())
        return dict(self._server.post(f"secrets/{what}/rotate", {"overlap_seconds": seconds}))

    def end_overlap(self, what: Kind) -> View:
        return dict(self._server.delete(f"secrets/{what}/overlap"))

    def unused(self) -> list[str]:
        return _unused(self._server.get("secrets")["data"])


class OfflineRotations:
    """Rotations of the files themselves. The caller holds the lock and owns the book."""

    def __init__(self, office: RotationOffice) -> None:
        self._office = office

    def rotate(self, what: Kind, overlap: timedelta | None) -> View:
        return asyncio.run(self._office.rotate(what.value, operator(), overlap))

    def end_overlap(self, what: Kind) -> View:
        return asyncio.run(self._office.end_overlap(what.value, operator()))

    def unused(self) -> list[str]:
        return _unused(self._office.show())


def _ask_for_keys(to_make: Rotations, *, at_once: bool, ends: bool) -> None:
    """Ask whoever sits at a terminal before API keys become worthless."""
    names = to_make.unused() if ends else []
    if at_once:
        question = "Without an overlap every API key becomes worthless at once. Go on?"
    elif names:
        question = f"Nobody has used these API keys since; they become worthless: {_few(names)}. Go on?"
    else:
        return
    typer.confirm(question, abort=True, err=True)


def _few(names: Sequence[str]) -> str:
    """Return names in a line, the first ones where there are many."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more (sekisho keys list)" if more > 0 else "")


def _unused(data: Sequence[View]) -> list[str]:
    return [name for view in data for name in view.get("unused", ())]


def _lasting(text: str) -> timedelta:
    age = _AGE.fullmatch(text)
    if text == "0":
        return timedelta(0)
    if not age:
        raise SetupError(f"{text!r} is no length of time.", "Give 12h, 7d, 4w or 0.", exit_code=USED_WRONGLY)
    return timedelta(hours=int(age[1]) * _HOURS[age[2]])


def _row(view: View) -> tuple[str, ...]:
    beside = view["beside"]
    ids, ends = ", ".join(old["id"] for old in beside), ", ".join(old["until"] for old in beside)
    return (view["purpose"], view["id"], ids + (" (a rotation is under way)" if view["under_way"] else ""), ends)
