"""Puts a model that came in parts back together: one file, one hash, one signature.

llama.cpp's ``gguf-split`` names parts ``NAME-00001-of-00003.gguf``; the first has all metadata, each its own tensors.
The whole has the same metadata less the three keys that speak of parts, and the tensors one after the other, in the
parts' order. The same parts always make the same bytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.errors import SetupError
from gateway.registry.gguf import Layout, Tensor, read_layout
from gateway.registry.gguf_words import TENSOR_TYPES

_PART = re.compile(r"(?P<name>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf")
_OF_PARTS = frozenset({"split.no", "split.count", "split.tensors.count"})
_TYPES = {name: number for number, (name, _, _) in TENSOR_TYPES.items()}
_MEND = "Compare the parts with their source."
_CHUNK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Found:
    """A model that lies in a folder: its name for people, and its file, or its parts in order."""

    name: str
    files: tuple[Path, ...]


def find_models(folder: Path) -> list[Found]:
    """Return the models in a folder, by name; what is no ``*.gguf`` is passed over.

    Raises:
        SetupError: there is none, or a part of one is missing.
    """
    parts: dict[tuple[str, int], dict[int, Path]] = {}
    found = []
    for path in sorted(folder.glob("*.gguf")):
        part = _PART.fullmatch(path.name)
        if part is None:
            found.append(Found(path.stem, (path,)))
        else:
            parts.setdefault((part["name"], int(part["count"])), {})[int(part["number"])] = path
    found += [Found(name, _complete(name, count, files)) for (name, count), files in parts.items()]
    if not found:
        raise SetupError(f"There is no GGUF file in {folder}.", "Give a folder that holds *.gguf.", exit_code=2)
    return sorted(found, key=lambda model: model.name)


def join(parts: Sequence[Path], target: BinaryIO) -> None:
    """Write the whole into ``target``, an empty file.

    Raises:
        SetupError: a part is no GGUF file, or they are not the parts of one model.
        OSError: ``target`` cannot be written.
    """
    layouts = [read_layout(part) for part in parts]
    _check(parts, layouts)
    tensors = [tensor for layout in layouts for tensor in layout.tensors]
    target.write(_head(parts[0], layouts[0], tensors))
    for part, layout in zip(parts, layouts, strict=True):
        with part.open("rb") as source:
            for tensor in layout.tensors:
                source.seek(layout.data_start + tensor.offset)
                _copy(source, target, tensor.bytes)
                _pad(target, layouts[0].alignment)


def _complete(name: str, count: int, files: dict[int, Path]) -> tuple[Path, ...]:
    missing = sorted(set(range(1, count + 1)) - files.keys())
    if missing:
        problem = f"The model {name} came in {count} parts, and part {missing[0]} is not there."
        raise SetupError(problem, "Copy all parts into the folder.", exit_code=2)
    return tuple(files[number] for number in sorted(files))


def _check(parts: Sequence[Path], layouts: Sequence[Layout]) -> None:
    count, names = layouts[0].number("split.tensors.count"), set[str]()
    for number, (part, layout) in enumerate(zip(parts, layouts, strict=True)):
        if layout.number("split.no") != number or layout.number("split.count") != len(parts):
            raise SetupError(f"{part} is not part {number + 1} of {len(parts)}.", _MEND)
        if layout.alignment != layouts[0].alignment:
            raise SetupError(f"{part} is no part of the same model.", _MEND)
        names.update(tensor.name for tensor in layout.tensors)
    if sum(len(layout.tensors) for layout in layouts) != len(names) or (count and count != len(names)):
        raise SetupError(f"The parts of {parts[0]} do not make a whole.", _MEND)


def _head(first: Path, layout: Layout, tensors: Iterable[Tensor]) -> bytes:
    """Return magic, counts, metadata and tensor table (docs/gguf.md), padded to where the data begin."""
    spans = [span for key, span in layout.spans.items() if key not in _OF_PARTS]
    with first.open("rb") as source:
        pairs = b"".join(_at(source, *span) for span in spans)
    rows, offset = [], 0
    for tensor in tensors:
        name, dims = tensor.name.encode(), tensor.dims
        form = f"<I{len(dims)}QIQ"
        rows.append(
            struct.pack("<Q", len(name)) + name + struct.pack(form, len(dims), *dims, _TYPES[tensor.type], offset)
        )
        offset += -(-tensor.bytes // layout.alignment) * layout.alignment
    head = b"GGUF" + struct.pack("<IQQ", 3, len(rows), len(spans)) + pairs + b"".join(rows)
    return head + bytes(-len(head) % layout.alignment)


def _at(source: BinaryIO, start: int, end: int) -> bytes:
    source.seek(start)
    return source.read(end - start)


def _copy(source: BinaryIO, target: BinaryIO, left: int) -> None:
    while left and (chunk := source.read(min(_CHUNK_BYTES, left))):
        target.write(chunk)
        left -= len(chunk)


def _pad(target: BinaryIO, alignment: int) -> None:
    target.write(bytes(-target.tell() % alignment))
