"""Our reader of ELF version needs says what pyelftools says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from gateway.bundle.build import glibc


def _by_pyelftools(content: bytes) -> frozenset[str]:
    found = set()
    for section in ELFFile(io.BytesIO(content)).iter_sections():
        if isinstance(section, GNUVerNeedSection):
            found |= {aux.name for _, versions in section.iter_versions() for aux in versions}
    return frozenset(found)


@pytest.mark.parametrize("package", ["numpy", "onnxruntime", "cryptography", "uvloop"])
def test_as_pyelftools_has_it(repository: Path, package: str) -> None:
    folder = next((repository / ".venv" / "lib").glob("python3*")) / "site-packages" / package
    libraries = sorted(folder.rglob("*.so"), key=lambda path: path.stat().st_size)[:6]
    assert libraries

    for library in libraries:
        content = library.read_bytes()
        assert glibc.needs(content) == _by_pyelftools(content), library.name


def test_the_newest_counts_as_numbers_not_as_text(repository: Path) -> None:
    folder = next((repository / ".venv" / "lib").glob("python3*")) / "site-packages" / "cryptography"
    (library,) = folder.rglob("_rust.abi3.so")

    said = [name for name in _by_pyelftools(library.read_bytes()) if name.startswith("GLIBC_")]
    newest = max(tuple(int(number) for number in name[6:].split(".")[:2]) for name in said)
    assert glibc.needed(library.read_bytes()) == newest


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh", b"\x7fELF\x01\x01" + bytes(60), b"\x7fELF\x02\x01" + bytes(20)])
def test_what_is_no_elf_of_64_bits_is_said_so(content: bytes) -> None:
    with pytest.raises(ValueError, match="ELF"):
        glibc.needed(content)
