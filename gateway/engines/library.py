"""llama.cpp's server as it was built on this machine: loaded into the engine's own process, not started as a program.

So the same locks hold as around the wheel, system calls included (a program could not be started under them), and the
secret is on no command line: what looks like one here is an array in memory. The switches say what
:mod:`gateway.engines.wheel` says in its own words; llama.cpp's defaults are not relied on.
"""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path

import msgspec

from gateway.engines.config import WorkerConfig
from gateway.engines.shelf import MANIFEST, BuiltEngine
from gateway.engines.wheel import LONGEST_DEVICE, WRITE_TIMEOUT_SECONDS, batch_of, http_threads_of, threads_of

SERVER_LIBRARY = "libllama-server-impl.so"
_ENTRY = "_Z12llama_serveriPPc"  # int llama_server(int, char **)
_GPU_KINDS = (1, 2)  # ggml_backend_dev_type: a GPU, one that shares the memory; 0 is the processor
_STACK_BYTES = 16 * 1024 * 1024  # as a main thread's, and more: grammars are parsed by recursion


def _closed_doors(config: WorkerConfig) -> list[str]:
    """No page, no tools, no foreign origins, no slots or state to look at, nothing kept of one prompt for another."""
    return [
        "--offline", "--no-ui", "--no-ui-mcp-proxy", "--no-models-autoload",
        "--cors-origins", "", "--cors-methods", "", "--cors-headers", "", "--no-cors-credentials",
        "--slots" if config.show_slots else "--no-slots",
        "--slot-prompt-similarity", "0", "--cache-ram", "0", "--no-cache-idle-slots", "--no-kv-unified",
        "--cache-reuse", "0", "--ctx-checkpoints", "0", "--log-colors", "off", "--verbosity", "1",
    ]  # fmt: skip


def _sizes(config: WorkerConfig, has_gpu: bool) -> list[str]:
    batch, threads = str(batch_of(config, has_gpu)), str(threads_of(config))
    fits = "on" if has_gpu and config.gpu_layers < 0 else "off"
    layers = "auto" if config.gpu_layers < 0 else str(config.gpu_layers)
    return [
        "--parallel", str(config.slots), "--ctx-size", str(config.slots * config.context_tokens),
        "--no-context-shift", "--cont-batching", "--batch-size", batch, "--ubatch-size", batch,
        "--gpu-layers", layers, "--fit", fits, "--threads", threads, "--threads-batch", threads,
        "--threads-http", str(http_threads_of(config)), "--timeout", str(WRITE_TIMEOUT_SECONDS),
        "--flash-attn", config.flash_attention,
        "--cache-type-k", config.cache_type, "--cache-type-v", config.cache_type,
    ]  # fmt: skip


def _in_a_list(file: str) -> str:
    """Return a path as one field of a comma-separated list."""
    return '"' + file.replace('"', '""') + '"'


def _company(config: WorkerConfig) -> list[str]:
    """Adapters, of which none acts unless a request names it, and the model that guesses ahead."""
    words = ["--lora", ",".join(map(_in_a_list, config.adapters))] if config.adapters else []
    if config.draft:
        words += ["--spec-draft-model", config.draft, "--spec-type", "draft-simple"]
        words += ["--spec-draft-n-max", str(config.draft_tokens)]
    return words


def _use(config: WorkerConfig) -> list[str]:
    if config.mode == "rerank":
        return ["--rerank"]
    if config.mode == "embed":
        return ["--embeddings", *(["--pooling", config.pooling] if config.pooling else [])]
    return []


def arguments_of(config: WorkerConfig, *, has_gpu: bool, repack: bool = True) -> list[str]:
    """Return the words that a ``llama-server`` of this configuration would be started with."""
    template = ["--chat-template", config.chat_template] if config.chat_template else []
    return [
        "llama-server", "--model", config.weights, "--alias", config.model,
        "--host", config.socket, "--api-key", config.secret,
        "--jinja", *template, "--no-warmup", "--no-prefill-assistant",
        *_closed_doors(config), *_sizes(config, has_gpu), *_company(config), *_use(config),
        *([] if repack else ["--no-repack"]),
    ]  # fmt: skip


def device_names(library: ctypes.CDLL, gpu_layers: int) -> tuple[str, bool]:
    """Return what computes, as :func:`gateway.engines.wheel.device_of` says it, and whether a GPU is there."""
    library.ggml_backend_dev_get.restype = library.ggml_backend_dev_description.restype = ctypes.c_void_p
    library.ggml_backend_dev_count.restype = ctypes.c_size_t
    found: dict[bool, list[str]] = {True: [], False: []}
    for number in range(library.ggml_backend_dev_count()):
        device = ctypes.c_void_p(library.ggml_backend_dev_get(ctypes.c_size_t(number)))
        told = ctypes.string_at(library.ggml_backend_dev_description(device)).decode("utf-8", "replace").strip()
        kind = library.ggml_backend_dev_type(device)
        if kind == 0 or kind in _GPU_KINDS:
            found[kind in _GPU_KINDS].append(told)
    on_gpu = bool(found[True]) and gpu_layers != 0
    names = ", ".join(dict.fromkeys(found[on_gpu]))
    if not names:
        return "", bool(found[True])
    return f"{'gpu' if on_gpu else 'cpu'}: {names}"[:LONGEST_DEVICE], bool(found[True])


class ServerThread:
    """The server, running in a thread of its own from :meth:`start` on. It ends with the process."""

    def __init__(self, config: WorkerConfig) -> None:
        folder = Path(config.engine)
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=BuiltEngine)
        self._library = ctypes.CDLL(str(folder / SERVER_LIBRARY), mode=ctypes.RTLD_GLOBAL)
        self.device, has_gpu = device_names(self._library, config.gpu_layers)
        self.build = manifest.build
        self._socket = Path(config.socket)
        self._arguments = arguments_of(config, has_gpu=has_gpu, repack=manifest.repack)
        self._thread = threading.Thread(target=self._run, name="llama-server", daemon=True)
        self.ended = threading.Event()

    def start(self) -> None:
        before = threading.stack_size(_STACK_BYTES)
        try:
            self._thread.start()
        finally:
            threading.stack_size(before)

    def listens(self) -> bool:
        """Whether its socket is there; the model is loaded after that."""
        return self._socket.exists()

    def _run(self) -> None:
        words = [word.encode() for word in self._arguments]
        array = (ctypes.c_char_p * (len(words) + 1))(*words, None)
        try:
            self._library[_ENTRY](len(words), array)
        finally:
            self.ended.set()
