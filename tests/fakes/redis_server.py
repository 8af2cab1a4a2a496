"""A real Redis on a Unix socket, for the time of a test: the one that set-up unpacked, or the one in PATH."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "redis"


class RedisServer:
    """Started with what is given it; stopped and started again at will. Keeps nothing on disk."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket = folder / "redis.sock"
        self._options = ("--unixsocket", str(self.socket), "--save", "", "--dir", str(folder), *options)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        libraries = {"LD_LIBRARY_PATH": str(CACHE / "usr/lib/x86_64-linux-gnu")}
        ports = () if "--port" in self._options or "--tls-port" in self._options else ("--port", "0")
        command = [_program(), *ports, *self._options]
        self._process = subprocess.Popen(command, env=libraries, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < end, "Redis did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True


def _program() -> str:
    unpacked = CACHE / "usr/bin/redis-server"
    found = str(unpacked) if unpacked.exists() else shutil.which("redis-server")
    return found or pytest.fail("There is no redis-server. Run: make deps")
