"""Models with random weights: real GGUF files of every shape that llama.cpp loads and answers from, made in seconds.

A recipe names an architecture, its sizes and the type of its matrices; :func:`write` makes the file. The words that
such a model says mean nothing, but the memory it takes is that of a trained one of its shape. ::

    write(RECIPES["dense"], folder / "dense.gguf")
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

_PIECE_VALUES = 256 * 1024  # made once per type, then repeated: quantising gigabytes would take minutes
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # llama.cpp, include/llama.h, enum llama_token_type

_POSITIONS = 4096  # of the embedding model

Tensors = Iterator[tuple[str, tuple[int, ...], Kind]]


@dataclass(frozen=True)
class Recipe:
    """One model. ``extra`` goes into the header under the architecture's name."""

    architecture: str = "llama"
    layers: int = 8
    width: int = 1024
    heads: int = 16
    kv_heads: int = 4
    head: int = 64
    inner: int = 4096
    vocabulary: int = 32000
    kind: Kind = Kind.Q8_0
    experts: int = 0
    experts_used: int = 2
    tied: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "dense": Recipe(layers=16),
    "many-heads": Recipe(layers=12, kv_heads=16, kind=Kind.Q4_0),
    "experts": Recipe(layers=8, inner=1024, experts=16, kind=Kind.Q4_K),
    "windows": Recipe("gemma3", layers=12, heads=8, head=128, kind=Kind.F16, tied=True, extra={"window": 512}),
    "embedding": Recipe("bert", layers=12, width=768, heads=12, kv_heads=12, inner=3072, kind=Kind.F16),
    "state": Recipe("mamba", layers=24, kind=Kind.F16, tied=True),
    "latent": Recipe("deepseek2", layers=27, width=512, heads=8, kv_heads=1, inner=2048),
}
"""Seven shapes: grouped heads, as many heads for keys as for queries, experts, sliding windows, an embedding model, a
recurrent state, latent attention."""


def smaller(recipe: Recipe, **changes: Any) -> Recipe:
    """Return the recipe with other sizes."""
    return replace(recipe, **changes)


def write(recipe: Recipe, path: Path) -> Path:
    """Write the model's file and return its path."""
    writer = gguf.GGUFWriter(path, recipe.architecture)
    _HEADERS[recipe.architecture](writer, recipe)
    _words(writer, recipe)
    pieces = {Kind.F32: _piece(Kind.F32), recipe.kind: _piece(recipe.kind)}
    tensors = list(_TENSORS[recipe.architecture](recipe))
    for name, dims, kind in tensors:
        rows = tuple(reversed(dims))
        size = (*rows[:-1], gguf.quant_shape_to_byte_shape((rows[-1],), kind)[0])
        dtype = {Kind.F32: np.dtype(np.float32), Kind.F16: np.dtype(np.float16)}.get(kind, np.dtype(np.uint8))
        shape = rows if dtype != np.uint8 else size
        raw = None if dtype != np.uint8 else kind
        writer.add_tensor_info(name, shape, dtype, int(np.prod(size)), raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, dims, kind in tensors:
        writer.write_tensor_data(_filled(pieces[kind], dims, kind))
    writer.close()
    return path


def _piece(kind: Kind) -> np.ndarray[Any, Any]:
    values = np.random.default_rng(7).normal(0, 0.02, _PIECE_VALUES).astype(np.float32).reshape(-1, 256)
    return np.frombuffer(_quantised(values, kind).tobytes(), np.uint8)


def _quantised(values: np.ndarray[Any, Any], kind: Kind) -> np.ndarray[Any, Any]:
    try:
        return gguf.quants.quantize(values, kind)
    except NotImplementedError:  # the K types: any bytes are weights, if only the scales are small numbers
        size = gguf.quant_shape_to_byte_shape(values.shape, kind)
        blocks = np.random.default_rng(8).integers(0, 256, size, dtype=np.uint8)
        scales = np.full((len(blocks), 2), 0.0005, np.float16).view(np.uint8)
        blocks[:, :4] = scales  # Q4_K and Q5_K begin with two scales of half precision (ggml-common.h, block_q4_K)
        return blocks


def _filled(piece: np.ndarray[Any, Any], dims: tuple[int, ...], kind: Kind) -> np.ndarray[Any, Any]:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    return np.resize(piece, int(np.prod(dims)) // block * size)


def _words(writer: gguf.GGUFWriter, recipe: Recipe) -> None:
    if recipe.architecture == "bert":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        words = special + [f"▁word{n}" for n in range(recipe.vocabulary - len(special))]
        writer.add_tokenizer_model("bert")
        writer.add_token_list(words)
        writer.add_token_types([_CONTROL] * len(special) + [_NORMAL] * (recipe.vocabulary - len(special)))
        for number, add in enumerate((writer.add_pad_token_id, writer.add_unk_token_id, writer.add_bos_token_id)):
            add(number)
        writer.add_sep_token_id(3)
        return
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256))]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256]
    tokens += [f"▁word{n}" for n in range(recipe.vocabulary - len(tokens))]
    kinds += [_NORMAL] * (recipe.vocabulary - len(kinds))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(n) for n in range(recipe.vocabulary)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _common(writer: gguf.GGUFWriter, recipe: Recipe) -> None:
    writer.add_context_length(_POSITIONS if recipe.architecture == "bert" else 131072)
    writer.add_embedding_length(recipe.width)
    writer.add_block_count(recipe.layers)
    writer.add_feed_forward_length(recipe.inner)
    writer.add_vocab_size(recipe.vocabulary)


