"""llama.cpp's server as the ``xllamacpp`` wheel brings it: its parameters, and what it says of itself.

Runs in the engine's own process only, inside the locks. Every switch that could show one caller's prompt to another,
write a file or look elsewhere is set here, whatever its default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.engines.config import WorkerConfig

_BATCH_TOKENS_CPU = 8
"""Tokens of prompts that are read between two looks at who hung up, beside one token for each slot that answers. Two
such batches pass before a slot is free again. Measured with a small model on two cores: batches of 8 are read at 0.79
of the speed of 64 and free the slot in 20 to 130 ms; of 16 are no faster and take up to 220 ms, of 64 up to 1.6 s; of
512 are as fast as 64. Eight callers on four slots get 0.92 of the tokens that they get with 64, 0.81 without the slots'
own share."""
_BATCH_TOKENS_GPU = 512
_HTTP_THREADS_SPARE = 4
_ERRORS_ONLY = 1
WRITE_TIMEOUT_SECONDS = 60
LONGEST_DEVICE = 256


def batch_of(config: WorkerConfig, has_gpu: bool) -> int:
    """Return how many tokens are read at once. An input that becomes one vector is read as a whole."""
    if config.mode != "chat":
        return max(config.context_tokens, config.batch_tokens)
    return config.slots + (config.batch_tokens or (_BATCH_TOKENS_GPU if has_gpu else _BATCH_TOKENS_CPU))


def threads_of(config: WorkerConfig) -> int:
    return config.threads or len(os.sched_getaffinity(0))


def http_threads_of(config: WorkerConfig) -> int:
    return config.slots + _HTTP_THREADS_SPARE


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
    parameters.n_parallel = config.slots
    parameters.n_ctx = config.slots * config.context_tokens
    parameters.ctx_shift = False  # too long is an error, not a silent cut
    parameters.cont_batching = True
    parameters.n_batch = parameters.n_ubatch = batch_of(config, has_gpu)
    parameters.n_gpu_layers = config.gpu_layers
    parameters.fit_params = has_gpu and config.gpu_layers < 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads_of(config)
    parameters.n_threads_http = http_threads_of(config)
    parameters.timeout_write = WRITE_TIMEOUT_SECONDS


def _remember(parameters: Any, config: WorkerConfig, library: Any) -> None:
    """How past tokens are kept and attended to."""
    flash = {"auto": "AUTO", "on": "ENABLED", "off": "DISABLED"}[config.flash_attention]
    parameters.flash_attn_type = library.llama_flash_attn_type[f"LLAMA_FLASH_ATTN_TYPE_{flash}"]
    kept = library.ggml_type[f"GGML_TYPE_{config.cache_type.upper()}"]
    parameters.cache_type_k = parameters.cache_type_v = kept


def _pool(parameters: Any, config: WorkerConfig, library: Any) -> None:
    """Answer with vectors, or scores."""
    pooling = "rank" if config.mode == "rerank" else config.pooling
    parameters.embedding = True
    if pooling:
        parameters.pooling_type = library.llama_pooling_type[f"LLAMA_POOLING_TYPE_{pooling.upper()}"]


def _accompany(parameters: Any, config: WorkerConfig, library: Any) -> None:
    """Load adapters, of which none acts unless a request names it, and the model that guesses ahead."""
    parameters.lora_adapters = [library.CommonAdapterLoraInfo(file, 0.0) for file in config.adapters]
    if config.draft:
        parameters.speculative.types = [library.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
        parameters.speculative.draft.mparams.path = config.draft
        parameters.speculative.draft.n_max = config.draft_tokens
        parameters.speculative.draft.n_gpu_layers = config.gpu_layers


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
    _remember(parameters, config, xllamacpp)
    _accompany(parameters, config, xllamacpp)
    if config.mode != "chat":
        _pool(parameters, config, xllamacpp)
    build = build_of(xllamacpp.__version__, xllamacpp.BUILD_INFO)
    return xllamacpp.Server(parameters), device_of(devices, config.gpu_layers), build
