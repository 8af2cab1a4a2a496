"""The engine's own process: ``python -m gateway.engines.worker CONFIG_FD STATUS_FD``.

It reads its configuration and secret from a descriptor, locks itself in, serves llama.cpp's own HTTP server on one
Unix socket, and says so on the other descriptor, one JSON line per state. From the moment that it can receive a prompt
its standard output and error lead nowhere, since llama.cpp prints what it cannot parse. It dies with its parent.

States: ``locked`` (with its locks), then ``listening``; or ``refused`` (it cannot be locked in), or ``failed``.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from gateway.engines import landlock, sandbox, wheel
from gateway.engines.config import Status, WorkerConfig


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _tell(descriptor: int, status: Status) -> None:
    os.write(descriptor, msgspec.json.encode(status) + b"\n")


def lock_in(config: WorkerConfig) -> dict[str, str]:
    """Take all locks, so that only the model's files can be read and only the socket's folder be written."""
    rules = [
        *((path, landlock.READ) for path in config.readable),
        (Path(config.socket).parent.resolve(), landlock.SOCKETS),
        *(sandbox.gpu_rules() if config.gpu_layers else []),
    ]
    locks = sandbox.lock_in(rules)
    sandbox.die_with(config.parent)
    return locks


def mute() -> None:
    """Lead standard output and error nowhere, for good."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _wait(parent: int) -> NoReturn:
    while os.getppid() == parent:
        if signal.sigtimedwait([signal.SIGTERM], 1.0) is not None:
            break
    os._exit(0)  # nothing here is worth an orderly end: no destructor may hold it up


def run(config: WorkerConfig, status: int) -> int:
    """Lock in, serve until SIGTERM; return an exit code if that cannot be."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # taken by `_wait`, whichever thread it reaches
    locks = lock_in(config)
    problems = sandbox.unmet(locks)
    if problems and config.sandbox == "required":
        _tell(status, Status("refused", locks, " ".join(problems)))
        return 3
    _tell(status, Status("locked", locks))
    try:
        _server, device, build = wheel.serve(config)  # it serves as long as this name holds it
    except (RuntimeError, ImportError, OSError) as error:
        _tell(status, Status("failed", problem=f"{type(error).__name__} while loading."))
        return 4
    mute()
    _tell(status, Status("listening", device=device, build=build))
    _wait(config.parent)


def main() -> int:
    config_fd, status_fd = (int(word) for word in sys.argv[1:3])
    os.set_inheritable(status_fd, False)
    return run(msgspec.json.decode(_read_all(config_fd), type=WorkerConfig), status_fd)


if __name__ == "__main__":
    sys.exit(main())
