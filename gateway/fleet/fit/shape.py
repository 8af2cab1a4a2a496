"""What a model's header says of the memory that it will take: layers, heads, windows, states, tensors. Pure.

Example::

    shape = shape_of(layout)                  # of gateway.registry.gguf.read_layout
    shape.layers[0].keys, shape.layers[0].window   # 256 numbers a token, 0: the whole context
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from gateway.errors import SetupError
from gateway.fleet.fit.words import BOTH, NO_CACHE, ROUGH, WINDOW_EVERY, WINDOW_TOKENS

Scalar = int | float | bool | str

_MOST_LAYERS = 512  # `src/llama-hparams.h`, LLAMA_MAX_LAYERS


class TensorRow(Protocol):
    """One row of a file's tensor table; :class:`gateway.registry.gguf.Tensor` is one."""

    @property
    def name(self) -> str: ...

    @property
    def dims(self) -> tuple[int, ...]: ...

    @property
    def type(self) -> str: ...

    @property
    def bytes(self) -> int: ...

    @property
    def offset(self) -> int: ...


class FileLayout(Protocol):
    """A model file's header; :class:`gateway.registry.gguf.Layout` is one."""

    @property
    def metadata(self) -> Mapping[str, Scalar]: ...

    @property
    def lengths(self) -> Mapping[str, int]: ...

    @property
    def numbers(self) -> Mapping[str, tuple[int | float, ...]]: ...

    @property
    def tensors(self) -> Sequence[TensorRow]: ...


@dataclass(frozen=True)
class Tensor:
    """``layer`` is -1 for what belongs to none."""

    name: str
    dims: tuple[int, ...]
    type: str
    bytes: int
    offset: int
    layer: int

    @property
    def is_output(self) -> bool:
        """Whether it lies where the last step is computed."""
        return self.layer < 0 and self.name.startswith(("output", "cls", "dense"))


@dataclass(frozen=True)
class Layer:
    """What one layer keeps: numbers per token of the context, and numbers per slot."""

    keys: int
    values: int
    window: int  # tokens that it looks back; 0: all
    state: int  # per slot, whatever the context


@dataclass(frozen=True)
class Shape:
    """``rough``: it keeps things that are not counted here, so a price is a lower bound with an allowance."""

    architecture: str
    trained_tokens: int
    width: int
    heads: int
    head: int
    inner: int  # widest layer inside, of one expert
    experts: int
    experts_used: int
    vocabulary: int
    merges: int  # rules of its tokenizer
    layers: tuple[Layer, ...]
    tensors: tuple[Tensor, ...]
    rough: bool

    @property
    def keeps(self) -> bool:
        """Whether it keeps anything of a text that was read."""
        return any(layer.keys or layer.state for layer in self.layers)

    @property
    def tied(self) -> bool:
        """Whether the table of tokens is the output's matrix, too."""
        names = {tensor.name for tensor in self.tensors}
        return self.keeps and "output.weight" not in names and "token_embd.weight" in names


def shape_of(layout: FileLayout) -> Shape:
    """Return the shape of a model.

    Raises:
        SetupError: the header lacks what every model says: architecture, layers, width.
    """
    said = _Said(layout)
    layers = said.count("block_count")
    if not (said.architecture and 0 < layers <= _MOST_LAYERS and said.count("embedding_length")):
        problem = "The model's header does not say its architecture, layers and width."
        raise SetupError(problem, "Fetch the file again, or convert it to GGUF with a newer program.")
    tensors = tuple(_placed(row, layers) for row in layout.tensors)
    parts: list[set[str]] = [set() for _ in range(layers)]
    for tensor in tensors:
        if tensor.layer >= 0:
            parts[tensor.layer].add(tensor.name.split(".")[2])
    heads = max(said.each("attention.head_count", layers), default=0)
    return Shape(
        architecture=said.architecture,
        trained_tokens=said.count("context_length"),
        width=said.count("embedding_length"),
        heads=heads,
        head=said.count("attention.key_length") or said.count("embedding_length") // max(heads, 1),
        inner=_inner(tensors),
        experts=said.count("expert_count"),
        experts_used=max(said.each("expert_used_count", layers), default=0),
        vocabulary=said.vocabulary(tensors),
        merges=layout.lengths.get("tokenizer.ggml.merges", 0),
        layers=tuple(_layer(said, number, parts[number], layers) for number in range(layers)),
        tensors=tensors,
        rough=said.architecture in ROUGH,
    )


