"""What a load takes, before it is done: weights, cache, compute buffers and the process itself, by device. Pure.

Sizes follow llama.cpp's own sums; each function names the file that it follows, in the source distribution of
llama-cpp-python 0.3.36. What nothing there says (the process itself) was measured, and the constants say so.

Rules:

1. A price is what is in use when every slot's context is full: llama.cpp clears its cache at the start, so that all of
   it is there from then on, while compute buffers are touched by the first long prompts.
2. A file is mapped. Pages of matrices that were copied, rearranged, stay mapped beside their copies and nobody reads
   them again: they are ``spare``, not part of the price, since the kernel takes them back when it needs them.

Example::

    price = price_of(shape, Wish(context_tokens=4096, slots=4), build=frozenset({"avx2"}), gpu_layers=0)
    price.total("ram")   # bytes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.fleet.fit.shape import Layer, Shape, Tensor
from gateway.fleet.fit.words import AMX, CACHE_BYTES, LOOKED_UP, REPACKED

RAM = "ram"
_MIB = 1024 * 1024
_CELLS = 256  # a context is rounded up to so many tokens: `src/llama-context.cpp`, `src/llama-kv-cache-iswa.cpp`
_FLOAT = 4

_PROCESS_BYTES = 52 * _MIB
"""Our child with llama.cpp's library, a few requests in: 40 to 44 MiB measured, of which 24 are pages of libraries."""
_SLOT_BYTES = _MIB // 4  # measured: 0.18 MiB a slot, its thread for HTTP included
_TOKEN_BYTES = 205  # of the vocabulary: measured with 4,000, 32,000 and 256,000 tokens
_TOKEN_SLOT_BYTES = 12  # candidates of a slot's sampler: `include/llama.h`, `llama_token_data`
_MERGE_BYTES = 260  # of a vocabulary by merges, whose words are kept twice: measured with 48,900

_GPU_PROCESS_BYTES = 512 * _MIB
"""CUDA's own: context, kernels, libraries. An assumption: no GPU was at hand; the ledger corrects it after a load."""
_GPU_HOST_BYTES = 300 * _MIB  # what CUDA takes of the machine's own memory for that; an assumption, too

_ROUGH_SHARE = 0.25  # allowance on the cache of an architecture that keeps more than is counted here

CPU_BATCH_TOKENS, GPU_BATCH_TOKENS = 8, 512
"""Tokens of prompts that are read at once where the wish names no number: `gateway/engines/wheel.py`."""


@dataclass(frozen=True)
class Wish:
    """How a model is to be loaded. ``batch_tokens`` of 0: as the engine chooses; ``gpu_layers`` of -1: all that fit."""

    context_tokens: int
    slots: int
    batch_tokens: int = 0
    cache_type: str = "f16"
    flash_attention: bool = True
    gpu_layers: int = -1
    mode: Literal["chat", "embed", "rerank"] = "chat"
    unified: bool = False  # one cache for all slots
    beside_bytes: int = 0  # files that are loaded beside it: adapters


@dataclass(frozen=True)
class Parts:
    """Bytes on one device."""

    weights: int = 0
    cache: int = 0
    compute: int = 0
    process: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.compute + self.process


