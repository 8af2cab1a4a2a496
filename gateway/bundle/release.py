"""``release.json``: what one release consists of, part by part. It is a TUF target, so whoever reads it may believe it.

The same document describes a whole bundle and a partial one: a partial bundle leaves files out, never lines.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

NAME = "release.json"

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
#: A relative path, ``/`` between its parts, none of them empty, ``.`` or ``..``.
Place = Annotated[str, msgspec.Meta(pattern=r"^(?!.*(^|/)\.{0,2}(/|$))[A-Za-z0-9._+@=/-]{1,200}$")]

Kind = Literal[
    "program",  # the wheel of Sekisho itself
    "wheel",  # a wheel that it needs
    "opa",
    "redis",
    "engine",  # a wheel or binary that computes, of the profile
    "model",  # weights, GGUF
    "manifest",  # a model's manifest, YAML
    "detector",  # weights that find personal data
    "policies",  # a signed policy bundle
    "docs",
    "installer",
    "unit",
    "sbom",
    "licences",
    "provenance",
    "advisories",
    "lock",
]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of the release.

    ``name`` is its TUF target path; ``place`` where it lies in an installed version; a part with ``unpack`` is a
    ``.tar.gz`` whose members go under ``place``.
    """

    kind: Kind
    name: Place
    sha256: Sha256
    length: Annotated[int, msgspec.Meta(ge=0)]  # bytes
    place: Place
    unpack: bool = False
    executable: bool = False
    version: str = ""
    licence: str = ""


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of it. Times are RFC 3339 in UTC; ``platform`` is a wheel's platform tag (PEP 600)."""

    schema: Literal["sekisho.release/1"] = "sekisho.release/1"
    version: str
    built_at: str
    profile: Literal["cpu", "cuda"]
    python: str  # "3.11"
    platform: str  # "manylinux_2_34_x86_64"
    glibc: str  # the least, "2.34"
    driver: str = ""  # the least NVIDIA driver, of the profile cuda
    carries: Literal["all", "policies", "models"] = "all"
    base: str = ""  # what a partial bundle builds on: the SHA-256 of that release's release.json
    parts: tuple[Part, ...]

    def of_kind(self, *kinds: str) -> tuple[Part, ...]:
        """The parts of these kinds, in the document's order."""
        return tuple(part for part in self.parts if part.kind in kinds)


def encode(release: Release) -> bytes:
    """The document as it is signed: keys in order, so equal releases are equal bytes."""
    return msgspec.json.format(msgspec.json.encode(release, order="sorted"), indent=1) + b"\n"


def decode(raw: bytes) -> Release:
    """Read the document.

    Raises:
        msgspec.DecodeError, msgspec.ValidationError: what does not follow the schema.
    """
    return msgspec.json.decode(raw, type=Release)
