"""Which glibc a binary needs: the ``GLIBC_x.y`` versions in ``.gnu.version_r`` of its ELF file.

Read as the gABI and the Linux Standard Base 5.0 (10.7.2) have it, 64 bits, either byte order. A test holds the
answers against pyelftools.
"""

from __future__ import annotations

import re
import struct

_MAGIC = b"\x7fELF"
_VERNEED = 0x6FFFFFFE  # SHT_GNU_verneed
_NAME = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")

Version = tuple[int, int]
NONE: Version = (0, 0)


def is_elf(content: bytes) -> bool:
    """Whether these are the first bytes of an ELF file."""
    return content[:4] == _MAGIC


def needed(content: bytes) -> Version:
    """Return the newest glibc that an ELF file names, ``(0, 0)`` for one that names none (static, say).

    Raises:
        ValueError: it is no ELF file of 64 bits, or a broken one.
    """
    return max((_parsed(name) for name in needs(content)), default=NONE)


def needs(content: bytes) -> frozenset[str]:
    """Return all version names that an ELF file needs of its libraries. Raises ValueError."""
    if not is_elf(content) or content[4] != 2 or content[5] not in (1, 2):
        raise ValueError("no ELF file of 64 bits")
    order = "<" if content[5] == 1 else ">"
    try:
        return frozenset(_all(content, order))
    except (struct.error, IndexError) as error:
        raise ValueError("a broken ELF file") from error


def spelt(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _parsed(name: str) -> Version:
    found = _NAME.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else NONE


def _all(content: bytes, order: str) -> list[str]:
    (table,) = struct.unpack_from(order + "Q", content, 40)  # e_shoff
    size, count = struct.unpack_from(order + "HH", content, 58)  # e_shentsize, e_shnum
    # type, offset, link, info of each section header
    heads = [struct.unpack_from(order + "4xI8x8xQ8xII", content, table + index * size) for index in range(count)]
    found: list[str] = []
    for kind, offset, link, entries in heads:
        if kind == _VERNEED:
            found += _names(content, order, offset, entries, heads[link][1])
    return found


def _names(content: bytes, order: str, offset: int, entries: int, strings: int) -> list[str]:
    """Walk the list of libraries (Verneed), and for each the list of its versions (Vernaux)."""
    found = []
    for _ in range(entries):
        _, versions, _, inner, following = struct.unpack_from(order + "HHIII", content, offset)
        at = offset + inner
        for _ in range(versions):
            name, step = struct.unpack_from(order + "8xII", content, at)
            found.append(_text(content, strings + name))
            at += step
        offset += following
    return found


def _text(content: bytes, at: int) -> str:
    end = content.index(b"\0", at) if 0 <= at < len(content) else -1
    if end < 0:
        raise IndexError("a string past the end")
    return content[at:end].decode("ascii", "replace")
