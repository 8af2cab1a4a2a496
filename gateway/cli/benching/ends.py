"""Which tokens end an answer of a model: with these forbidden, all answers of a measurement are equally long.

Read from the model's own file: the ids that its header names as ends, and the tokens whose text says so.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from gateway.registry.gguf import read_layout

_NAMED = ("eos_token_id", "eot_token_id", "eom_token_id")
_TEXTS = frozenset(
    b"</s> <|endoftext|> <|end_of_text|> <|im_end|> <|eot_id|> <|eom_id|> <|end|> <|return|> <end_of_turn>".split()
)
_TOKENS = "tokenizer.ggml.tokens"
_STRING = 8


def end_tokens(file: Path) -> list[int]:
    """Return the ids, sorted; none where the file names none. Raises SetupError, as :func:`read_layout`."""
    layout = read_layout(file)
    named = {layout.number(f"tokenizer.ggml.{key}") for key in _NAMED if f"tokenizer.ggml.{key}" in layout.metadata}
    if _TOKENS in layout.spans:
        with file.open("rb") as stream:
            start, end = layout.spans[_TOKENS]
            stream.seek(start)
            named |= {number for number, text in enumerate(_strings(stream.read(end - start))) if text in _TEXTS}
    return sorted(named)


def _strings(pair: bytes) -> Iterator[bytes]:
    """Yield the texts of a key with its array of strings, whose bounds the reader has checked."""
    (key_bytes,) = struct.unpack_from("<Q", pair)
    at = 8 + key_bytes + 4
    kind, count = struct.unpack_from("<IQ", pair, at)
    at += 12
    for _ in range(count if kind == _STRING else 0):
        (length,) = struct.unpack_from("<Q", pair, at)
        yield pair[at + 8 : at + 8 + length]
        at += 8 + length
