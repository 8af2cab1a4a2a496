"""What the order of an update does on a machine that lends its engines to a gateway elsewhere.

It has no policy, no keys of callers and no yesterday. What counts there is that the new version's engines answer on
this machine, and that the node listens again.
"""

from __future__ import annotations

import os
import pwd
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from gateway.bundle.install.child import bound
from gateway.bundle.install.prefix import Accepted, Prefix
from gateway.bundle.install.site import Wishes
from gateway.bundle.install.stage import Told
from gateway.bundle.install.verify import Verified
from gateway.bundle.update.steps import Installed, systemctl

_READY_SECONDS = 90
_STAYS_SECONDS = 20
_END_SECONDS = 30
_READY = re.compile(rb'"event": ?"ready"')


class InstalledNode(Installed):
    """The steps on a node.

    Args:
        listen: ``host:port`` on which it answers its gateway.
    """

    unit = "sekisho-node.service"

    def __init__(
        self,
        prefix: Prefix,
        site: Wishes,
        told: Told,
        listen: str,
        verified: Verified | None = None,
        said: Accepted | None = None,
    ) -> None:
        super().__init__(prefix, site, told, verified, said)
        self._listen = listen

    def trials(self, folder: str) -> None:
        """Let the staged version answer beside what runs. Raises BundleRefused: ``bundle.unhealthy``."""
        self.answers_beside(self._prefix.versions / folder)

    def healthy(self) -> bool:
        """Whether it listens, and still does after a while; without systemd: whether a first start does."""
        self._told("watch")
        if not self._under_systemd:
            return self._starts(self._prefix.current)
        end = time.monotonic() + _READY_SECONDS
        while not _answers(self._listen):
            if time.monotonic() > end:
                return False
            time.sleep(0.25)
        time.sleep(_STAYS_SECONDS)
        return systemctl("is-active", "--quiet", self.unit) == 0 and _answers(self._listen)

    def _starts(self, version: Path) -> bool:
        """Whether ``node serve`` of a version says that it is ready; it is ended then."""
        config = self._wishes.etc / "sekisho.yaml"
        command = [str(version / "bin/sekisho"), "--config", str(config), "node", "serve", "--json"]
        with subprocess.Popen(  # noqa: S603  words of ours
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
            preexec_fn=bound(), **self._as_owner(),  # noqa: PLW1509  the installer has one thread
        ) as process:  # fmt: skip
            try:
                return _says_ready(process)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(_END_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()

    def _as_owner(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        known = pwd.getpwnam(self._wishes.user)
        return {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}


def _says_ready(process: subprocess.Popen[bytes]) -> bool:
    """Wait for its line; it ends with the process, or is killed after a while."""
    assert process.stdout is not None  # noqa: S101  for the type checker
    os.set_blocking(process.stdout.fileno(), False)
    said, end = b"", time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        said += process.stdout.read() or b""
        if _READY.search(said):
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.1)
    return False


def _answers(listen: str) -> bool:
    host, _, port = listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104  what it listens on
    try:
        socket.create_connection((host, int(port)), 2).close()
    except (OSError, ValueError):
        return False
    return True