class _Said:
    """The header's values under the architecture's name."""

    def __init__(self, layout: FileLayout) -> None:
        self._layout = layout
        self.architecture = str(layout.metadata.get("general.architecture", ""))
        self.every, self.dense_first = WINDOW_EVERY.get(self.architecture, (1, False))

    def count(self, key: str, default: int = 0) -> int:
        value = self._layout.metadata.get(f"{self.architecture}.{key}", default)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default

    def each(self, key: str, layers: int) -> tuple[int, ...]:
        """Return a value by layer, which the header gives once or as an array."""
        listed = self._layout.numbers.get(f"{self.architecture}.{key}", ())
        if not listed:
            return (self.count(key),) * layers
        found = tuple(max(0, int(value)) if isfinite(value) else 0 for value in listed)
        return found + (found[-1],) * (layers - len(found))

    def vocabulary(self, tensors: Sequence[Tensor]) -> int:
        tokens = self._layout.lengths.get("tokenizer.ggml.tokens", 0)
        tables = (tensor for tensor in tensors if tensor.name == "token_embd.weight" and len(tensor.dims) > 1)
        rows = next((table.dims[1] for table in tables), 0)
        return max(tokens, rows)


def _placed(row: TensorRow, layers: int) -> Tensor:
    found = re.match(r"blk\.(\d{1,6})\..", row.name)
    layer = int(found[1]) if found and int(found[1]) < layers else -1
    return Tensor(row.name, tuple(row.dims), row.type, row.bytes, row.offset, layer)


def _inner(tensors: Sequence[Tensor]) -> int:
    """Return the widest inner layer, from ``ffn_up``: the header names several, and not every architecture all."""
    ups = (tensor for tensor in tensors if ".ffn_up" in tensor.name and len(tensor.dims) > 1)
    return max((tensor.dims[1] for tensor in ups), default=0)


def _layer(said: _Said, number: int, parts: set[str], layers: int) -> Layer:
    recurrent = any(part.startswith(("ssm_", "time_mix", "shortconv", "linear_attn")) for part in parts)
    attends = not recurrent or said.architecture in BOTH
    keys, values = _kept(said, number, layers) if attends and _has_cache(said, number, layers) else (0, 0)
    return Layer(keys, values, _window(said, number), _state(said, layers) if recurrent else 0)


def _has_cache(said: _Said, number: int, layers: int) -> bool:
    """As ``src/llama-hparams.cpp``, ``has_kv``, and the filters of ``src/llama-model.cpp``, ``create_memory``."""
    if said.architecture in NO_CACHE:
        return False
    last = layers - said.count("nextn_predict_layers") or layers
    if said.architecture == "gemma3n":
        last = min(last, 20)
    return number < min(last, layers - said.count("attention.shared_kv_layers"))


def _kept(said: _Said, number: int, layers: int) -> tuple[int, int]:
    """Return keys and values, in numbers per token. ``src/llama-hparams.cpp``, ``n_embd_k_gqa``."""
    queries = said.each("attention.head_count", layers)
    heads = said.each("attention.head_count_kv", layers)
    count = (heads if any(heads) else queries)[number]
    usual = said.count("embedding_length") // max(max(queries, default=0), 1)
    narrow = "_swa" if _window(said, number) else ""
    key = said.count("attention.key_length", usual)
    value = said.count("attention.value_length", usual)
    if said.count("attention.key_length_mla"):
        return count * key, 0  # latent: values are made of the keys
    key, value = said.count(f"attention.key_length{narrow}", key), said.count(f"attention.value_length{narrow}", value)
    return count * key, count * value


def _window(said: _Said, number: int) -> int:
    """Return how far a layer looks back; 0 for all. ``src/llama-hparams.cpp``, ``set_swa_pattern``."""
    window = said.count("attention.sliding_window", WINDOW_TOKENS.get(said.architecture, 0))
    pattern = said.each("attention.sliding_window_pattern", 1)
    if said.architecture == "exaone4" and said.count("block_count") != 64:
        return 0
    if len(pattern) > 1:
        return window if number < len(pattern) and pattern[number] else 0
    every = said.count("attention.sliding_window_pattern", said.every)
    if said.architecture not in WINDOW_EVERY:
        return 0
    place = number % every if every else 0
    whole = every > 0 and place == (0 if said.dense_first else every - 1)
    return 0 if whole else window


def _state(said: _Said, layers: int) -> int:
    """Return the numbers that a recurrent layer keeps per slot: ``src/llama-hparams.cpp``, ``n_embd_r`` and ``_s``."""
    width, heads = said.count("embedding_length"), max(said.each("attention.head_count", layers), default=0)
    if block := said.count("wkv.head_size"):
        return (said.count("token_shift_count", 2) + block) * width
    if cells := said.count("shortconv.l_cache"):
        return width * (cells - 1)
    if kda := said.count("kda.head_dim"):
        return 3 * max(said.count("ssm.conv_kernel", 4) - 1, 0) * heads * kda + kda * kda * heads
    inner, states = said.count("ssm.inner_size"), said.count("ssm.state_size")
    past = max(said.count("ssm.conv_kernel") - 1, 0) * (inner + 2 * said.count("ssm.group_count") * states)
    return past + states * inner