def _attention(writer: gguf.GGUFWriter, recipe: Recipe) -> None:
    _common(writer, recipe)
    writer.add_head_count(recipe.heads)
    writer.add_head_count_kv(recipe.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)


def _llama(writer: gguf.GGUFWriter, recipe: Recipe) -> None:
    _attention(writer, recipe)
    writer.add_rope_dimension_count(recipe.head)
    if recipe.experts:
        writer.add_expert_count(recipe.experts)
        writer.add_expert_used_count(recipe.experts_used)


def _gemma(writer: gguf.GGUFWriter, recipe: Recipe) -> None:
    _attention(writer, recipe)
    writer.add_key_length(recipe.head)
    writer.add_value_length(recipe.head)
    writer.add_sliding_window(recipe.extra["window"])
    writer.add_rope_freq_base(1e6)


def _bert(writer: gguf.GGUFWriter, recipe: Recipe) -> None:
    _common(writer, recipe)
    writer.add_head_count(recipe.heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(2)


_STATE, _CONV = 16, 4


def _mamba(writer: gguf.GGUFWriter, recipe: Recipe) -> None:
    _common(writer, recipe)
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(_CONV)
    writer.add_ssm_inner_size(2 * recipe.width)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_time_step_rank(recipe.width // 16)
    writer.add_layer_norm_rms_eps(1e-5)


_LATENT, _ROPE, _NOPE = 512, 64, 128


def _deepseek(writer: gguf.GGUFWriter, recipe: Recipe) -> None:
    _attention(writer, recipe)
    writer.add_key_length(_LATENT + _ROPE)
    writer.add_value_length(_LATENT)
    writer.add_key_length_mla(_NOPE + _ROPE)
    writer.add_value_length_mla(_NOPE)
    writer.add_kv_lora_rank(_LATENT)
    writer.add_rope_dimension_count(_ROPE)
    writer.add_leading_dense_block_count(recipe.layers)
    writer.add_expert_count(2)
    writer.add_expert_used_count(1)
    writer.add_expert_feed_forward_length(recipe.inner)
    writer.add_expert_shared_count(1)
    writer.add_expert_weights_scale(1.0)


def _edges(recipe: Recipe) -> Tensors:
    yield "token_embd.weight", (recipe.width, recipe.vocabulary), recipe.kind
    yield "output_norm.weight", (recipe.width,), Kind.F32
    if not recipe.tied:
        yield "output.weight", (recipe.width, recipe.vocabulary), recipe.kind


def _heads(recipe: Recipe, at: str) -> Tensors:
    queries, keys = recipe.heads * recipe.head, recipe.kv_heads * recipe.head
    yield f"{at}.attn_norm.weight", (recipe.width,), Kind.F32
    yield f"{at}.attn_q.weight", (recipe.width, queries), recipe.kind
    yield f"{at}.attn_k.weight", (recipe.width, keys), recipe.kind
    yield f"{at}.attn_v.weight", (recipe.width, keys), recipe.kind
    yield f"{at}.attn_output.weight", (queries, recipe.width), recipe.kind


def _inner(recipe: Recipe, at: str) -> Tensors:
    yield f"{at}.ffn_norm.weight", (recipe.width,), Kind.F32
    if recipe.experts:
        wide = (recipe.width, recipe.inner, recipe.experts)
        yield f"{at}.ffn_gate_inp.weight", (recipe.width, recipe.experts), Kind.F32
        yield f"{at}.ffn_gate_exps.weight", wide, recipe.kind
        yield f"{at}.ffn_up_exps.weight", wide, recipe.kind
        yield f"{at}.ffn_down_exps.weight", (recipe.inner, recipe.width, recipe.experts), recipe.kind
        return
    yield f"{at}.ffn_gate.weight", (recipe.width, recipe.inner), recipe.kind
    yield f"{at}.ffn_up.weight", (recipe.width, recipe.inner), recipe.kind
    yield f"{at}.ffn_down.weight", (recipe.inner, recipe.width), recipe.kind


def _llama_tensors(recipe: Recipe) -> Tensors:
    yield from _edges(recipe)
    for layer in range(recipe.layers):
        yield from _heads(recipe, f"blk.{layer}")
        yield from _inner(recipe, f"blk.{layer}")


def _gemma_tensors(recipe: Recipe) -> Tensors:
    yield from _llama_tensors(recipe)
    for layer in range(recipe.layers):
        for name in ("post_attention_norm", "post_ffw_norm"):
            yield f"blk.{layer}.{name}.weight", (recipe.width,), Kind.F32
        for name in ("attn_q_norm", "attn_k_norm"):
            yield f"blk.{layer}.{name}.weight", (recipe.head,), Kind.F32


def _bert_tensors(recipe: Recipe) -> Tensors:
    width, inner = recipe.width, recipe.inner
    yield "token_embd.weight", (width, recipe.vocabulary), recipe.kind
    yield "token_types.weight", (width, 2), Kind.F32
    yield "position_embd.weight", (width, _POSITIONS), recipe.kind
    yield from _both("token_embd_norm", (width,))
    for layer in range(recipe.layers):
        at = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"{at}.{name}.weight", (width, width), recipe.kind
            yield f"{at}.{name}.bias", (width,), Kind.F32
        yield f"{at}.ffn_up.weight", (width, inner), recipe.kind
        yield f"{at}.ffn_up.bias", (inner,), Kind.F32
        yield f"{at}.ffn_down.weight", (inner, width), recipe.kind
        yield f"{at}.ffn_down.bias", (width,), Kind.F32
        yield from _both(f"{at}.attn_output_norm", (width,))
        yield from _both(f"{at}.layer_output_norm", (width,))


def _both(name: str, dims: tuple[int, ...]) -> Tensors:
    yield f"{name}.weight", dims, Kind.F32
    yield f"{name}.bias", dims, Kind.F32


def _mamba_tensors(recipe: Recipe) -> Tensors:
    width, inner, rank = recipe.width, 2 * recipe.width, recipe.width // 16
    yield from _edges(recipe)
    for layer in range(recipe.layers):
        at = f"blk.{layer}"
        yield f"{at}.attn_norm.weight", (width,), Kind.F32
        yield f"{at}.ssm_in.weight", (width, 2 * inner), recipe.kind
        yield f"{at}.ssm_conv1d.weight", (_CONV, inner), Kind.F32
        yield f"{at}.ssm_conv1d.bias", (inner,), Kind.F32
        yield f"{at}.ssm_x.weight", (inner, rank + 2 * _STATE), recipe.kind
        yield f"{at}.ssm_dt.weight", (rank, inner), recipe.kind
        yield f"{at}.ssm_dt.bias", (inner,), Kind.F32
        yield f"{at}.ssm_a", (_STATE, inner), Kind.F32
        yield f"{at}.ssm_d", (inner,), Kind.F32
        yield f"{at}.ssm_out.weight", (inner, width), recipe.kind


def _deepseek_tensors(recipe: Recipe) -> Tensors:
    yield from _edges(recipe)
    for layer in range(recipe.layers):
        at = f"blk.{layer}"
        yield f"{at}.attn_norm.weight", (recipe.width,), Kind.F32
        yield f"{at}.attn_q.weight", (recipe.width, recipe.heads * (_NOPE + _ROPE)), recipe.kind
        yield f"{at}.attn_kv_a_mqa.weight", (recipe.width, _LATENT + _ROPE), recipe.kind
        yield f"{at}.attn_kv_a_norm.weight", (_LATENT,), Kind.F32
        yield f"{at}.attn_k_b.weight", (_NOPE, _LATENT, recipe.heads), recipe.kind
        yield f"{at}.attn_v_b.weight", (_LATENT, _NOPE, recipe.heads), recipe.kind
        yield f"{at}.attn_output.weight", (recipe.heads * _NOPE, recipe.width), recipe.kind
        yield from _inner(recipe, at)


_HEADERS = {"llama": _llama, "gemma3": _gemma, "bert": _bert, "mamba": _mamba, "deepseek2": _deepseek}
_TENSORS = {
    "llama": _llama_tensors,
    "gemma3": _gemma_tensors,
    "bert": _bert_tensors,
    "mamba": _mamba_tensors,
    "deepseek2": _deepseek_tensors,
}
