"""A real gateway in a process of its own: real engine, real OPA, real log, in a folder of its own.

A tour: :func:`install` does what a person does (``sekisho init``, the model into the store, ``sekisho keys create``);
:class:`Running` is ``sekisho serve`` there, until it is ended. Its standard error goes to ``stderr.log`` in the folder.

``sekisho init`` builds and tests the policies, which takes seconds of a processor: it runs once in each process of
tests, and every installation is a copy of what it left, with a port of its own. Their keys are the same, therefore.
"""

from __future__ import annotations

import atexit
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SEKISHO = Path(sys.executable).parent / "sekisho"
START_SECONDS = 300.0  # on a machine that others load, too
LONGEST_COPIED = 40  # characters; in a longer folder `init` puts the sockets elsewhere


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sekisho(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run a command there; it must exit with ``code``. Returns its standard output."""
    command = [str(SEKISHO), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def install(folder: Path, model_file: Path, **change: dict[str, Any]) -> Path:
    """Make an installation in ``folder``; ``change`` overrides sections of its ``sekisho.yaml``. Returns that file."""
    if len(str(folder.resolve())) > LONGEST_COPIED:
        _init(folder)
    else:
        shutil.copytree(_new(), folder, dirs_exist_ok=True)
    store = folder / ".sekisho" / "store" / "sha256"
    store.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model_file, store / model_file.name)
    config = folder / "sekisho.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["server"]["listen"] = f"127.0.0.1:{free_port()}"
    for section, values in change.items():
        settings.setdefault(section, {}).update(values)
    config.write_text(yaml.safe_dump(settings))
    if {"directory", "rules"} & change.get("policy", {}).keys():  # other policies than those that init put in force
        sekisho(folder, "policy", "build")
        sekisho(folder, "policy", "activate", "latest")
    return config


@cache
def _new() -> Path:
    """A folder as ``sekisho init`` leaves it, made once."""
    folder = Path(tempfile.mkdtemp(prefix="sk-new-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _init(folder)
    return folder


def _init(folder: Path) -> None:
    sekisho(folder, "init", "--site", "plant", "--jurisdiction", "DE", "--preset", "demo")


class Running:
    """One served installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = yaml.safe_load((folder / "sekisho.yaml").read_text())
        self.listen: str = settings["server"]["listen"]
        self.certificate: str = settings["server"].get("tls_certificate", "")
        self.base = f"{'https' if self.certificate else 'http'}://{self.listen}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Running:
        self.log = (self.folder / "stderr.log").open("ab")
        self.process = subprocess.Popen(
            # core files are wanted here: a crash must leave none because the gateway forbids it, not because we do
            ["/bin/sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", str(SEKISHO), "serve"],
            cwd=self.folder,
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            assert self.process.poll() is None, self.stderr()
            assert time.monotonic() < deadline, f"not ready in {START_SECONDS} s\n{self.stderr()}"
            time.sleep(0.1)
        return self

    def _ready(self) -> bool:
        host, port = self.listen.split(":")
        try:
            with self._secured(socket.create_connection((host, int(port)), timeout=2), host) as probe:
                probe.sendall(b"GET /health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                return b" 200 " in probe.recv(64)
        except OSError:
            return False

    def _secured(self, plain: socket.socket, host: str) -> socket.socket:
        if not self.certificate:
            return plain
        return ssl.create_default_context(cafile=self.certificate).wrap_socket(plain, server_hostname=host)

    def key(self, name: str = "test", *more: str, **options: str) -> str:
        """Create an API key on the running server."""
        flags = [part for option, value in options.items() for part in (f"--{option.replace('_', '-')}", value)]
        made = sekisho(self.folder, "keys", "create", "--name", name, "--tenant", "acme", *flags, *more, "--json")
        return str(json.loads(made)["key"])

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def child(self, word: str) -> int:
        """Return the pid of the descendant whose command line holds ``word``."""
        found = [pid for pid in descendants(self.pid) if word in command_line(pid)]
        assert len(found) == 1, [command_line(pid) for pid in descendants(self.pid)]
        return found[0]

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        """End it and return its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise
        finally:
            self.log.close()

    def stderr(self) -> str:
        return (self.folder / "stderr.log").read_text(errors="replace")


def descendants(pid: int) -> list[int]:
    """Return all processes below ``pid``."""
    try:
        raw = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    children = [int(child) for child in raw.split()]
    return [*children, *(below for child in children for below in descendants(child))]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
