"""As much of ONNX's file format as setting up takes: read a file's nodes and tensors, write a new graph.

ONNX is Protocol Buffers (onnx.proto3, IR version 8). The package `onnx` would do, at 20 MB and a build environment of
its own, for two operations. Only the fields named here are read; only files whose SHA-256 is known are read at all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Attribute = int | float | str | tuple[int, ...]

FLOAT, INT64 = 1, 7
_TYPES: dict[int, str] = {FLOAT: "<f4", 2: "<u1", 3: "<i1", 6: "<i4", INT64: "<i8"}
_NUMBERS = {np.dtype(name): number for number, name in _TYPES.items()}


class Node(NamedTuple):
    """One operation: ``outputs = kind(inputs)``. ``domain`` is empty for ONNX's own."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = {}
    domain: str = ""
    name: str = ""


class Graph(NamedTuple):
    nodes: list[Node]
    tensors: dict[str, Array]


def read(data: bytes) -> Graph:
    """Return the nodes and the constant tensors of a model file.

    Raises:
        ValueError, KeyError: the file is none, or holds a tensor of another type.
    """
    graph = next(value for field, value in _fields(data) if field == 7)
    nodes, tensors = [], {}
    for field, value in _fields(_bytes(graph)):
        if field == 1:
            nodes.append(_node(_bytes(value)))
        elif field == 5:
            name, array = _tensor(_bytes(value))
            tensors[name] = array
    return Graph(nodes, tensors)


def write(graph: Graph, inputs: Sequence[str], output: str, kind: int = INT64, opset: int = 18) -> bytes:
    """Return a model file. Inputs are int64 of shape [length], or float of [length, any]; the output is float."""
    body = b"".join(_field(1, _write_node(node)) for node in graph.nodes) + _field(2, b"names")
    body += b"".join(_field(5, _write_tensor(name, array)) for name, array in graph.tensors.items())
    body += b"".join(_field(11, _value(name, kind)) for name in inputs) + _field(12, _value(output, None))
    versions = _field(8, _field(2, opset)) + _field(8, _field(1, b"com.microsoft") + _field(2, 1))
    return _field(1, 8) + _field(2, b"sekisho") + _field(7, body) + versions


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            number, at = _varint(data, at)
            yield key >> 3, number
            continue
        size = {1: 8, 5: 4}.get(wire)
        if size is None:
            if wire != 2:
                raise ValueError(f"wire type {wire}")
            size, at = _varint(data, at)
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes belong")
    return value


def _strings(data: bytes, field: int) -> tuple[str, ...]:
    return tuple(_bytes(value).decode() for number, value in _fields(data) if number == field)


def _node(data: bytes) -> Node:
    kind, name = _strings(data, 4), _strings(data, 3)
    return Node(kind[0], _strings(data, 1), _strings(data, 2), name=name[0] if name else "")


def _tensor(data: bytes) -> tuple[str, Array]:
    dims: list[int] = []
    kind, name, raw, small = 0, "", b"", b""
    for field, value in _fields(data):
        if field == 1:
            dims += [value] if isinstance(value, int) else list(_packed(value))
        elif field == 2 and isinstance(value, int):
            kind = value
        elif field == 8:
            name = _bytes(value).decode()
        elif field in (4, 9):  # raw_data, or packed float_data
            raw = _bytes(value)
        elif field == 5:  # packed int32_data, in which small tensors of bytes stand too
            small = _bytes(value)
    if kind not in _TYPES:
        return name, np.zeros(0, np.int8)
    array = np.array(list(_packed(small)), _TYPES[kind]) if small else np.frombuffer(raw, _TYPES[kind])
    return name, array.reshape(dims) if array.size == int(np.prod(dims)) else array


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        number, at = _varint(data, at)
        yield number


def _number(number: int) -> bytes:
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _field(field: int, value: int | float | bytes) -> bytes:
    if isinstance(value, bytes):
        return _number(field << 3 | 2) + _number(len(value)) + value
    if isinstance(value, float):
        return _number(field << 3 | 5) + struct.pack("<f", value)
    return _number(field << 3) + _number(value)


def _write_node(node: Node) -> bytes:
    parts: Iterable[bytes] = (
        *(_field(1, name.encode()) for name in node.inputs),
        *(_field(2, name.encode()) for name in node.outputs),
        _field(4, node.kind.encode()),
        *(_field(5, _attribute(name, value)) for name, value in node.attributes.items()),
        _field(7, node.domain.encode()),
    )
    return b"".join(parts)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, str):
        written, kind = _field(4, value.encode()), 3
    elif isinstance(value, tuple):
        written, kind = b"".join(_field(8, number) for number in value), 7
    else:
        written, kind = (_field(2, value), 1) if isinstance(value, float) else (_field(3, value), 2)
    return _field(1, name.encode()) + written + _field(20, kind)


def _write_tensor(name: str, array: Array) -> bytes:
    dims = b"".join(_field(1, int(size)) for size in array.shape)
    return dims + _field(2, _NUMBERS[array.dtype]) + _field(8, name.encode()) + _field(9, array.tobytes())


def _value(name: str, kind: int | None) -> bytes:
    sizes = {INT64: (b"length",), FLOAT: (b"length", b"width")}.get(kind or 0, ())
    shape = _field(2, b"".join(_field(1, _field(2, size)) for size in sizes)) if sizes else b""
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, kind or FLOAT) + shape))
