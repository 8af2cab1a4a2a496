"""Engines for NVIDIA GPUs: what `sekisho engines build --cuda` made here, or wheels; and the least driver for them.

A program built with some CUDA runs on every driver of that CUDA's first release or newer (minor version compatibility,
CUDA Compatibility, table 1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.bundle import places
from gateway.bundle.build import archive, glibc
from gateway.bundle.build.gather import Found
from gateway.bundle.build.items import About, Item, item
from gateway.bundle.build.licences import Declared
from gateway.bundle.build.wheels import Wheel
from gateway.errors import SetupError

#: CUDA's major version to the least driver on Linux.
LEAST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
_MEND = "Run `sekisho engines build --cuda` here, or give wheels with --wheelhouse."
_OF_WHEEL = re.compile(r"(?:\+|-)cu(\d{2})\d{0,2}$")


def built(folder: Path, epoch: int, declared: Mapping[str, Declared]) -> tuple[Found, tuple[int, ...]]:
    """Return the engines built for CUDA below a folder, and the major versions of CUDA they were built with.

    Raises:
        SetupError: one has a file that is not what its manifest says.
    """
    items: list[Item] = []
    needs: dict[str, glibc.Version] = {}
    majors = set[int]()
    for manifest in sorted(folder.glob("*/manifest.json")):
        said: dict[str, Any] = json.loads(manifest.read_bytes())
        if not said.get("cuda"):
            continue
        members = _members(manifest.parent, said)
        majors.add(int(str(said["cuda"]).partition(".")[0]))
        name = str(said["digest"])
        needs[f"engine-{name}.tar.gz"] = max(_needs(name, file, one) for file, one in members.items())
        content = archive.tar_gz(members, epoch)
        about = _about(said, declared)
        place = f"{places.SHARE}/engines/{name}"
        items.append(item("engine", content, f"engine-{name}.tar.gz", place, about=about, unpack=True))
    return Found(tuple(items), needs), tuple(sorted(majors))


def majors_of(wheels: Iterable[Wheel]) -> tuple[int, ...]:
    """The major versions of CUDA that wheels name: ``…-cu12``, or a version ``…+cu124``."""
    named = [_OF_WHEEL.search(said) for one in wheels for said in (one.name, one.version)]
    return tuple(sorted({int(found[1]) for found in named if found}))


def least_driver(majors: Iterable[int], said: str) -> str:
    """The driver that all these versions of CUDA run on; ``said`` is what the builder says instead.

    Raises:
        SetupError: nothing says which CUDA it is, or it is one that is not known here.
    """
    if said:
        return said
    known = [LEAST_DRIVER[major] for major in majors if major in LEAST_DRIVER]
    if not known or len(known) != len(tuple(majors)):
        raise SetupError("Nothing says which driver these engines need.", "Give --driver VERSION.")
    return max(known, key=lambda version: [int(number) for number in version.split(".")])


def check_some(engines: Found, wheels: Iterable[Wheel]) -> None:
    """The profile cuda has an engine. Raises SetupError."""
    if not engines.items and not list(wheels):
        raise SetupError("The profile cuda has no engine for a GPU.", _MEND)


def _members(folder: Path, said: Mapping[str, Any]) -> dict[str, archive.Member]:
    members = archive.of_folder(folder, lambda name: name == "build.log")
    for name, sha256 in said["files"].items():
        if name not in members or archive.sha256_of(folder / name) != sha256:
            raise SetupError(f"The engine {folder.name} is not what was built: {name}.", "Build it anew.")
    strange = sorted(set(members) - set(said["files"]) - {"manifest.json"})
    if strange:
        raise SetupError(f"The engine {folder.name} has a file that was not built: {strange[0]}.", "Build it anew.")
    return members


def _needs(engine: str, name: str, member: archive.Member) -> glibc.Version:
    content = member.content if isinstance(member.content, bytes) else member.content.read_bytes()
    try:
        return glibc.needed(content) if glibc.is_elf(content) else glibc.NONE
    except ValueError as error:
        raise SetupError(f"The engine {engine} has {name}, {error}.", "Build it anew.") from None


def _about(said: Mapping[str, Any], declared: Mapping[str, Declared]) -> About:
    program = str(said["program"])
    one = declared.get(program)
    return About(
        name=program,
        version=str(said["digest"]),
        licence=one.licence if one else "",
        type="application",
        description=f"From {said['source']}, CUDA {said['cuda']}",
        texts={"NOTICE": f"{one.notice}\n".encode()} if one and one.notice else {},
    )
