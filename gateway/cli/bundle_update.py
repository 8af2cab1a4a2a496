"""``sekisho bundle verify | update | rollback | status``: what a site does with a bundle once a first one is there."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.bundle import app
from gateway.cli.bundle_site import (
    is_node,
    not_in_log,
    prefix_of,
    refusals_told,
    steps_of,
    taken_here,
    verified,
    wishes_of,
)
from gateway.cli.server import operator
from gateway.cli.session import COULD_NOT, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.bundle.install.prefix import Prefix
    from gateway.bundle.install.verify import Verified
    from gateway.bundle.update.journal import Entry
    from gateway.bundle.update.order import Outcome

PrefixOption = Annotated[
    Path | None, typer.Option("--prefix", metavar="DIR", help="The installation; else the one this program is of.")
]
Glass = Annotated[
    Path | None, typer.Option("--break-glass", metavar="FILE", help="A statement that lets this one be past its end.")
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The bundle, one .tar.")]


@command(
    app,
    "verify",
    examples=[
        "sekisho bundle verify sekisho-cpu.tar --root roots/1.root.json",
        "sekisho bundle verify sekisho-cpu.tar",
    ],
)
def verify(
    session: Session,
    file: File,
    root: Annotated[
        Path | None, typer.Option("--root", metavar="FILE", help="The root; else what the site trusts.")
    ] = None,
    glass: Glass = None,
    prefix: PrefixOption = None,
) -> None:
    """Verify a bundle to the last byte; install nothing."""
    from gateway.bundle.install.prefix import Prefix

    place = Prefix(Path("/nonexistent")) if root is not None else prefix_of(prefix)
    first = b"" if root is None else _read(root)
    with verified(session, file, place, first, glass) as (found, _):
        told = {"release": found.release.version, "profile": found.release.profile, "snapshot": found.snapshot}
        carries = "whole" if found.release.carries == "all" else f"{found.release.carries} alone"
        line = f"Sekisho {found.release.version} ({found.release.profile}, {carries}) is what was signed."
        session.output.result({**told, "carries": found.release.carries}, line)


@command(
    app,
    "update",
    examples=[
        "sekisho bundle update sekisho-1.5.0-cpu.tar",
        "sekisho bundle update policies.tar",
        "sekisho bundle update --ordered",
    ],
)
def update(
    session: Session,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The bundle, one .tar.")] = None,
    ordered: Annotated[
        bool, typer.Option("--ordered", help="On a node: the one that its gateway brought and ordered.")
    ] = False,
    glass: Glass = None,
    prefix: PrefixOption = None,
) -> None:
    """Verify a bundle, lay its version beside the one that runs, try it, switch, watch; go back if it is not healthy.

    Before the switch nothing of what runs is touched. An update that is interrupted is ended by `bundle status`.
    """
    place = prefix_of(prefix)
    if ordered == (file is not None):
        raise SetupError("Give the file of a bundle, or --ordered.", "See: --help", exit_code=USED_WRONGLY)
    if file is not None:
        _tell(session, _updated(session, file, glass, place, operator()))
        return
    _tell(session, _carried_out(session, place))


def _carried_out(session: Session, place: Prefix) -> Outcome:
    """Install what the gateway ordered, and leave word of how that ended where the node's service finds it."""
    from gateway.bundle import ordered
    from gateway.bundle.refusal import BundleRefused

    _refuse_running(session)  # before the order is taken: who stops the node finds it still there
    with ordered.taken(session.settings.data / "bundles", place.root) as (order, copy):
        end = partial(ordered.Ended, order.id, order.sha256)
        try:
            outcome = _updated(session, copy, None, place, "the node's gateway")
        except BundleRefused:
            raise  # it is told where the order was taken
        except SetupError as error:
            ordered.tell(place.root, end("refused", "bundle.busy", str(error)[:400]))
            raise
        except BaseException as error:
            ordered.tell(place.root, end("refused", "bundle.unhealthy", type(error).__name__))
            raise
        ordered.tell(place.root, end("back" if outcome.how == "back" else "kept", "", outcome.why[:400]))
        return outcome


def _updated(session: Session, file: Path, glass: Path | None, place: Prefix, by: str) -> Outcome:
    from gateway.bundle.install import machine
    from gateway.bundle.install.prefix import Accepted
    from gateway.bundle.update import order
    from gateway.bundle.update.journal import Journal
    from gateway.bundle.update.told import Spool, glass_used

    wishes = wishes_of(session)
    _refuse_running(session)
    with ExitStack() as stack:
        stack.enter_context(Journal(place.root).held())
        with refusals_told(place, by):
            found, at = stack.enter_context(verified(session, file, place, b"", glass))
            machine.check_fit(found.release, machine.Machine.this())
        _refuse_installed(place, found)
        machine.check_room(found.release, place.root, place.stored())
        spool = Spool.of(place.root)
        spool.forget(taken_here(session))
        if found.glass is not None:
            spool.tell(glass_used(found.glass, by))
        folder = place.next_folder(found.release.version)
        said = Accepted(
            version=found.release.version,
            folder=folder,
            release_sha256=found.release_sha256,
            snapshot=found.snapshot,
            at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        steps = steps_of(session, place, wishes, found, said)
        return order.update(place.root, steps, folder, found.snapshot, found.release_sha256, by)


@command(app, "rollback", examples=["sekisho bundle rollback", "sekisho bundle rollback --to 1-1.4.0"])
def rollback(
    session: Session,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="Else the one before what runs.")] = "",
    prefix: PrefixOption = None,
) -> None:
    """Go back to a version that is still installed. What is trusted stays: an older bundle is not accepted by it."""
    from gateway.bundle.update import link, order
    from gateway.bundle.update.journal import Journal

    place = prefix_of(prefix)
    _refuse_running(session)
    runs = link.current(place.root)
    others = [name for name in _versions(place) if name != runs]
    earlier = [name for name in others if _number(name) < _number(runs)]
    wanted = to or (earlier[-1] if earlier else "")
    if wanted not in others:
        mend = f"Installed: {', '.join(others)}." if others else "No other version is installed here."
        raise SetupError("There is no such version to go back to.", mend, exit_code=USED_WRONGLY)
    with Journal(place.root).held():
        steps = steps_of(session, place, wishes_of(session))
        _tell(session, order.go_to(place.root, steps, wanted, operator()))


