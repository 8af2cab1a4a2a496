"""Small GGUF files, whole and broken: bytes by the format's own description (docs/gguf.md), not by the code under test.

A tour: :func:`gguf` puts a file together from :func:`pair` s and :func:`tensor` s; :func:`model` is the smallest one
that is a model, of two tensors; :func:`adapter` a LoRA for it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

STRING, U32, F32_VALUE, ARRAY = 8, 4, 6, 9
F32, Q4_1 = 0, 3
EMBEDDING, VOCABULARY = 32, 8


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, value: object) -> bytes:
    """Return one key with its value: a text, a whole number, a fraction, or a list of texts or numbers."""
    if isinstance(value, str):
        return text(key) + struct.pack("<I", STRING) + text(value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", F32_VALUE, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", U32, value)
    assert isinstance(value, list)
    kind = STRING if value and isinstance(value[0], str) else U32
    items = b"".join(text(item) if kind == STRING else struct.pack("<I", item) for item in value)
    return text(key) + struct.pack("<IIQ", ARRAY, kind, len(value)) + items


def tensor(name: str, dims: Sequence[int], offset: int, kind: int = F32) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def gguf(pairs: Sequence[bytes], tensors: Sequence[bytes] = (), data: bytes = b"", version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data if tensors else head + data


def model(template: str = "", *, architecture: str = "llama", fill: int = 1, **more: object) -> bytes:
    """Return a model of two tensors. ``fill`` makes two models differ; ``more`` are further keys, ``__`` for a dot."""
    said: dict[str, object] = {
        "general.architecture": architecture,
        f"{architecture}.context_length": 2048,
    }
    if template:
        said["tokenizer.chat_template"] = template
    said |= {key.replace("__", "."): value for key, value in more.items()}
    return of_tensors(said, {"token_embd.weight": (EMBEDDING, VOCABULARY), "blk.0.attn_q.weight": (32, 32)}, fill)


def adapter(base: str = "llama", rank: int = 4, target: str = "blk.0.attn_q.weight", **more: object) -> bytes:
    """Return a LoRA for :func:`model`."""
    said: dict[str, object] = {
        "general.architecture": base,
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 8.0,
    }
    said |= {key.replace("__", "."): value for key, value in more.items()}
    return of_tensors(said, {f"{target}.lora_a": (32, rank), f"{target}.lora_b": (rank, 32)}, 2)


def of_tensors(said: dict[str, object], shapes: dict[str, tuple[int, ...]], fill: int) -> bytes:
    """Return a file with those keys, and tensors of F32 one after the other, all bytes ``fill``."""
    tensors, data = [], b""
    for name, dims in shapes.items():
        size = 4
        for dim in dims:
            size *= dim
        tensors.append(tensor(name, dims, len(data)))
        data += bytes([fill]) * size + bytes(-size % 32)
    return gguf([pair(key, value) for key, value in said.items()], tensors, data)
