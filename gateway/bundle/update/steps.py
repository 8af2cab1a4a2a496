"""What the order of an update does on a real installation: :class:`gateway.bundle.update.order.Steps`.

Under systemd the service is restarted and watched. Without it nothing may run while a version is exchanged (the command
line sees to that), and the watch is a first start on the site's own configuration and data.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gateway import durable
from gateway.bundle.install import stage
from gateway.bundle.install.prefix import Accepted, Prefix
from gateway.bundle.install.site import READY_SECONDS, Site, Wishes
from gateway.bundle.install.stage import Told
from gateway.bundle.install.verify import Verified
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.update.beside import Beside
from gateway.bundle.update.journal import Entry
from gateway.bundle.update.told import Happened, Kind, Spool

UNIT, ENDING = "sekisho.service", "sekisho-update.service"
_WATCH_SECONDS = 20  # that it must stay healthy, once it was
_SYSTEMCTL_SECONDS = 180


@dataclass(frozen=True)
class Pending:
    """What will be accepted once the new version was healthy; on disk, since the process may not live so long."""

    prefix: Prefix

    @property
    def folder(self) -> Path:
        return self.prefix.root / "state" / "pending"

    def keep(self, verified: Verified, said: Accepted) -> None:
        """MUST NOT return before it is on stable storage. Raises OSError."""
        self.forget()
        shutil.copytree(verified.accepted, self.folder / "metadata", symlinks=True)
        os.sync()
        durable.replace(self.folder / "accepted.json", msgspec.json.encode(said), mode=0o644)

    def accept(self, folder: str) -> None:
        """Accept it. Nothing was kept, or for another version: nothing is accepted. Raises OSError."""
        try:
            said = msgspec.json.decode((self.folder / "accepted.json").read_bytes(), type=Accepted)
        except (OSError, msgspec.MsgspecError):
            return
        if said.folder == folder:
            self.prefix.accept(said, self.folder / "metadata")
        self.forget()

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Installed:
    """The steps on one installation. ``verified`` and ``said`` are of the bundle that is being installed, if one is."""

    unit = UNIT

    def __init__(
        self,
        prefix: Prefix,
        site: Wishes,
        told: Told,
        verified: Verified | None = None,
        said: Accepted | None = None,
    ) -> None:
        self._prefix, self._wishes, self._told = prefix, site, told
        self._verified, self._said = verified, said
        self._pending = Pending(prefix)
        self._beside = Beside(prefix.root)
        self._under_systemd = systemctl("is-enabled", "--quiet", self.unit) == 0

    def store(self) -> None:
        """Put the parts into the store, verified."""
        self._told("store")
        verified, said = self._bundle()
        self._pending.keep(verified, said)
        stage.keep(verified, self._prefix)

    def stage(self, folder: str) -> None:
        """Make the version's folder."""
        stage.stage(self._bundle()[0], self._prefix, folder, self._told)

    def trials(self, folder: str) -> None:
        """Try the staged version: it looks at the site, decides its yesterday again, and answers beside it.

        Raises:
            BundleRefused: ``bundle.unhealthy``.
        """
        version = self._prefix.versions / folder
        site = Site(self._prefix, self._wishes)
        self._told("trial: doctor")
        site.look(version, "doctor")
        self._told("trial: policy tests")
        site.look(version, "policy", "test")
        self._told("trial: yesterday's decisions again")
        site.look(version, "policy", "replay", "--since", "1d", "--bundle", "in-force")
        self.answers_beside(version)

    def answers_beside(self, version: Path) -> None:
        """Let a version answer on an installation of its own, for as long as that takes. Raises BundleRefused."""
        self._told("trial: a first answer, beside what runs")
        with self._beside.folder() as scratch:
            words = ("--listen", f"127.0.0.1:{free_port()}", "--preset", "demo")
            trial = Site(self._prefix, replace(self._wishes, etc=scratch / "etc", data=scratch / "data", init=words))
            trial.set_up(version)
            trial.try_out(version)

    def restart(self) -> None:
        """Let what ``current`` points to be what runs, by its own units: going back brings the old ones back, too."""
        self._told("restart")
        if not self._under_systemd:
            return
        Site(self._prefix, self._wishes).lay_units()
        systemctl("enable", "--quiet", ENDING)  # where a site is from before there was one; without it `status` ends
        if systemctl("restart", self.unit) != 0:
            raise BundleRefused("bundle.unhealthy", f"systemd could not restart {self.unit}.")

    def watch(self) -> None:
        """See it become ready, and still be so after a while; without systemd: see a first start answer.

        Raises:
            BundleRefused: ``bundle.unhealthy``: it is not, and why.
        """
        self._told("watch")
        site = Site(self._prefix, self._wishes)
        if not self._under_systemd:
            site.try_out(self._prefix.current)
            return
        if not site.becomes_ready():
            raise BundleRefused("bundle.unhealthy", f"The server was not ready within {READY_SECONDS} s.")
        time.sleep(_WATCH_SECONDS)
        if not site.is_ready():
            raise BundleRefused("bundle.unhealthy", f"The server was ready, and no longer {_WATCH_SECONDS} s later.")

    def accept(self, folder: str, snapshot: int) -> None:
        """Write what is trusted from now on; going back accepts nothing."""
        if snapshot:
            self._pending.accept(folder)

    def sweep(self, folder: str) -> None:
        """Remove a version that does not run, and what a trial of it left."""
        self._beside.clear()
        self._pending.forget()
        stage.sweep(self._prefix, folder)

    def tell(self, entry: Entry, kind: Kind, why: str = "") -> None:
        """Leave word of how it ended for the audit log. Raises OSError."""
        known = {"by": entry.by, "from": entry.old, "to": entry.fresh, "release_sha256": entry.release, "why": why}
        details: dict[str, str | int] = {name: value for name, value in known.items() if value}
        if entry.snapshot:
            details["snapshot"] = entry.snapshot
        Spool.of(self._prefix.root).tell(Happened(id=entry.id, type=kind, details=details))

    def _bundle(self) -> tuple[Verified, Accepted]:
        if self._verified is None or self._said is None:
            raise BundleRefused("bundle.busy", "There is no bundle at hand.", "Give the update again.")
        return self._verified, self._said


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def systemctl(*words: str) -> int:
    """Return systemd's answer; 1 where it does not run."""
    program = shutil.which("systemctl")
    if program is None or not Path("/run/systemd/system").is_dir():
        return 1
    try:
        done = subprocess.run(  # noqa: S603  words of ours
            [program, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SYSTEMCTL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return 1
    return done.returncode
