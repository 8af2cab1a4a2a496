"""Server processes of a measurement: started on loopback, waited for, ended by their own ids."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from yardstick.machine import family

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".cache" / "bench"


class NotStarted(Exception):
    """A peer cannot be measured; `str()` says why and what to do."""


def free_port() -> int:
    """Return a loopback port that is free now. Somebody may take it before its server does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One process with its descendants. Its output goes to `log`; nothing of it outlives :meth:`stop`."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**kept, **(environment or {})},
                cwd=log.parent,
            )
        self.pid = self._process.pid

    def wait_for(self, url: str, seconds: float) -> None:
        """Return when `url` answers 200. Raises NotStarted, as :meth:`wait_until`."""
        self.wait_until(lambda: _answers(url), seconds)

    def wait_until(self, is_up: Callable[[], bool], seconds: float) -> None:
        """Return when `is_up` says yes.

        Raises:
            NotStarted: the process ended or the time ran out; it is stopped, and the end of its log is told.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            if is_up():
                return
            time.sleep(0.1)
        ended = self._process.poll()
        self.stop()
        what = f"did not answer within {seconds:.0f} s" if ended is None else f"ended with {ended}"
        raise NotStarted(f"{what}: {self._tail()}")

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-3:])[-400:]

    def stop(self, grace_seconds: float = 10.0) -> None:
        """SIGTERM, then SIGKILL for what is left of this process and its descendants. Safe to call twice."""
        members = family(self.pid) if self._process.poll() is None else []
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        for member in members:
            if member != self.pid and _is_zombie_or_gone(member):
                continue
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        self._process.wait()


def _is_zombie_or_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 (loopback)
            return bool(answer.status == 200)
    except OSError:
        return False
