"""``sekisho policy break-glass``: two approvers let named rules not stop a project, for a day at most.

Changes go through the running server, or, where there is none, under the lock and on record here. The rules are the
same code on both ways: :class:`gateway.policy.glass.office.BreakGlassOffice`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, get_type_hints

import typer

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.private_key import unlocked
from gateway.cli.server import Server, operator, running_server
from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.policy.glass.grant import Wish
    from gateway.policy.glass.office import BreakGlassOffice
    from gateway.policy.life.dsse import Signature
    from gateway.settings import Settings

View = dict[str, Any]

app = group("break-glass", "For a day at most, let named rules not stop a project; two approvers sign.")

_COLUMNS = ("id", "state", "project", "waives", "since", "until", "signed by", "reason")

Reference = Annotated[str, typer.Argument(help="The grant's id, or the end of it.", metavar="ID")]
Project = Annotated[str, typer.Option(help="For whom: TENANT/PROJECT.")]
Waives = Annotated[list[str], typer.Option("--waive", help="A reason's code that is not to stop it; more than once.")]
Hours = Annotated[int, typer.Option(min=1, max=24, help="How long it holds.")]
Why = Annotated[str, typer.Option(help="Why, in one line; it goes into the audit log.")]
Since = Annotated[str, typer.Option(help="From when, such as 2026-11-22T20:00:00Z; else from now on.")]
KeyFile = Annotated[Path, typer.Option("--key", help="Your private key, as `sekisho policy signer create` made it.")]


@command(
    app,
    "request",
    examples=["sekisho policy break-glass request --project acme/recall --waive policy.residency --hours 4 --reason …"],
)
def request(
    session: Session, project: Project, waive: Waives, reason: Why, hours: Hours = 4, since: Since = ""
) -> None:
    """Ask for a grant. It opens nothing until two approvers have signed it."""
    wish = _wish(project=project, waives=waive, hours=hours, reason=reason, since=since)
    with glass_changes(session.settings) as to_make:
        view = to_make.request(wish)
    session.output.note(f"Now two approvers: sekisho policy break-glass sign {view['id']} --key FILE")
    session.output.result(view, view["id"])


@command(app, "sign", examples=["sekisho policy break-glass sign 01JDA7Z0 --key ana.pem"])
def sign(session: Session, grant: Reference, key: KeyFile) -> None:
    """Sign a grant as an approver. With the second signature it counts. Your key stays with you."""
    from gateway.policy.glass import grant as break_glass
    from gateway.policy.glass.office import grants_of
    from gateway.policy.life import dsse

    known = grants_of(session.settings).find(grant, break_glass.now())
    if known.envelope is None:
        raise SetupError(f"The grant {known.id} is damaged: {known.problem}.", "Ask for another one.")
    for line in _told(known.view()):
        session.output.note(line)
    payload = dsse.payload_of(known.envelope)
    made = dsse.sign(break_glass.TYPE, payload, [unlocked(key)]).signatures[0]
    with glass_changes(session.settings) as to_change:
        view = to_change.sign(known.id, made)
    session.output.result(view, f"{view['id']} is signed by {' and '.join(view['signed_by'])}: {view['state']}.")


@command(app, "list", examples=["sekisho policy break-glass list", "sekisho policy break-glass list --json"])
def list_grants(session: Session) -> None:
    """List grants: those that hold or wait, and those that were over less than 30 days ago."""
    from gateway.policy.glass import grant as break_glass
    from gateway.policy.glass.office import grants_of

    data = [known.view() for known in grants_of(session.settings).all(break_glass.now())]
    session.output.table("Break-glass", _COLUMNS, [_row(view) for view in data], {"data": data}, "There is no grant.")


@command(app, "end", examples=["sekisho policy break-glass end 01JDA7Z0"])
def end(session: Session, grant: Reference) -> None:
    """End a grant at once and for good. One person is enough."""
    with glass_changes(session.settings) as to_change:
        view = to_change.end(grant)
    session.output.result(view, f"{view['id']} has ended.")


# --- who carries out changes


class GlassChanges(Protocol):
    """What can be changed. Each returns a view of the grant."""

    def request(self, wish: Wish) -> View: ...

    def sign(self, grant: str, signature: Signature) -> View: ...

    def end(self, grant: str) -> View: ...


@contextmanager
def glass_changes(settings: Settings) -> Iterator[GlassChanges]:
    """Return who carries out changes now.

    Raises:
        SetupError: another process works on the data folder, or something of the installation is missing.
    """
    server = running_server(settings.run)
    if server is not None:
        yield ServerGlass(server)
        return
    with data_lock(settings.state), admin_book(settings) as book:
        from gateway.policy.glass.office import BreakGlassOffice

        yield OfflineGlass(BreakGlassOffice.of(settings, book))


class ServerGlass:
    """Changes through the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def request(self, wish: Wish) -> View:
        import msgspec

        return dict(self._server.post("policy/break-glass", msgspec.to_builtins(wish)))

    def sign(self, grant: str, signature: Signature) -> View:
        body = {"keyid": signature.keyid, "sig": signature.sig}
        return dict(self._server.post(f"policy/break-glass/{grant}/signatures", body))

    def end(self, grant: str) -> View:
        return dict(self._server.delete(f"policy/break-glass/{grant}"))


class OfflineGlass:
    """Changes to the files themselves. The caller holds the lock and owns the book."""

    def __init__(self, office: BreakGlassOffice) -> None:
        self._office = office

    def request(self, wish: Wish) -> View:
        return asyncio.run(self._office.request(wish, operator()))

    def sign(self, grant: str, signature: Signature) -> View:
        return asyncio.run(self._office.sign(grant, signature, operator()))

    def end(self, grant: str) -> View:
        return asyncio.run(self._office.end(grant, operator()))


# --- how


def _wish(**fields: Any) -> Wish:
    import msgspec

    from gateway.policy.glass.grant import Wish

    hints = get_type_hints(Wish, include_extras=True)
    for name, (option, form) in _FORMS.items():
        try:
            msgspec.convert(fields[name], hints[name])
        except msgspec.ValidationError as error:
            raise SetupError(f"{option} is not as it must be.", f"Give {form}.", exit_code=USED_WRONGLY) from error
    return msgspec.convert(fields, Wish)


_FORMS = {
    "project": ("--project", "TENANT/PROJECT, each of a-z, 0-9 and -"),
    "waives": ("--waive", "codes such as policy.residency, at most 16"),
    "hours": ("--hours", "a number from 1 to 24"),
    "reason": ("--reason", "one line of at most 200 characters"),
}
"""What each option of a wish must be."""


def _told(view: View) -> list[str]:
    """Return what one signs, line by line."""
    return [
        f"Grant {view['id']}, asked for by {view['by']}:",
        f"  for project {view['project']}, from {view['since']} until {view['until']}",
        f"  these do not stop it: {', '.join(view['waives'])}",
        f"  because: {view['reason']}",
    ]


def _row(view: View) -> tuple[str, ...]:
    if view["state"] == "damaged":
        return (view["id"], "damaged", "", "", "", "", "", view["problem"])
    times = (view["since"], view["until"])
    signed = ", ".join(view["signed_by"])
    return (view["id"], view["state"], view["project"], ", ".join(view["waives"]), *times, signed, view["reason"])
