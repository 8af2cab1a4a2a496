"""What a GGUF file says of itself. Reads the header only, and trusts none of it.

Format: github.com/ggml-org/ggml, docs/gguf.md, versions 2 and 3, little-endian. Rules:

1. Every length is checked against a bound before anything is read: a hostile file costs neither memory nor time.
2. No key and no tensor is named twice.
3. Every tensor is of a known type and made of whole blocks, begins where the file's alignment lets it, ends within the
   file, and shares no byte with another one.
4. What is refused is refused with the reason, in words: :class:`gateway.errors.SetupError`.

Example::

    layout = read_layout(Path("model.gguf"))
    layout.metadata["llama.block_count"], layout.tensors[0].bytes   # 30, 17694720
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from gateway.errors import SetupError
from gateway.registry.gguf_words import QUANTISATIONS, TENSOR_TYPES

_MOST_PAIRS = 65_536
_MOST_TENSORS = 65_536
_MOST_STRING_BYTES = 16 * 1024 * 1024
_MOST_NAME_BYTES = 63  # ggml/include/ggml.h, GGML_MAX_NAME, less its end
_MOST_ITEMS = 4_000_000
_MOST_KEPT = 4_096  # items of an array of numbers that are kept: one per layer, not one per token
_MOST_HEADER_BYTES = 512 * 1024 * 1024
_MOST_DIMENSIONS = 4
_MOST_ALIGNMENT = 64 * 1024
_STRING, _ARRAY = 8, 9
_FORMATS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}

Scalar = int | float | bool | str


@dataclass(frozen=True)
class Tensor:
    """One row of the tensor table."""

    name: str
    dims: tuple[int, ...]  # as the file has them: the one whose neighbours lie side by side comes first
    type: str  # "Q4_1"
    bytes: int
    offset: int  # from the start of the tensors' data, in bytes


@dataclass(frozen=True)
class Layout:
    """All that a file's header says. Implements the fit planner's view of a model's file."""

    metadata: dict[str, Scalar]
    lengths: dict[str, int]  # of every array, by key
    numbers: dict[str, tuple[int | float, ...]]  # arrays of at most 4,096 numbers, such as heads by layer
    tensors: tuple[Tensor, ...]
    file_bytes: int
    data_start: int  # where the tensors' data begin in the file
    spans: dict[str, tuple[int, int]]  # where each key with its value begins in the file, and ends
    alignment: int  # of the tensors' data, in bytes

    def text(self, key: str) -> str:
        """Return a text of the metadata; empty where there is none."""
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """Return a whole number of the metadata; 0 where there is none."""
        value = self.metadata.get(key, 0)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")


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
    """Not a GGUF file that this reader accepts; the text says why."""


def read_layout(file: Path) -> Layout:
    """Read a file's whole header under rules 1 to 4.

    Raises:
        SetupError: it cannot be read, or is not a well-formed GGUF file of version 2 or 3.
    """
    try:
        with file.open("rb") as stream:
            return _Reader(stream).layout()
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check the path and its mode.") from error
    except _Malformed as error:
        problem = f"{file} is not a GGUF model file: {error}."
        raise SetupError(problem, "Fetch it again, or convert it to GGUF.") from error


def read_header(file: Path) -> Header:
    """Read what a manifest needs of a file's header. Raises SetupError, as :func:`read_layout`."""
    return header_of(read_layout(file))


def header_of(layout: Layout) -> Header:
    """Return what a manifest needs of a header that was read."""
    return Header(
        architecture=layout.architecture,
        title=layout.text("general.name"),
        licence=layout.text("general.license"),
        context_tokens=layout.number(f"{layout.architecture}.context_length"),
        quantisation=QUANTISATIONS.get(layout.number("general.file_type"), "")
        if "general.file_type" in layout.metadata
        else "",
        has_chat_template=bool(layout.metadata.get("tokenizer.chat_template")),
    )


