"""``sekisho audit prune`` and ``sekisho audit hold``: how long records are kept.

Changes go through the running server, or, where there is none, under the lock and on record here. The rules are the
same code on both ways: :class:`gateway.audit.retention.RetentionOffice`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from gateway.cli.lock import data_lock
from gateway.cli.server import Server, operator, running_server
from gateway.cli.session import Session, command, group

if TYPE_CHECKING:
    from gateway.audit.retention import RetentionOffice
    from gateway.settings import Settings

View = dict[str, Any]

app = group("hold", "A legal hold: nothing is pruned while it lasts.")

_PRUNED, _HELD = ("log", "what", "records", "begins at", "newest of them"), ("log", "since", "by", "reason")

Before = Annotated[str, typer.Option("--before", help="A date, a time, or an age such as 400d; else by their age.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
Why = Annotated[str, typer.Option(help="Why, in one line; it goes into the audit log.")]
Log = Annotated[str, typer.Option("--log", metavar="SITE/NODE/WORKER/CLASS", help="Only this log; else all.")]


def register(audit: typer.Typer) -> None:
    """Add the commands to ``sekisho audit``."""
    examples = ["sekisho audit prune --dry-run", "sekisho audit prune", "sekisho audit prune --before 400d"]
    command(audit, "prune", examples=examples)(prune)
    audit.add_typer(app)


def prune(session: Session, before: Before = "", dry_run: DryRun = False) -> None:
    """Cut off the oldest records of every log: those beyond their longest age, or before a time you give.

    Whole bundles of 256 records go, never one below the least age, none of a log that is held. What is left verifies as
    before, and a signed note says what it goes on from.
    """
    from gateway.cli.past import instant

    when = instant(before) if before else ""
    with session.output.progress("Pruning"), retention_changes(session.settings) as changes:
        views = changes.prune(when, dry_run)
    rows = [(v["log"], v["why"] or v["state"], str(v["records"]), str(v["first"]), v["newest"]) for v in views]
    session.output.table("Pruning", _PRUNED, rows, {"data": views}, "There is no log.")


@command(
    app,
    "set",
    examples=[
        "sekisho audit hold set --reason 'case 12 O 345/26'",
        "sekisho audit hold set --log plant/n1/w0/default --reason 'case 12 O 345/26'",
    ],
)
def hold_set(session: Session, reason: Why, log: Log = "") -> None:
    """Hold a log, or all of them: nothing is pruned until the hold is cleared."""
    with retention_changes(session.settings) as changes:
        _show(session, changes.hold(reason, log))


@command(app, "clear", examples=["sekisho audit hold clear --reason 'case 12 O 345/26 is closed'"])
def hold_clear(session: Session, reason: Why, log: Log = "") -> None:
    """End the hold on a log, or on all of them."""
    with retention_changes(session.settings) as changes:
        _show(session, changes.release(reason, log))


@command(app, "list", examples=["sekisho audit hold list", "sekisho audit hold list --json"])
def hold_list(session: Session) -> None:
    """List the logs that are held."""
    import msgspec

    from gateway.audit.retention import RetentionOffice

    settings = session.settings
    office = RetentionOffice(settings.data / "audit", {}, _no_keys, settings.audit)
    _show(session, msgspec.to_builtins(office.held()))


def _show(session: Session, views: list[View]) -> None:
    rows = [tuple(view[name] for name in _HELD) for view in views]
    session.output.table("Legal holds", _HELD, rows, {"data": views}, "No log is held.")


# --- who carries out changes


class RetentionChanges(Protocol):
    """What can be changed. Each returns views of logs."""

    def prune(self, before: str, dry_run: bool) -> list[View]: ...

    def hold(self, reason: str, log: str) -> list[View]: ...

    def release(self, reason: str, log: str) -> list[View]: ...


@contextmanager
def retention_changes(settings: Settings) -> Iterator[RetentionChanges]:
    """Return who carries out changes now.

    Raises:
        SetupError: another process works on the data folder, or something of the installation is missing.
    """
    server = running_server(settings.run)
    if server is not None:
        yield ServerRetention(server)
        return
    from gateway.audit.retention import RetentionOffice
    from gateway.house.leftovers import forget_data_sets
    from gateway.keys.opening import open_keyring

    with data_lock(settings.state):
        keys = open_keyring(settings).log_keys
        after = partial(forget_data_sets, settings)
        yield OfflineRetention(RetentionOffice(settings.data / "audit", {}, keys, settings.audit, after=after))


class ServerRetention:
    """Changes through the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def prune(self, before: str, dry_run: bool) -> list[View]:
        return list(self._server.post("audit/prune", {"before": before, "dry_run": dry_run})["data"])

    def hold(self, reason: str, log: str) -> list[View]:
        return list(self._server.post("audit/holds", {"reason": reason, "log": log})["data"])

    def release(self, reason: str, log: str) -> list[View]:
        return list(self._server.delete("audit/holds", {"reason": reason, "log": log})["data"])


class OfflineRetention:
    """Changes to the files themselves. The caller holds the lock."""

    def __init__(self, office: RetentionOffice) -> None:
        self._office = office

    def prune(self, before: str, dry_run: bool) -> list[View]:
        return _views(asyncio.run(self._office.prune(operator(), before, dry_run=dry_run)))

    def hold(self, reason: str, log: str) -> list[View]:
        return _views(asyncio.run(self._office.hold(operator(), reason, log)))

    def release(self, reason: str, log: str) -> list[View]:
        return _views(asyncio.run(self._office.release(operator(), reason, log)))


def _views(of: object) -> list[View]:
    import msgspec

    return list(msgspec.to_builtins(of))


def _no_keys() -> Any:
    raise AssertionError("reading holds opens no log")
