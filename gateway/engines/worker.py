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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import msgspec

from gateway.engines import landlock, sandbox

_BATCH_TOKENS_CPU = 8
"""Tokens of prompts that are read between two looks at who hung up, beside one token for each slot that answers. Two
such batches pass before a slot is free again. Measured with a small model on two cores: batches of 8 are read at 0.79
of the speed of 64 and free the slot in 20 to 130 ms; of 16 are no faster and take up to 220 ms, of 64 up to 1.6 s; of
512 are as fast as 64. Eight callers on four slots get 0.92 of the tokens that they get with 64, 0.81 without the slots'
own share."""
_BATCH_TOKENS_GPU = 512
_HTTP_THREADS_SPARE = 4
_ERRORS_ONLY = 1
_WRITE_TIMEOUT_SECONDS = 60
LONGEST_DEVICE = 256


class WorkerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the child must know. ``show_slots`` opens ``/slots`` to whoever has the secret: for tests of cancelling."""

    parent: int  # process id
    weights: str
    model: str
    socket: str
    secret: str
    threads: int
    gpu_layers: int
    context_tokens: int
    slots: int
    sandbox: Literal["required", "best-effort"]
    show_slots: bool = False
    chat_template: str = ""  # Jinja; empty: the model's own
    batch_tokens: int = 0  # 0: by what the machine has


class Status(msgspec.Struct, frozen=True):
    """One line to the parent."""

    state: Literal["locked", "listening", "refused", "failed"]
    locks: dict[str, str] = {}
    problem: str = ""
    device: str = ""  # what computes: "cpu: …" or "gpu: …"
    build: str = ""  # which program, with its version


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _tell(descriptor: int, status: Status) -> None:
    os.write(descriptor, msgspec.json.encode(status) + b"\n")


def lock_in(config: WorkerConfig) -> dict[str, str]:
    """Take all locks, so that only the weights can be read and only the socket's folder be written."""
    rules = [
        (Path(config.weights).resolve(), landlock.READ),
        (Path(config.socket).parent.resolve(), landlock.SOCKETS),
        *(sandbox.gpu_rules() if config.gpu_layers else []),
    ]
    locks = sandbox.lock_in(rules)
    sandbox.die_with(config.parent)
    return locks


def _close_doors(parameters: Any, config: WorkerConfig) -> None:
    """No page, no tools, no foreign origins, no slots or state to look at, nothing kept of one prompt for another."""
    parameters.offline = True
    parameters.ui = parameters.ui_mcp_proxy = False
    parameters.server_tools = []
    parameters.mcp_servers_config = parameters.mcp_servers_json = ""
    parameters.models_autoload = False
    parameters.cors_origins = parameters.cors_headers = parameters.cors_methods = ""
    parameters.cors_credentials = False
    parameters.endpoint_slots = config.show_slots
    parameters.endpoint_props = parameters.endpoint_metrics = False
    parameters.slot_save_path = parameters.path_prompts_log_dir = parameters.media_path = ""
    parameters.slot_prompt_similarity = 0.0  # never choose a slot by what its last prompt was
    parameters.cache_ram_mib = 0  # no pool of all callers' prompts
    parameters.cache_idle_slots = False
    parameters.kv_unified = False  # each slot has its own cells
    parameters.n_cache_reuse = parameters.n_ctx_checkpoints = 0
    parameters.verbosity = _ERRORS_ONLY


def _size(parameters: Any, config: WorkerConfig, has_gpu: bool) -> None:
    batch = config.slots + (config.batch_tokens or (_BATCH_TOKENS_GPU if has_gpu else _BATCH_TOKENS_CPU))
    threads = config.threads or len(os.sched_getaffinity(0))
    parameters.n_parallel = config.slots
    parameters.n_ctx = config.slots * config.context_tokens
    parameters.ctx_shift = False  # too long is an error, not a silent cut
    parameters.cont_batching = True
    parameters.n_batch = parameters.n_ubatch = batch
    parameters.n_gpu_layers = config.gpu_layers
    parameters.fit_params = has_gpu and config.gpu_layers < 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_threads_http = config.slots + _HTTP_THREADS_SPARE
    parameters.timeout_write = _WRITE_TIMEOUT_SECONDS


def device_of(found: Sequence[Mapping[str, Any]], gpu_layers: int) -> str:
    """Return what computes, in words: ``gpu: NVIDIA H200``, ``cpu: AMD EPYC 9654``.

    Args:
        found: what llama.cpp says of the machine's devices: ``type`` and ``description``.
        gpu_layers: how many layers may lie on a GPU; 0 keeps all of them off it.
    """
    kinds = {"gpu": "GPU", "cpu": "CPU"} if gpu_layers else {"cpu": "CPU"}
    for kind, ending in kinds.items():
        names = dict.fromkeys(each["description"].strip() for each in found if each["type"].name.endswith(ending))
        if names:
            return f"{kind}: {', '.join(names)}"[:LONGEST_DEVICE]
    return ""


def build_of(version: str, info: Mapping[str, Any]) -> str:
    """Return the engine's name and version, and llama.cpp's own build where the engine knows it."""
    number, commit = info.get("build_number", 0), info.get("commit", "unknown")
    return f"xllamacpp/{version}" + (f" llama.cpp/b{number}-{commit}" if number else "")


def serve(config: WorkerConfig) -> tuple[Any, str, str]:
    """Load the model; return the listening server, which lives as long as it is referred to, what it runs on, and its
    build.

    Raises:
        RuntimeError: the model cannot be loaded, or the socket not be bound.
    """
    import xllamacpp  # noqa: PLC0415 - only ever inside the locks

    devices = xllamacpp.get_device_info()
    has_gpu = any(device["type"].name.endswith("GPU") for device in devices)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = config.weights
    parameters.model_alias = {config.model}
    parameters.hostnames = [config.socket]
    parameters.api_keys = [config.secret]
    parameters.use_jinja = True
    if config.chat_template:
        parameters.chat_template = config.chat_template
    parameters.warmup = False  # the parent asks for a real token before it calls this one ready
    parameters.prefill_assistant = False  # a last message of the assistant is history, as for OpenAI
    _close_doors(parameters, config)
    _size(parameters, config, has_gpu)
    build = build_of(xllamacpp.__version__, xllamacpp.BUILD_INFO)
    return xllamacpp.Server(parameters), device_of(devices, config.gpu_layers), build


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
        _server, device, build = serve(config)  # it serves as long as this name holds it
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
