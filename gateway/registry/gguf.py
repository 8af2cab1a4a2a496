"""What a GGUF file says of itself: enough to write a manifest. Reads the header only, and trusts none of it.

Format: github.com/ggml-org/ggml, docs/gguf.md, versions 2 and 3, little-endian. Every length is checked against a bound
before anything is read, so that a hostile file costs neither memory nor time.

Example::

    header = read_header(Path("model.gguf"))
    header.context_tokens, header.quantisation   # 8192, "Q4_1"
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.errors import SetupError

_MOST_PAIRS = 65_536
_MOST_STRING_BYTES = 16 * 1024 * 1024
_MOST_ITEMS = 4_000_000
_MOST_HEADER_BYTES = 512 * 1024 * 1024
_STRING, _ARRAY = 8, 9
_FORMATS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}

# llama.cpp, include/llama.h, enum llama_ftype
QUANTISATIONS = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S"},
    **{12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K"},
    **{19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL"},
    **{26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0"},
    **{37: "TQ2_0", 38: "MXFP4_MOE"},
}

Scalar = int | float | bool | str


@dataclass(frozen=True)
class Header:
    """Empty texts and zero stand for what the file does not say."""

    architecture: str
    title: str
    licence: str  # as the file gives it; often an SPDX identifier in lower case
    context_tokens: int
    quantisation: str
    has_chat_template: bool


class _Malformed(Exception):
    """Not a GGUF file that this reader accepts."""


def read_header(file: Path) -> Header:
    """Read a file's header.

    Raises:
        SetupError: it cannot be read, or is not a well-formed GGUF file of version 2 or 3.
    """
    try:
        with file.open("rb") as stream:
            pairs = _read_pairs(stream)
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check the path and its mode.") from error
    except (_Malformed, struct.error, UnicodeDecodeError) as error:
        raise SetupError(f"{file} is not a GGUF model file.", "Fetch it again, or convert it to GGUF.") from error
    architecture = _text(pairs, "general.architecture")
    context = pairs.get(f"{architecture}.context_length", 0)
    kind = pairs.get("general.file_type", -1)
    return Header(
        architecture=architecture,
        title=_text(pairs, "general.name"),
        licence=_text(pairs, "general.license"),
        context_tokens=context if isinstance(context, int) else 0,
        quantisation=QUANTISATIONS.get(kind, "") if isinstance(kind, int) else "",
        has_chat_template=bool(pairs.get("tokenizer.chat_template")),
    )


def _read_pairs(stream: BinaryIO) -> dict[str, Scalar]:
    """Return the header's scalar values by key; arrays are passed over."""
    if stream.read(4) != b"GGUF" or _unpack(stream, "<I") not in {2, 3}:
        raise _Malformed
    _unpack(stream, "<Q")  # number of tensors
    count = int(_unpack(stream, "<Q"))
    if count > _MOST_PAIRS:
        raise _Malformed
    pairs: dict[str, Scalar] = {}
    for _ in range(count):
        key = _string(stream).decode("utf-8")
        kind = int(_unpack(stream, "<I"))
        if kind == _ARRAY:
            _pass_array(stream)
        else:
            pairs[key] = _value(stream, kind)
        if stream.tell() > _MOST_HEADER_BYTES:
            raise _Malformed
    return pairs


def _value(stream: BinaryIO, kind: int) -> Scalar:
    if kind == _STRING:
        return _string(stream).decode("utf-8", "replace")
    if kind not in _FORMATS:
        raise _Malformed
    return _unpack(stream, _FORMATS[kind])


def _pass_array(stream: BinaryIO) -> None:
    kind, count = int(_unpack(stream, "<I")), int(_unpack(stream, "<Q"))
    if count > _MOST_ITEMS or (kind != _STRING and kind not in _FORMATS):
        raise _Malformed
    if kind == _STRING:
        for _ in range(count):
            _string(stream)
    else:
        stream.seek(count * struct.calcsize(_FORMATS[kind]), 1)


def _string(stream: BinaryIO) -> bytes:
    length = int(_unpack(stream, "<Q"))
    if length > _MOST_STRING_BYTES:
        raise _Malformed
    raw = stream.read(length)
    if len(raw) != length:
        raise _Malformed
    return raw


def _unpack(stream: BinaryIO, form: str) -> int | float | bool:
    (value,) = struct.unpack(form, stream.read(struct.calcsize(form)))
    return value  # type: ignore[no-any-return]


def _text(pairs: dict[str, Scalar], key: str) -> str:
    value = pairs.get(key, "")
    return value if isinstance(value, str) else ""