@command(app, "status", examples=["sekisho bundle status", "sekisho bundle status --json"])
def status(session: Session, prefix: PrefixOption = None) -> None:
    """Show what is installed, what runs, what was last accepted, what the audit log lacks; end an interrupted update.

    While an update is under way it shows where that stands, and ends nothing.
    """
    from gateway.bundle import ordered
    from gateway.bundle.refusal import BundleRefused
    from gateway.bundle.update import order
    from gateway.bundle.update.journal import Journal

    place = prefix_of(prefix)
    journal = Journal(place.root)
    try:
        with journal.held():
            if journal.read() is not None:
                session.output.note("An update was interrupted; it is ended now.")
                _refuse_running(session)
                outcome = order.recover(place.root, steps_of(session, place, wishes_of(session)))
                ordered.interrupted(place.root, runs=outcome.how == "kept", why=outcome.why)
                session.output.note(_words(outcome))
            _show(session, place, None)
    except BundleRefused as refused:
        under_way = journal.read()
        if refused.code != "bundle.busy" or under_way is None:
            raise
        _show(session, place, under_way)


# --- how


def _show(session: Session, place: Prefix, under_way: Entry | None) -> None:
    from gateway.bundle.update import link

    runs, accepted, lacks = link.current(place.root), place.accepted(), not_in_log(session, place)
    versions = _versions(place)
    rows = [(name, "runs" if name == runs else "") for name in versions]
    told: dict[str, Any] = {"prefix": str(place.root), "runs": runs, "versions": versions}
    if accepted is not None:
        told["accepted"] = {"version": accepted.version, "snapshot": accepted.snapshot, "at": accepted.at}
        rows.append((f"accepted: {accepted.folder}", accepted.at))
    if under_way is not None:
        told["under_way"] = {"step": under_way.step, "to": under_way.fresh, "from": under_way.old}
        rows.append((f"under way: {under_way.fresh}", under_way.step))
    told["not_in_log"] = lacks
    rows += [(f"not in the audit log yet: {one['type']}", one["at"]) for one in lacks or ()]
    session.output.table(f"Installed in {place.root}", ("", ""), rows, told, "Nothing is installed here.")


def _refuse_installed(place: Prefix, found: Verified) -> None:
    """Refuse the bundle that was accepted last: it is here. One may have gone back from it since."""
    from gateway.bundle.update import link

    before = place.accepted()
    if before is None or before.release_sha256 != found.release_sha256:
        return
    problem = f"Sekisho {before.version} of that bundle is installed here already."
    here = (place.versions / before.folder).is_dir() and link.current(place.root) != before.folder
    mend = f"sekisho bundle rollback --to {before.folder} lets it run." if here else "It runs."
    if here or link.current(place.root) == before.folder:
        raise SetupError(problem, mend, exit_code=COULD_NOT)


def _refuse_running(session: Session) -> None:
    """Without systemd nothing may run while versions are exchanged: nobody could start it anew."""
    from gateway.cli.lock import is_locked
    from gateway.cli.server import running_server

    if Path("/run/systemd/system").is_dir():
        return
    if running_server(session.settings.run) is not None:
        raise SetupError("The server runs, and there is no systemd to start it anew.", "Stop it, then give this again.")
    if is_node(session) and is_locked(session.settings.state):
        raise SetupError("The node serves, and there is no systemd to start it anew.", "Stop it, then give this again.")


def _tell(session: Session, outcome: Outcome) -> None:
    session.output.result({"how": outcome.how, "runs": outcome.runs, "why": outcome.why}, _words(outcome))
    if outcome.how == "back":
        raise typer.Exit(COULD_NOT)


def _words(outcome: Outcome) -> str:
    said = {
        "kept": f"{outcome.runs} runs.",
        "back": f"It was put back: {outcome.runs} runs. {outcome.why}",
        "removed": f"What was staged is removed; {outcome.runs} runs. {outcome.why}",
        "nothing": f"{outcome.runs} runs.",
    }
    return said[outcome.how]


def _versions(place: Prefix) -> list[str]:
    return sorted((path.name for path in place.versions.glob("*-*") if path.is_dir()), key=_number)


def _number(name: str) -> int:
    head = name.partition("-")[0]
    return int(head) if head.isdigit() else 0


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise SetupError(f"{file} cannot be read ({problem.strerror}).", "Give the file of a root.") from None
