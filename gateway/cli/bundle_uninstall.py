"""``sekisho bundle uninstall``: take an installation away and leave what the site made: configuration, keys, log."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.bundle import app
from gateway.cli.bundle_site import prefix_of, wishes_of
from gateway.cli.server import operator
from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.bundle.install.prefix import Prefix
    from gateway.bundle.install.removal import Plan

_STOP_SECONDS = 120
_MIB = 2**20


@command(
    app,
    "uninstall",
    examples=["sekisho bundle uninstall --check", "sekisho bundle uninstall --prefix /opt/sekisho --yes"],
)
def uninstall(
    session: Session,
    check: Annotated[bool, typer.Option("--check", help="Only show what would go and what stays.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    prefix: Annotated[
        Path | None, typer.Option("--prefix", metavar="DIR", help="The installation; else the one this program is of.")
    ] = None,
) -> None:
    """Stop and remove units, versions and parts. Configuration, keys, log and data stay, and so does what was trusted.

    The system user stays as well: the log is its own. An older bundle than the one that was here is refused later, too.
    """
    from gateway.bundle.install.removal import plan, remove
    from gateway.bundle.update.journal import Journal

    place = _place(prefix)
    with Journal(place.root).held():
        planned = plan(place, _kept(session))
        data = {
            "prefix": str(place.root),
            "units": [str(path) for path in planned.units],
            "removed": [str(path) for path in planned.gone],
            "stays": [str(path) for path in planned.stays],
            "bytes": planned.bytes,
        }
        if not planned.gone and not planned.units:
            session.output.result({**data, "done": False}, f"Nothing is installed in {place.root}.")
            return
        if check:
            session.output.result({**data, "done": False}, _words(planned))
            return
        _refuse_running(session, planned)
        _ask(planned, yes=yes)
        with session.output.progress(f"Removing {planned.bytes // _MIB:,} MiB"):
            remove(place, planned, operator(), _systemctl)
    stays = ", ".join(map(str, planned.stays)) or "nothing"
    session.output.result({**data, "done": True}, f"Sekisho is removed from {place.root}. What stays: {stays}")


def _place(said: Path | None) -> Prefix:
    """As :func:`prefix_of`; one that was named may be half gone already."""
    from gateway.bundle.install.prefix import Prefix

    if said is None:
        return prefix_of(None)
    place = Prefix(said.resolve())
    if not (place.versions.is_dir() or place.store.is_dir() or place.current.is_symlink() or place.accepted()):
        raise SetupError(f"{said} is no installation.", "Name it: --prefix /opt/sekisho", exit_code=USED_WRONGLY)
    return place


def _kept(session: Session) -> tuple[Path, ...]:
    if not session.settings.source:
        return ()
    wishes = wishes_of(session)
    return (wishes.etc, wishes.data)


def _refuse_running(session: Session, planned: Plan) -> None:
    """A server that no unit of ours would stop is stopped by whoever started it."""
    from gateway.cli.server import running_server

    if not planned.units and running_server(session.settings.run) is not None:
        raise SetupError("The server runs.", "Stop it, then give this again.")


def _ask(planned: Plan, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise SetupError("Nobody is here to say yes.", "Give --yes, or --check to look first.", exit_code=USED_WRONGLY)
    typer.echo(_words(planned), err=True)
    typer.confirm("Remove it?", abort=True, err=True)


def _words(planned: Plan) -> str:
    gone = "\n".join(f"  goes   {path}" for path in (*planned.units, *planned.gone))
    stays = "\n".join(f"  stays  {path}" for path in planned.stays)
    return f"{gone}\n{stays}\n{planned.bytes / _MIB:,.0f} MiB become free."


def _systemctl(words: Sequence[str]) -> None:
    """Run a command of systemd. Raises SetupError: it did not end well."""
    try:
        done = subprocess.run(  # noqa: S603  words of ours
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_STOP_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise SetupError(
            f"{words[0]} could not be run ({type(problem).__name__}).", "Stop the units by hand."
        ) from None
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise SetupError(f"{words[0]} said: {said[:200]}", "Stop the units by hand, then give this again.")
