"""``sekisho bundle verify | update | rollback | status``: what a site does with a bundle once a first one is there."""

from __future__ import annotations

import pwd
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.bundle import app
from gateway.cli.session import COULD_NOT, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.bundle.install.prefix import Prefix
    from gateway.bundle.install.site import Wishes
    from gateway.bundle.install.verify import Verified
    from gateway.bundle.update.order import Outcome

PrefixOption = Annotated[
    Path | None, typer.Option("--prefix", metavar="DIR", help="The installation; else the one this program is of.")
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
    prefix: PrefixOption = None,
) -> None:
    """Verify a bundle to the last byte; install nothing."""
    from gateway.bundle.install.prefix import Prefix

    place = Prefix(Path("/nonexistent")) if root is not None else _prefix(prefix)
    first = b"" if root is None else _read(root)
    with _verified(session, file, place, first) as (found, _):
        told = {"release": found.release.version, "profile": found.release.profile, "snapshot": found.snapshot}
        carries = "whole" if found.release.carries == "all" else f"{found.release.carries} alone"
        line = f"Sekisho {found.release.version} ({found.release.profile}, {carries}) is what was signed."
        session.output.result({**told, "carries": found.release.carries}, line)


@command(app, "update", examples=["sekisho bundle update sekisho-1.5.0-cpu.tar", "sekisho bundle update policies.tar"])
def update(session: Session, file: File, prefix: PrefixOption = None) -> None:
    """Verify a bundle, lay its version beside the one that runs, try it, switch, watch; go back if it is not healthy.

    Before the switch nothing of what runs is touched. An update that is interrupted is ended by `bundle status`.
    """
    from gateway.bundle.install import machine
    from gateway.bundle.install.prefix import Accepted
    from gateway.bundle.update import order
    from gateway.bundle.update.journal import Journal
    from gateway.bundle.update.steps import Installed

    place = _prefix(prefix)
    _refuse_running(session)
    with Journal(place.root).held(), _verified(session, file, place, b"") as (found, at):
        before = place.accepted()
        if before is not None and before.release_sha256 == found.release_sha256:
            raise SetupError(
                f"Sekisho {before.version} of that bundle is installed here already.", "", exit_code=COULD_NOT
            )
        machine.check_fit(found.release, machine.Machine.this())
        machine.check_room(found.release, place.root, place.stored())
        folder = place.next_folder(found.release.version)
        said = Accepted(
            version=found.release.version,
            folder=folder,
            release_sha256=found.release_sha256,
            snapshot=found.snapshot,
            at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        steps = Installed(place, _wishes(session), session.output.note, found, said)
        _tell(session, order.update(place.root, steps, folder, found.snapshot))


@command(app, "rollback", examples=["sekisho bundle rollback", "sekisho bundle rollback --to 1-1.4.0"])
def rollback(
    session: Session,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="Else the one before what runs.")] = "",
    prefix: PrefixOption = None,
) -> None:
    """Go back to a version that is still installed. What is trusted stays: an older bundle is not accepted by it."""
    from gateway.bundle.update import link, order
    from gateway.bundle.update.journal import Journal
    from gateway.bundle.update.steps import Installed

    place = _prefix(prefix)
    _refuse_running(session)
    runs = link.current(place.root)
    others = [name for name in _versions(place) if name != runs]
    earlier = [name for name in others if _number(name) < _number(runs)]
    wanted = to or (earlier[-1] if earlier else "")
    if wanted not in others:
        mend = f"Installed: {', '.join(others)}." if others else "No other version is installed here."
        raise SetupError("There is no such version to go back to.", mend, exit_code=USED_WRONGLY)
    with Journal(place.root).held():
        _tell(session, order.go_to(place.root, Installed(place, _wishes(session), session.output.note), wanted))


@command(app, "status", examples=["sekisho bundle status", "sekisho bundle status --json"])
def status(session: Session, prefix: PrefixOption = None) -> None:
    """Show what is installed, what runs, what was last accepted; end an update that was interrupted."""
    from gateway.bundle.update import link, order
    from gateway.bundle.update.journal import Journal
    from gateway.bundle.update.steps import Installed

    place = _prefix(prefix)
    journal = Journal(place.root)
    with journal.held():
        if journal.read() is not None:
            session.output.note("An update was interrupted; it is ended now.")
            _refuse_running(session)
            outcome = order.recover(place.root, Installed(place, _wishes(session), session.output.note))
            session.output.note(_words(outcome))
        runs, accepted = link.current(place.root), place.accepted()
        rows = [(name, "runs" if name == runs else "") for name in _versions(place)]
        told: dict[str, Any] = {"prefix": str(place.root), "runs": runs, "versions": _versions(place)}
        if accepted is not None:
            told["accepted"] = {"version": accepted.version, "snapshot": accepted.snapshot, "at": accepted.at}
        session.output.table(f"Installed in {place.root}", ("version", ""), rows, told, "Nothing is installed here.")


# --- how


def _prefix(said: Path | None) -> Prefix:
    from gateway.bundle.install.prefix import Prefix

    if said is not None:
        return Prefix(said.resolve())
    own = Path(sys.prefix).resolve()
    if own.parent.name != "versions":
        mend = "Name the installation: --prefix /opt/sekisho"
        raise SetupError("This program was not installed from a bundle.", mend, exit_code=USED_WRONGLY)
    return Prefix(own.parent.parent)


def _wishes(session: Session) -> Wishes:
    from gateway.bundle.install.site import Wishes

    settings = session.settings
    if not settings.source:
        raise SetupError(
            "There is no configuration.", "Name it: --config /etc/sekisho/sekisho.yaml", exit_code=USED_WRONGLY
        )
    user = pwd.getpwuid(settings.data.stat().st_uid).pw_name if settings.data.exists() else "sekisho"
    return Wishes(Path(settings.source).parent, settings.data, user)


def _refuse_running(session: Session) -> None:
    """Without systemd nothing may run while versions are exchanged: nobody could start it anew."""
    from gateway.cli.server import running_server

    if not Path("/run/systemd/system").is_dir() and running_server(session.settings.run) is not None:
        raise SetupError("The server runs, and there is no systemd to start it anew.", "Stop it, then give this again.")


@contextmanager
def _verified(session: Session, file: Path, place: Prefix, root: bytes) -> Iterator[tuple[Verified, datetime]]:
    from gateway.bundle.install.verify import verify
    from gateway.bundle.refusal import BundleRefused
    from gateway.bundle.repository.reference_time import latest
    from gateway.bundle.unpack import unpack

    scratch_place = place.root / "state" if (place.root / "state").is_dir() else None
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=scratch_place) as folder:
        with session.output.progress(f"Unpacking and verifying {file.name}"):
            if not file.is_file():
                raise SetupError(f"{file} cannot be read.", "Give the .tar of a bundle.", exit_code=USED_WRONGLY)
            unpack(file, Path(folder, "bundle"), file.name)
            tops = list(Path(folder, "bundle").iterdir())
            if len(tops) != 1:
                raise BundleRefused("bundle.malformed", f"{file.name} has not one folder at its top.")
            at = latest(datetime.now(UTC), place.accepted_at())
            Path(folder, "scratch").mkdir()
            found = verify(tops[0], root, Path(folder, "scratch"), trusted=place.trusted, at=at, has=place.stored())
        yield found, at


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
