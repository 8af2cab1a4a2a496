"""Reads a safetensors file, and trusts none of it: every tensor is a view of bytes that are there.

Format: github.com/huggingface/safetensors, README, "Format": eight bytes with the length of a header, little-endian;
the header, a JSON object of ``{"name": {"dtype", "shape", "data_offsets": [begin, end]}}``; the data, without holes.

Example::

    tensors = read_tensors(Path("model.safetensors").read_bytes())
    tensors["embeddings.LayerNorm.weight"].shape   # (384,)
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from gateway.errors import SetupError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LENGTH: Final = struct.Struct("<Q")
_MOST_HEADER_BYTES: Final = 100_000_000  # the format's own bound
_KINDS: Final = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "<u1"}


class _Entry(msgspec.Struct):
    dtype: str
    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=2**40)]], msgspec.Meta(max_length=8)]
    data_offsets: tuple[int, int]


def read_tensors(raw: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the tensors by name, in the order of the file's names; views of ``raw``, nothing is copied.

    Raises:
        SetupError: the file is cut short, malformed, holds a type that is not known here, or its tensors leave holes
            or overlap.
    """
    try:
        header, data = _split(raw)
        entries = sorted(_entries(header).items(), key=lambda item: item[1].data_offsets)
        _check_cover(entries, len(data))
        return {name: _view(entry, data) for name, entry in sorted(entries)}
    except (ValueError, msgspec.DecodeError, struct.error) as error:
        raise SetupError("These are not the bytes of a safetensors file.", "Fetch the model again.") from error


def _split(raw: bytes) -> tuple[bytes, memoryview]:
    (length,) = _LENGTH.unpack_from(raw)
    start = _LENGTH.size + length
    if length > _MOST_HEADER_BYTES or start > len(raw):
        raise ValueError("header")
    return raw[_LENGTH.size : start], memoryview(raw)[start:]


def _entries(header: bytes) -> dict[str, _Entry]:
    named: dict[str, Any] = msgspec.json.decode(header, type=dict[str, Any])
    return {name: msgspec.convert(value, _Entry) for name, value in named.items() if name != "__metadata__"}


def _check_cover(entries: list[tuple[str, _Entry]], size: int) -> None:
    """Return when the tensors follow each other without a gap from the first byte to the last. Raises ValueError."""
    end = 0
    for _, entry in entries:
        begin, after = entry.data_offsets
        width = int(_KINDS.get(entry.dtype, "<x0")[2:])
        if not width or begin != end or after - begin != math.prod(entry.shape) * width:
            raise ValueError("tensor")
        end = after
    if end != size:
        raise ValueError("data")


def _view(entry: _Entry, data: memoryview) -> NDArray[np.generic]:
    import numpy as np  # noqa: PLC0415 - only where a model is converted

    begin, end = entry.data_offsets
    return np.frombuffer(data[begin:end], dtype=_KINDS[entry.dtype]).reshape(entry.shape)
