"""The engine's own process: ``python -m gateway.engines.worker CONFIG_FD STATUS_FD``.

It reads its configuration and secret from a descriptor, locks itself in, serves llama.cpp's own HTTP server on one
Unix socket, and says so on the other descriptor, one JSON line per state. From the moment that it can receive a prompt
its standard output and error lead nowhere, since llama.cpp prints what it cannot parse. It dies with its parent.

States: ``locked`` (with its locks), then ``listening``; or ``refused`` (it cannot be locked in), or ``failed``. An
engine that was built here says ``loading`` in between, and ``listening`` when it was told to by SIGUSR1.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from gateway.engines import landlock, library, sandbox, wheel
from gateway.engines.config import Status, WorkerConfig

_OURS = (signal.SIGTERM, signal.SIGUSR1)
_LOOK_SECONDS = 0.02
_NICE = 5


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


def give_way() -> None:
    """Let the checkpoint go first where both want a processor: a decision of the policy has 250 ms, a token has longer.

    An engine is a session of its own, and some kernels share a processor out between sessions, whatever ``nice`` says.
    """
    os.nice(_NICE)
    with suppress(OSError):  # a kernel that does not, or a container that shows it to nobody
        Path("/proc/self/autogroup").write_text(str(_NICE))


def mute() -> None:
    """Lead standard output and error nowhere, for good."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _parent_wants(parent: int, *signals: signal.Signals, seconds: float) -> signal.Signals | None:
    """Wait so long for one of the signals. Ends the process when the parent has."""
    if os.getppid() != parent:
        os._exit(0)
    received = signal.sigtimedwait(signals, seconds)
    return signal.Signals(received.si_signo) if received is not None else None


def _wait(parent: int) -> NoReturn:
    while _parent_wants(parent, signal.SIGTERM, seconds=1.0) is None:
        pass
    os._exit(0)  # nothing here is worth an orderly end: no destructor may hold it up


def serve_wheel(config: WorkerConfig, status: int) -> NoReturn:
    """Serve with the wheel, which listens once the model is loaded. Raises RuntimeError, ImportError, OSError."""
    _server, device, build = wheel.serve(config)  # it serves as long as this name holds it
    mute()
    _tell(status, Status("listening", device=device, build=build))
    _wait(config.parent)


def serve_built(config: WorkerConfig, status: int) -> None:
    """Serve with an engine that was built here; returns when it ended by itself. Raises OSError, DecodeError.

    It listens before it loads, and says nothing when it is done with that. So the parent asks it, and tells us by
    SIGUSR1 that it answers; prompts come after that.
    """
    server = library.ServerThread(config)
    server.start()
    told = muted = False
    while not server.ended.is_set():
        if not told and server.listens():
            told = True
            _tell(status, Status("loading"))
        wanted = _parent_wants(config.parent, signal.SIGTERM, signal.SIGUSR1, seconds=1.0 if muted else _LOOK_SECONDS)
        if wanted is signal.SIGTERM:
            os._exit(0)
        if wanted is signal.SIGUSR1 and not muted:
            muted = True
            mute()
            _tell(status, Status("listening", device=server.device, build=server.build))


def run(config: WorkerConfig, status: int) -> int:
    """Lock in, serve until SIGTERM; return an exit code if that cannot be."""
    give_way()
    signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)  # taken by `_parent_wants`, whichever thread they reach
    locks = lock_in(config)
    problems = sandbox.unmet(locks)
    if problems and config.sandbox == "required":
        _tell(status, Status("refused", locks, " ".join(problems)))
        return 3
    _tell(status, Status("locked", locks))
    try:
        (serve_built if config.engine else serve_wheel)(config, status)
        problem = "It could not load the model."
    except (RuntimeError, ImportError, OSError, AttributeError, msgspec.DecodeError) as error:
        problem = f"{type(error).__name__} while loading."
    _tell(status, Status("failed", problem=problem))
    os._exit(4)  # threads of the server may still be there


def main() -> int:
    config_fd, status_fd = (int(word) for word in sys.argv[1:3])
    os.set_inheritable(status_fd, False)
    return run(msgspec.json.decode(_read_all(config_fd), type=WorkerConfig), status_fd)


if __name__ == "__main__":
    sys.exit(main())