@dataclass(frozen=True)
class Price:
    """What a load takes. ``spare`` are bytes in memory that the kernel takes back when it needs them (rule 2), beside
    the ``mapped`` ones of the file, which are read where they are."""

    by_device: Mapping[str, Parts]
    gpu_layers: int
    spare: int
    rough: bool
    mapped: int = 0

    def total(self, device: str = RAM) -> int:
        """Return the bytes on one device."""
        return self.by_device[device].total if device in self.by_device else 0

    @property
    def mib(self) -> dict[str, int]:
        """MiB by device, rounded up: what a ledger holds."""
        return {device: -(-parts.total // _MIB) for device, parts in self.by_device.items()}

    @property
    def resident(self) -> int:
        """Bytes of the machine's own memory that the process shows: its price, and what is spare."""
        return self.total(RAM) + self.spare


def price_of(
    shape: Shape,
    wish: Wish,
    *,
    build: frozenset[str] = frozenset({"avx2"}),
    gpu_layers: int = 0,
    gpus: Mapping[str, int] | None = None,
) -> Price:
    """Return what a load takes.

    Args:
        shape: of the model.
        wish: how it is loaded.
        build: what the engine was built for: ``avx2``, ``avx512``, ``amx``, ``neon``.
        gpu_layers: layers on GPUs, from the last one down; one more than there are layers takes the output, too.
        gpus: the GPUs that the engine computes on, with their free bytes, by which it shares layers out.
    """
    batch = batch_of(wish, has_gpu=bool(gpus))
    gpu_layers = min(gpu_layers, len(shape.layers) + 1) if gpus else 0
    first = len(shape.layers) + 1 - gpu_layers  # `src/llama-model.cpp`, `load_tensors`, `i_gpu_start`
    weights, copies, spare = _weights(shape, first, build)
    cells = _Cells(shape, wish, batch)
    cache = [cells.bytes(layer) for layer in shape.layers]
    compute = compute_bytes(shape, wish, batch)
    here = _input_bytes(shape, wish, batch) if first == 0 else compute
    process = process_bytes(shape, wish) + (_GPU_HOST_BYTES if gpu_layers else 0)
    by_device = {RAM: Parts(weights + copies + wish.beside_bytes, sum(cache[:first]), here, process)}
    for gpu, layers in _shared_out(first, gpu_layers, gpus or {}).items():
        kept = sum(cache[layer] for layer in layers if layer < len(cache))
        by_device[gpu] = Parts(_moved(shape, layers), kept, compute, _GPU_PROCESS_BYTES)
    return Price(by_device, gpu_layers, spare, shape.rough, weights)


def together(price: Price, other: Price) -> Price:
    """Return the price of two models in one process: one that answers, and one that guesses ahead for it."""
    by_device = dict(price.by_device)
    for device, more in other.by_device.items():
        base = _PROCESS_BYTES if device == RAM else _GPU_PROCESS_BYTES if device in by_device else 0
        had = by_device.get(device, Parts())
        by_device[device] = Parts(
            had.weights + more.weights,
            had.cache + more.cache,
            had.compute + more.compute,
            had.process + more.process - base,
        )
    spare, mapped = price.spare + other.spare, price.mapped + other.mapped
    return Price(by_device, price.gpu_layers, spare, price.rough or other.rough, mapped)


def _shared_out(first: int, count: int, gpus: Mapping[str, int]) -> dict[str, range]:
    """Return which layers lie on which GPU: in order, by their free memory. ``src/llama-model.cpp``, ``splits``."""
    shared: dict[str, range] = {}
    whole, sum_before, begin = sum(gpus.values()), 0, first
    for gpu, free in gpus.items():
        sum_before += free
        end = first + -(-sum_before * count // whole) if whole else first + count
        if end > begin:
            shared[gpu] = range(begin, end)
        begin = end
    return shared


def batch_of(wish: Wish, has_gpu: bool) -> int:
    """Return how many tokens are read at once: as ``gateway/engines/wheel.py``, ``batch_of``."""
    if wish.mode != "chat":
        return max(wish.context_tokens, wish.batch_tokens)
    return wish.slots + (wish.batch_tokens or (GPU_BATCH_TOKENS if has_gpu else CPU_BATCH_TOKENS))


# --- weights


def _place(tensor: Tensor, shape: Shape) -> int:
    """Return the step at which a tensor is used: its layer, -1 for the input, one past the layers for the output."""
    return tensor.layer if tensor.layer >= 0 else len(shape.layers) if tensor.is_output else -1


def _moved(shape: Shape, layers: range) -> int:
    """Return the bytes of weights on a GPU; an output that is also the input's table is there a second time."""
    moved = sum(tensor.bytes for tensor in shape.tensors if _place(tensor, shape) in layers)
    return moved + (_table(shape).bytes if shape.tied and len(shape.layers) in layers else 0)


def _table(shape: Shape) -> Tensor:
    return next(tensor for tensor in shape.tensors if tensor.name == "token_embd.weight")


def _weights(shape: Shape, first: int, build: frozenset[str]) -> tuple[int, int, int]:
    """Return bytes that are read where the file is mapped, bytes of rearranged copies, and bytes mapped for nothing.

    ``src/llama-model-loader.cpp``, ``load_all_data``: after the load only what lies before the first mapped tensor and
    behind the last one is unmapped.
    """
    here = [tensor for tensor in shape.tensors if _place(tensor, shape) < first]
    copied = [tensor for tensor in here if tensor.name not in LOOKED_UP and is_copied(tensor, build)]
    names = {tensor.name for tensor in copied}
    mapped = [tensor for tensor in here if tensor.name not in names]
    copies = sum(tensor.bytes for tensor in copied)
    if shape.tied and first > len(shape.layers) and is_copied(_table(shape), build):
        copies += _table(shape).bytes
    used = sum(tensor.bytes for tensor in mapped)
    if not mapped:
        return 0, copies, 0
    span = max(tensor.offset + tensor.bytes for tensor in mapped) - min(tensor.offset for tensor in mapped)
    return used, copies, max(0, span - used)


def is_copied(tensor: Tensor, build: frozenset[str]) -> bool:
    """Return whether the processor's kernels want a rearranged copy of a matrix."""
    if len(tensor.dims) < 2 or tensor.name.endswith(".bias"):
        return False
    if "amx" in build and len(tensor.dims) == 2 and tensor.type in AMX and tensor.dims[1] % 32 == 0:
        return True
    is_matrix = len(tensor.dims) == 2 or (len(tensor.dims) == 3 and "_exps." in tensor.name)
    return is_matrix and tensor.dims[1] % 8 == 0 and any(tensor.type in REPACKED.get(name, ()) for name in build)


# --- what is kept of texts


def _padded(tokens: int) -> int:
    return -(-tokens // _CELLS) * _CELLS


class _Cells:
    """Sizes of the cache. ``src/llama-context.cpp``, ``n_ctx_seq``; ``src/llama-kv-cache.cpp``, ``-iswa.cpp``."""

    def __init__(self, shape: Shape, wish: Wish, batch: int) -> None:
        whole = _padded(wish.context_tokens * wish.slots)
        self.each = whole if wish.unified else _padded(whole // wish.slots)
        self._streams = 1 if wish.unified else wish.slots
        self._wish = wish
        self._batch = batch
        self._share = 1 + (_ROUGH_SHARE if shape.rough else 0)

    def of(self, layer: Layer) -> int:
        """Return how many tokens' keys a layer keeps for one slot."""
        if not layer.window:
            return self.each
        seen = layer.window * (self._wish.slots if self._wish.unified else 1)
        return _padded(min(self.each, seen + self._batch))

    def bytes(self, layer: Layer) -> int:
        """Return what a layer keeps for all slots."""
        kept = (layer.keys + layer.values) * CACHE_BYTES[self._wish.cache_type] * self.of(layer) * self._streams
        return int(kept * self._share) + layer.state * _FLOAT * self._wish.slots


# --- what one step needs


def _input_bytes(shape: Shape, wish: Wish, batch: int) -> int:
    """Return the masks (once as floats, once as halves) for each kind of cache, and the tokens' own vectors."""
    cells = _Cells(shape, wish, batch)
    kinds = {cells.of(layer) for layer in shape.layers if layer.keys} if shape.keeps else {batch}
    width = _FLOAT + 2 if wish.flash_attention else _FLOAT
    return sum(kinds) * batch * width + shape.width * batch * _FLOAT


def compute_bytes(shape: Shape, wish: Wish, batch: int) -> int:
    """Return the buffer of one step, for a batch that is full, and the threads' work space.

    llama.cpp lays a step's tensors over each other (``ggml/src/ggml-alloc.c``): what counts is the widest moment. That
    is either the inner layer (its two halves and their product), or attention, or the words' probabilities, or the
    scan of a state.
    """
    rows = batch if wish.mode != "chat" else min(batch, wish.slots)
    used = max(shape.experts_used, 1)
    gated = any(".ffn_gate" in tensor.name for tensor in shape.tensors)
    latent = max((layer.keys for layer in shape.layers if layer.keys and not layer.values), default=0)
    queries = shape.heads * max(shape.head, latent)
    keys = max((layer.keys + layer.values for layer in shape.layers), default=0)
    inner = (3 if gated else 2) * shape.inner * used
    attention = 2 * queries + keys + shape.width
    if not wish.flash_attention:
        attention += shape.heads * max((_Cells(shape, wish, batch).of(layer) for layer in shape.layers), default=0)
    states = 16 * shape.width if any(layer.state for layer in shape.layers) else 0
    step = batch * _FLOAT * (max(inner, attention, states) + shape.width)
    words = rows * shape.vocabulary * _FLOAT if wish.mode == "chat" else 0
    output = rows * (shape.vocabulary if wish.mode == "chat" else shape.width) * _FLOAT
    work = batch * max(shape.inner, queries, shape.width) * 2  # `ggml/src/ggml-cpu/ggml-cpu.c`, `ggml_graph_plan`
    return _input_bytes(shape, wish, batch) + max(step, words) + output + work


def process_bytes(shape: Shape, wish: Wish) -> int:
    """Return what the process takes beside all that: interpreter, libraries, vocabulary, samplers. Measured."""
    words = shape.vocabulary * (_TOKEN_BYTES + _TOKEN_SLOT_BYTES * wish.slots) + shape.merges * _MERGE_BYTES
    return _PROCESS_BYTES + words + _SLOT_BYTES * wish.slots