class _Reader:
    """Reads one header from the start of a stream. Raises _Malformed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = os.fstat(stream.fileno()).st_size
        self.metadata: dict[str, Scalar] = {}
        self.lengths: dict[str, int] = {}
        self.numbers: dict[str, tuple[int | float, ...]] = {}
        self.spans: dict[str, tuple[int, int]] = {}

    def layout(self) -> Layout:
        tensors, pairs = self._counts()
        for _ in range(pairs):
            self._pair()
        alignment = self._alignment()
        table = [self._tensor(alignment) for _ in range(tensors)]
        start = -(-self._stream.tell() // alignment) * alignment
        check_places(table, self._size - start)
        if len({tensor.name for tensor in table}) != len(table):
            raise _Malformed("two tensors have one name")
        found = (self.metadata, self.lengths, self.numbers)
        return Layout(*found, tuple(table), self._size, start, self.spans, alignment)

    def _counts(self) -> tuple[int, int]:
        """Return how many tensors and pairs there are."""
        if self._stream.read(4) != b"GGUF":
            raise _Malformed("it does not begin with GGUF")
        version = self._whole("<I")
        if version and version & 0xFFFF == 0:
            raise _Malformed("it is of the other byte order (big-endian)")
        if version not in {2, 3}:
            raise _Malformed(f"its version is {version}, not 2 or 3")
        tensors, pairs = self._whole("<Q"), self._whole("<Q")
        if tensors > _MOST_TENSORS or pairs > _MOST_PAIRS:
            raise _Malformed("it claims more entries than any model has")
        return tensors, pairs

    def _pair(self) -> None:
        start = self._stream.tell()
        key = self._word("a key", _MOST_STRING_BYTES)
        if key in self.spans:
            raise _Malformed(f"it has the key {_shown(key)} twice")
        kind = self._whole("<I")
        if kind == _ARRAY:
            self._array(key)
        else:
            self.metadata[key] = self._value(kind)
        self.spans[key] = (start, self._stream.tell())
        if self._stream.tell() > _MOST_HEADER_BYTES:
            raise _Malformed("its header is larger than any model's")

    def _value(self, kind: int) -> Scalar:
        if kind == _STRING:
            return self._string(_MOST_STRING_BYTES).decode("utf-8", "replace")
        if kind not in _FORMATS:
            raise _Malformed(f"a value has the unknown type {kind}")
        return self._unpack(_FORMATS[kind])

    def _array(self, key: str) -> None:
        kind, count = self._whole("<I"), self._whole("<Q")
        if count > _MOST_ITEMS or (kind != _STRING and kind not in _FORMATS):
            raise _Malformed(f"the array {_shown(key)} is of an unknown type, or longer than any model's")
        self.lengths[key] = count
        if kind == _STRING:
            for _ in range(count):
                self._string(_MOST_STRING_BYTES)
            return
        form = _FORMATS[kind]
        raw = self._raw(count * struct.calcsize(form))
        if count <= _MOST_KEPT:
            self.numbers[key] = struct.unpack(f"<{count}{form[-1]}", raw)

    def _alignment(self) -> int:
        """docs/gguf.md, general.alignment: a multiple of 8; ggml asks for a power of two."""
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 8 <= alignment <= _MOST_ALIGNMENT or alignment & (alignment - 1):
            raise _Malformed("its alignment is not a power of two from 8 to 65536")
        return alignment

    def _tensor(self, alignment: int) -> Tensor:
        """Rule 3, but for the places of all."""
        name = self._word("a tensor's name", _MOST_NAME_BYTES)
        count = self._whole("<I")
        if not 1 <= count <= _MOST_DIMENSIONS:
            raise _Malformed(f"the tensor {_shown(name)} has {count} dimensions")
        dims = tuple(self._whole("<Q") for _ in range(count))
        kind, offset = self._whole("<I"), self._whole("<Q")
        if kind not in TENSOR_TYPES:
            raise _Malformed(f"the tensor {_shown(name)} is of the unknown type {kind}")
        word, block, block_bytes = TENSOR_TYPES[kind]
        if not all(dims) or dims[0] % block:
            raise _Malformed(f"the tensor {_shown(name)} is not made of whole blocks of {word}")
        if offset % alignment:
            raise _Malformed(f"the tensor {_shown(name)} is not aligned")
        return Tensor(name, dims, word, prod(dims) // block * block_bytes, offset)

    def _word(self, what: str, most: int) -> str:
        try:
            return self._string(most).decode("utf-8")
        except UnicodeDecodeError as error:
            raise _Malformed(f"{what} is not UTF-8") from error

    def _string(self, most: int) -> bytes:
        length = self._whole("<Q")
        if length > most:
            raise _Malformed("a text in it is longer than any model's")
        return self._raw(length)

    def _raw(self, length: int) -> bytes:
        if length > self._size:  # rule 1
            raise _Malformed("it is truncated within its header")
        raw = self._stream.read(length)
        if len(raw) != length:
            raise _Malformed("it is truncated within its header")
        return raw

    def _whole(self, form: str) -> int:
        return int(self._unpack(form))

    def _unpack(self, form: str) -> int | float | bool:
        (value,) = struct.unpack(form, self._raw(struct.calcsize(form)))
        return value  # type: ignore[no-any-return]  # struct says nothing of what it reads


def check_places(tensors: Sequence[Tensor], data_bytes: int) -> None:
    """Return when all tensors lie within ``data_bytes`` and apart from each other (rule 3). Raises _Malformed."""
    end, before = 0, ""
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        if tensor.offset < end:
            raise _Malformed(f"the tensors {_shown(before)} and {_shown(tensor.name)} overlap")
        end, before = tensor.offset + tensor.bytes, tensor.name
        if end > data_bytes:
            past = end - max(data_bytes, 0)
            raise _Malformed(f"the tensor {_shown(before)} reaches {past} bytes past its end: it is truncated")


def _shown(name: str) -> str:
    """Return a name from outside as it may stand in a message: printable ASCII, and short."""
    return name.encode("ascii", "backslashreplace").decode("ascii").translate(_UNPRINTABLE)[:80]


_UNPRINTABLE = {code: "?" for code in (*range(32), 127)}
