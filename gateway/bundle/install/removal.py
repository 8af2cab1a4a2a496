"""Taking an installation away: units, versions, parts. What the site made itself stays: configuration, keys, log, data.

What was trusted stays as well (``PREFIX/state/accepted``): who installs again later does not accept an older bundle
than the one that was here. So does the word of updates that no log has yet.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.bundle.install.prefix import Prefix
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.update.journal import Journal
from gateway.bundle.update.told import Happened, Spool

UNITS = Path("/etc/systemd/system")
_OWN_STATE = ("receipt.json", "update.lock")  # of PREFIX/state: says nothing once nothing is installed
Run = Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Plan:
    """What would go, and what stays. ``units`` are files below :data:`UNITS` that start this very installation."""

    units: tuple[Path, ...]
    gone: tuple[Path, ...]
    stays: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """What becomes free: a part with several names counts once."""
        seen: dict[tuple[int, int], int] = {}
        for path in _files(self.gone):
            status = path.lstat()
            seen[status.st_dev, status.st_ino] = status.st_size
        return sum(seen.values())


def plan(prefix: Prefix, kept: Sequence[Path], units: Path = UNITS) -> Plan:
    """Look what an installation consists of; nothing is changed.

    Args:
        kept: configuration and data, which stay whatever lies there.

    Raises:
        BundleRefused: ``bundle.busy``: an update is under way; ``bundle.permission``: configuration or data lie where
            versions do.
    """
    if Journal(prefix.root).read() is not None:
        raise BundleRefused("bundle.busy", "An update was interrupted.", "End it first: sekisho bundle status")
    gone = [path for path in (prefix.current, prefix.versions, prefix.store) if path.is_symlink() or path.exists()]
    gone += [path for name in _OWN_STATE if (path := prefix.root / "state" / name).exists()]
    for one in kept:
        if any(one.resolve().is_relative_to(path.resolve()) for path in (prefix.versions, prefix.store)):
            raise BundleRefused("bundle.permission", f"{one} lies in what would be removed.", "Move it away first.")
    stays = [path for path in (*kept, prefix.root / "state") if path.exists()]
    return Plan(tuple(_units(prefix, units)), tuple(gone), tuple(stays))


def remove(prefix: Prefix, planned: Plan, by: str, run: Run) -> None:
    """Stop and remove. Given again after it was interrupted, it goes on.

    The link goes first: from then on nothing starts what is half gone.

    Args:
        by: who gave it, for the audit log of whoever installs here again.
        run: runs a command of systemd.

    Raises:
        OSError, BundleRefused: what ``run`` raises.
    """
    version = prefix.current.readlink().name if prefix.current.is_symlink() else ""
    if planned.units:
        run(["systemctl", "disable", "--now", *(unit.name for unit in planned.units)])
        for unit in planned.units:
            unit.unlink(missing_ok=True)
        run(["systemctl", "daemon-reload"])
    if version:
        Spool.of(prefix.root).tell(Happened(type="update.removed", details={"by": by, "from": version}))
    for path in planned.gone:
        if path.is_symlink() or path.is_file():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path)


def _units(prefix: Prefix, folder: Path) -> Iterator[Path]:
    """Unit files that start what lies below this prefix; those of another installation are none of ours."""
    for path in sorted(folder.glob("sekisho*")) if folder.is_dir() else ():
        if path.is_file() and f"{prefix.root}/current/" in path.read_text(encoding="utf-8", errors="replace"):
            yield path


def _files(roots: Sequence[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_dir() and not root.is_symlink():
            yield from (path for path in root.rglob("*") if path.is_symlink() or path.is_file())
        else:
            yield root
