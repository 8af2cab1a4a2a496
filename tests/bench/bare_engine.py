"""The engine with nothing before it: ``bare_engine.py WEIGHTS FOLDER SLOTS CONTEXT_TOKENS gateway|own``.

`gateway` starts it with the very parameters that Sekisho gives it, `own` with those of llama.cpp. It listens on the
Unix socket FOLDER/e.sock with the key `bench`, and makes FOLDER/ready when it does.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import xllamacpp

from gateway.engines.config import WorkerConfig
from gateway.engines.wheel import serve


def as_the_gateway(weights: str, socket: Path, slots: int, context_tokens: int) -> Any:
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
    )
    return serve(config)


def on_its_own(weights: str, socket: Path, slots: int, context_tokens: int) -> Any:
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
    server = start(sys.argv[1], folder / "e.sock", int(sys.argv[3]), int(sys.argv[4]))
    (folder / "ready").touch()
    signal.sigwait([signal.SIGTERM])
    os._exit(0)
