"""Wheels: fetched by their hashes, and judged before they are taken.

A wheel is refused whose hash is in no lock, which starts code with the interpreter (a ``.pth`` file that is not listed
below, ``sitecustomize``), or which would write outside of the environment it is installed into.
"""

from __future__ import annotations

import email.parser
import hashlib
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath

from gateway.bundle.build import glibc
from gateway.bundle.build.archive import sha256_of
from gateway.errors import SetupError

#: ``.pth`` files that may be: (distribution, file, SHA-256 of its content), and why.
ALLOWED_PTH = {
    (
        "setuptools",
        "distutils-precedence.pth",
        "2638ce9e2500e572a5e0de7faed6661eb569d1b696fcba07b0dd223da5f5d224",
    ): "puts setuptools' own distutils before the standard library's; spaCy's packages name setuptools",
}

_LOCKED = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_CUSTOMIZE = ("sitecustomize", "usercustomize")
_SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")  # binary distribution format, spreading
_TAG = re.compile(r"manylinux_(\d+)_(\d+)_")
_OLD_TAGS = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


@dataclass(frozen=True)
class Wheel:
    """One wheel that was judged. ``glibc`` is the newest that its binaries name."""

    file: Path
    sha256: str
    name: str  # normalised, PEP 503
    version: str
    metadata: Message
    glibc: glibc.Version


def locked_hashes(locks: Iterable[Path]) -> frozenset[str]:
    """All SHA-256 that the locks name."""
    return frozenset(found for lock in locks for found in _LOCKED.findall(lock.read_text(encoding="utf-8")))


def judge(file: Path, locked: frozenset[str]) -> Wheel:
    """Read one wheel without running anything of it.

    Raises:
        SetupError: names the wheel, and the file in it, that does not belong in a bundle.
    """
    sha256 = sha256_of(file)
    if sha256 not in locked:
        raise _refused(file, "has a hash that no lock names")
    try:
        with zipfile.ZipFile(file) as opened:
            metadata = _metadata(opened)
            name = normalised(metadata["Name"])
            _check_places(file, opened)
            _check_starters(file, opened, name)
            return Wheel(file, sha256, name, metadata["Version"], metadata, _glibc(file, opened))
    except (zipfile.BadZipFile, KeyError, NotImplementedError):
        raise _refused(file, "is no wheel") from None


def check_alone(wheels: Iterable[Wheel]) -> None:
    """Each distribution once, and no two wheels write the same file.

    Raises:
        SetupError
    """
    owners: dict[str, Wheel] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel.file) as opened:
            for name in opened.namelist():
                if not name.endswith("/") and owners.setdefault(name, wheel) is not wheel:
                    raise _refused(wheel.file, f"writes {name}, as {owners[name].file.name} does")


def tag_glibc(file: Path) -> glibc.Version:
    """The oldest glibc that a wheel's name says it runs on: its tags are alternatives, each of them true."""
    tags = file.stem.rsplit("-", 1)[-1].split(".")
    said = [found for tag in tags if (found := _said(tag)) != glibc.NONE]
    return min(said, default=glibc.NONE)


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _said(tag: str) -> glibc.Version:
    found = _TAG.match(tag)
    if found:
        return int(found[1]), int(found[2])
    return next((version for name, version in _OLD_TAGS.items() if tag.startswith(f"{name}_")), glibc.NONE)


def _metadata(opened: zipfile.ZipFile) -> Message:
    (name,) = [n for n in opened.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1] or [""]
    return email.parser.Parser().parsestr(opened.read(name).decode("utf-8"))


def _check_places(file: Path, opened: zipfile.ZipFile) -> None:
    for info in opened.infolist():
        name = info.filename
        parts = PurePosixPath(name).parts
        if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts or re.match(r"^[A-Za-z]:", name):
            raise _refused(file, f"has {name!r}, which leads out of its place")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refused(file, f"has the link {name}")
        if parts and parts[0].endswith(".data") and len(parts) > 1 and parts[1] not in _SCHEMES:
            raise _refused(file, f"has {name}, which belongs to no scheme of installation")


def _check_starters(file: Path, opened: zipfile.ZipFile, distribution: str) -> None:
    """What Python runs at every start without being asked: ``site`` of the standard library."""
    for name in opened.namelist():
        base = PurePosixPath(name).name
        if base.endswith(".pth"):
            key = (distribution, name, hashlib.sha256(opened.read(name)).hexdigest())
            if key not in ALLOWED_PTH:
                raise _refused(file, f"has {name}, which would run at every start of Python and is not on the list")
        if base.split(".")[0] in _CUSTOMIZE and _is_top_level(name):
            raise _refused(file, f"has {name}, which would run at every start of Python")
        if _is_top_level(name.rstrip("/").rpartition("/")[0]) and base == "__init__.py":
            package = PurePosixPath(name).parts[-2]
            if package in _CUSTOMIZE:
                raise _refused(file, f"has {name}, which would run at every start of Python")


def _is_top_level(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return len(parts) == 1 or (len(parts) == 3 and parts[0].endswith(".data"))


def _glibc(file: Path, opened: zipfile.ZipFile) -> glibc.Version:
    newest = glibc.NONE
    for name, content in _binaries(opened):
        try:
            newest = max(newest, glibc.needed(content))
        except ValueError as error:
            raise _refused(file, f"has {name}, {error}") from None
    return newest


def _binaries(opened: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    for info in opened.infolist():
        with opened.open(info) as member:
            if glibc.is_elf(head := member.read(4)):
                yield info.filename, head + member.read()


def _refused(file: Path, why: str) -> SetupError:
    return SetupError(
        f"The wheel {file.name} {why}.", "It does not go into a bundle; see docs/how-to/build-a-bundle.md."
    )
