"""What token ids spell, by a model's own vocabulary: read from its GGUF file, held in memory, no tokenizer needed.

Rules, by the kind that the file names (``tokenizer.ggml.model``):

1. ``bert``: a word begins with U+2581 (``▁``), which is a space; the rest of a word has none.
2. ``llama`` and ``t5`` (SentencePiece): ``▁`` is a space; ``<0xE4>`` is a byte of UTF-8.
3. ``gpt2`` (byte-level): each character stands for a byte of UTF-8, by GPT-2's table.
4. Marks (``[CLS]``, ``<s>``, padding) and what stands for an unknown word spell nothing.
5. Of other kinds nothing is spelled: a text that is only nearly right would be searched in vain.

Example::

    read_vocabulary(path).text([101, 7592, 2088, 102])   # "hello world"
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import SetupError
from gateway.registry.gguf import Layout, read_layout

_SPACE: Final = "\u2581"
_NORMAL, _BYTE, _USER_DEFINED = 1, 6, 4  # gguf, TokenType; the others spell nothing
_SPELLING: Final = frozenset((_NORMAL, _BYTE, _USER_DEFINED))
_IN_BYTES: Final = ("llama", "t5")
_A_BYTE: Final = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_ARRAY_HEAD: Final = struct.Struct("<IQ")  # docs/gguf.md, gguf_metadata_array_t: type, length
_LENGTH: Final = struct.Struct("<Q")
_KEY_AND_TYPE: Final = 12  # bytes of a key's length and a value's type, beside the key


def _bytes_of_gpt2() -> dict[str, int]:
    """Return GPT-2's table: printable bytes are their own characters, the others follow from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


@dataclass(frozen=True)
class Vocabulary:
    """``words[id]`` is what the id is; ``types[id]`` its kind, empty where the file says nothing of that."""

    kind: str
    words: tuple[str, ...]
    types: tuple[int, ...]

    def text(self, tokens: Sequence[int]) -> str:
        """Return what the ids spell.

        Raises:
            ValueError: an id that is not in the vocabulary.
        """
        if any(not 0 <= token < len(self.words) for token in tokens):
            raise ValueError("id")
        words = [(self.words[token], self._type(token)) for token in tokens]
        return _SPELL[self.kind]([(word, type_) for word, type_ in words if type_ in _SPELLING])

    def _type(self, token: int) -> int:
        return self.types[token] if self.types else _NORMAL


Words = Sequence[tuple[str, int]]


def _spell_words(words: Words) -> str:
    return "".join(word for word, _ in words).replace(_SPACE, " ").removeprefix(" ")


def _spell_pieces(words: Words) -> str:
    raw = b"".join(bytes([int(word[3:-1], 16)]) if type_ == _BYTE else word.encode() for word, type_ in words)
    return raw.decode("utf-8", "replace").replace(_SPACE, " ").removeprefix(" ")


_GPT2: Final = _bytes_of_gpt2()


def _spell_bytes(words: Words) -> str:
    raw = bytearray()
    for word, type_ in words:
        known = type_ == _NORMAL and all(char in _GPT2 for char in word)
        raw += bytes(_GPT2[char] for char in word) if known else word.encode()
    return raw.decode("utf-8", "replace")


_SPELL: Final[dict[str, Callable[[Words], str]]] = {
    "bert": _spell_words,
    "llama": _spell_pieces,
    "t5": _spell_pieces,
    "gpt2": _spell_bytes,
}


def read_vocabulary(file: Path) -> Vocabulary | None:
    """Return a model's vocabulary; ``None`` where it has none, or one that rule 5 is about.

    Raises:
        SetupError: the file is not a well-formed GGUF file.
    """
    layout = read_layout(file)
    kind = layout.text("tokenizer.ggml.model")
    if kind not in _SPELL or "tokenizer.ggml.tokens" not in layout.spans:
        return None
    try:
        words = tuple(_texts(_array(file, layout, "tokenizer.ggml.tokens")))
        types = _numbers(_array(file, layout, "tokenizer.ggml.token_type"))
        _check(kind, words, types)
    except (ValueError, struct.error) as error:
        raise SetupError(f"{file} has a vocabulary that cannot be read.", "Convert the model again.") from error
    return Vocabulary(kind, words, types)


def _array(file: Path, layout: Layout, key: str) -> bytes:
    """Return the bytes of an array in the header, from its type on; empty where there is none."""
    if key not in layout.spans:
        return b""
    start, end = layout.spans[key]
    with file.open("rb") as stream:
        stream.seek(start + len(key.encode()) + _KEY_AND_TYPE)
        return stream.read(end - stream.tell())


def _texts(array: bytes) -> list[str]:
    _, count = _ARRAY_HEAD.unpack_from(array)
    texts, at = [], _ARRAY_HEAD.size
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(array, at)
        at += _LENGTH.size
        texts.append(array[at : at + length].decode("utf-8", "replace"))
        at += length
    return texts


def _numbers(array: bytes) -> tuple[int, ...]:
    if not array:
        return ()
    kind, count = _ARRAY_HEAD.unpack_from(array)
    if kind not in {4, 5}:  # docs/gguf.md, gguf_metadata_value_type: uint32, int32
        raise ValueError("types")
    return struct.unpack_from(f"<{count}{'I' if kind == 4 else 'i'}", array, _ARRAY_HEAD.size)


def _check(kind: str, words: Sequence[str], types: Sequence[int]) -> None:
    """Return when each word has its kind, and each byte is written as one. Raises ValueError."""
    if types and len(types) != len(words):
        raise ValueError("types")
    if kind in _IN_BYTES and any(t == _BYTE and not _A_BYTE.fullmatch(w) for w, t in zip(words, types, strict=False)):
        raise ValueError("byte")
