"""What goes into a bundle, before it is one: a part of the release, where its bytes are, what papers say of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gateway.bundle.build.archive import Member, sha256_of
from gateway.bundle.release import Kind, Part
from gateway.errors import SetupError


@dataclass(frozen=True)
class About:
    """What licence report and SBOM say. ``licence`` is an SPDX expression; ``texts`` file name to attribution."""

    name: str
    version: str
    licence: str = ""
    purl: str = ""
    type: Literal["library", "application", "machine-learning-model", "data"] = "library"
    description: str = ""
    texts: Mapping[str, bytes] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)  # a model's manifest
    inside: tuple[About, ...] = ()  # what it is made of, linked into it


@dataclass(frozen=True)
class Item:
    """One part, and its bytes."""

    part: Part
    content: bytes | Path
    about: About | None = None  # papers have none: they are about the others

    @property
    def target(self) -> str:
        """Where it lies in the bundle (consistent snapshots, TUF 6.2)."""
        return f"targets/{self.part.sha256}.{self.part.name}"

    def member(self) -> Member:
        return Member(self.content)


def item(
    kind: Kind,
    content: bytes | Path,
    name: str,
    place: str,
    *,
    about: About | None = None,
    unpack: bool = False,
    executable: bool = False,
) -> Item:
    """Return an item; its hash and length are read here."""
    if isinstance(content, bytes):
        sha256, length = hashlib.sha256(content).hexdigest(), len(content)
    else:
        sha256, length = sha256_of(content), content.stat().st_size
    part = Part(
        kind=kind,
        name=name,
        sha256=sha256,
        length=length,
        place=place,
        unpack=unpack,
        executable=executable,
        version=about.version if about else "",
        licence=about.licence if about else "",
    )
    return Item(part, content, about)


def in_order(items: Iterable[Item]) -> tuple[Item, ...]:
    """Items by name.

    Raises:
        SetupError: two have the same name, or the same place.
    """
    ordered = tuple(sorted(items, key=lambda one: one.part.name))
    for what in ("name", "place"):
        seen: set[str] = set()
        for one in ordered:
            said = getattr(one.part, what)
            if said in seen and not one.part.unpack:
                raise SetupError(f"Two parts of the bundle have the {what} {said}.", "Rename one of them.")
            seen.add(said)
    return ordered
