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
from gateway.bundle.refusal import BundleRefused
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

    def watch(self) -> None:
        """See it listen, and still do so after a while; without systemd: see a first start be ready.

        Raises:
            BundleRefused: ``bundle.unhealthy``: it is not, and why.
        """
        self._told("watch")
        if not self._under_systemd:
            self._start_once(self._prefix.current)
            return
        end = time.monotonic() + _READY_SECONDS
        while not _answers(self._listen):
            if time.monotonic() > end:
                raise _unhealthy(f"The node did not listen on {self._listen} within {_READY_SECONDS} s.")
            time.sleep(0.25)
        time.sleep(_STAYS_SECONDS)
        if systemctl("is-active", "--quiet", self.unit) != 0 or not _answers(self._listen):
            raise _unhealthy(f"The node listened, and no longer {_STAYS_SECONDS} s later.")

    def _start_once(self, version: Path) -> None:
        """See ``node serve`` of a version say that it is ready; it is ended then. Raises BundleRefused."""
        config = self._wishes.etc / "sekisho.yaml"
        command = [str(version / "bin/sekisho"), "--config", str(config), "node", "serve", "--json"]
        with subprocess.Popen(  # noqa: S603  words of ours
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
            preexec_fn=bound(), **self._as_owner(),  # noqa: PLW1509  the installer has one thread
        ) as process:  # fmt: skip
            try:
                _await_ready(process)
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


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    """Wait for its line. Raises BundleRefused: it ended before that, or said nothing for too long."""
    assert process.stdout is not None  # noqa: S101  for the type checker
    os.set_blocking(process.stdout.fileno(), False)
    said, end = b"", time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        said += process.stdout.read() or b""
        if _READY.search(said):
            return
        if process.poll() is not None:
            raise _unhealthy(f"A first start of the node ended with status {process.returncode} before it was ready.")
        time.sleep(0.1)
    raise _unhealthy(f"A first start of the node was not ready within {_READY_SECONDS} s.")


def _unhealthy(problem: str) -> BundleRefused:
    return BundleRefused("bundle.unhealthy", problem, "Look: journalctl -u sekisho-node; sekisho node serve")


def _answers(listen: str) -> bool:
    host, _, port = listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104  what it listens on
    try:
        socket.create_connection((host, int(port)), 2).close()
    except (OSError, ValueError):
        return False
    return True
