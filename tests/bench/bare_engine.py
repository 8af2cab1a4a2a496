"""The engine with nothing before it: ``bare_engine.py WEIGHTS FOLDER SLOTS CONTEXT_TOKENS gateway|own [ENGINE]``.

`gateway` starts it with the very parameters that Sekisho gives it, and at the same priority; `own` with those of
llama.cpp. ENGINE is the folder of an engine that was built here, in place of the wheel's. It listens on the Unix socket
FOLDER/e.sock with the key `bench`, and makes FOLDER/ready when it answers.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.engines.config import WorkerConfig
from gateway.engines.library import ServerThread
from gateway.engines.worker import give_way


def as_the_gateway(weights: str, socket: Path, slots: int, context_tokens: int, engine: str) -> Any:
    config = WorkerConfig(
        parent=os.getppid(),
        weights=weights,
        model="bench",
        socket=str(socket),
        secret="bench",
        threads=0,
        gpu_layers=-1,
        context_tokens=context_tokens,
        slots=slots,
        sandbox="best-effort",
        engine=engine,
    )
    with suppress(OSError):  # a session of its own, as the gateway's engine is
        os.setsid()
    give_way()
    if engine:  # the wheel's libraries stay out of that process: they bear the same names
        return built(config)
    from gateway.engines.wheel import serve

    return serve(config)


def built(config: WorkerConfig) -> ServerThread:
    """Serve with an engine that was built here; return when its model is loaded."""
    server = ServerThread(config)
    server.start()
    while not answers(config.socket):
        if server.ended.is_set():
            sys.exit("the engine ended while it loaded")
        time.sleep(0.05)
    return server


def answers(path: str) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(path)
        probe.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return b" 200 " in probe.recv(64)
    return False


def on_its_own(weights: str, socket: Path, slots: int, context_tokens: int, engine: str) -> Any:
    if engine:
        sys.exit("an engine that was built here runs with the gateway's parameters alone")
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights
    parameters.hostnames = [str(socket)]
    parameters.api_keys = ["bench"]
    parameters.offline = True
    parameters.use_jinja = True
    parameters.cache_ram_mib = 0
    parameters.n_parallel = slots
    parameters.n_ctx = slots * context_tokens
    return xllamacpp.Server(parameters)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    start = as_the_gateway if sys.argv[5] == "gateway" else on_its_own
    folder = Path(sys.argv[2])
    engine = sys.argv[6] if len(sys.argv) > 6 else ""
    server = start(sys.argv[1], folder / "e.sock", int(sys.argv[3]), int(sys.argv[4]), engine)
    (folder / "ready").touch()
    signal.sigwait([signal.SIGTERM])
    os._exit(0)
