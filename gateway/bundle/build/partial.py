"""A partial bundle: policies or models alone, on a release that sites have. It leaves files out, never lines.

The release that it builds on is read from that bundle, and believed only when the targets role of one of our roots
signed it. Bill and licence report are the old ones with the replaced parts exchanged.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Targets
from tuf.api.serialization import DeserializationError

from gateway.bundle import places, release
from gateway.bundle.build import archive, licences, sbom
from gateway.bundle.build.assemble import Heading, Maker, Origin, provenance_of
from gateway.bundle.build.items import Item, in_order, item
from gateway.bundle.release import Release
from gateway.bundle.repository.metadata import read_root
from gateway.errors import SetupError

#: What each kind of partial bundle replaces.
REPLACES = {"policies": ("policies",), "models": ("model", "manifest")}
_PAPERS = ("sbom", "licences", "provenance")
_MEND = "Give the .tar of a whole bundle that these keys signed."


@dataclass(frozen=True)
class Base:
    """The release that is built on, and those of its papers that change."""

    release: Release
    sha256: str  # of its release.json
    bill: bytes
    report: bytes


def read_base(file: Path, maker: Maker) -> Base:
    """Read a whole bundle.

    Raises:
        SetupError: it is none, is itself partial, or is not signed by the targets role of one of the maker's roots.
    """
    try:
        with tarfile.open(file, "r:") as tar:
            inside = {one.name.partition("/")[2]: one for one in tar if one.isfile()}
            targets = _signed_targets(tar, inside, maker)
            raw = _target(tar, inside, targets, release.NAME)
            found = release.decode(raw)
            if found.carries != "all":
                raise SetupError(f"{file} is a partial bundle.", _MEND)
            (bill,) = (_target(tar, inside, targets, one.name) for one in found.of_kind("sbom"))
            (report,) = (_target(tar, inside, targets, one.name) for one in found.of_kind("licences"))
    except (OSError, tarfile.TarError, KeyError, ValueError, DeserializationError):
        raise SetupError(f"{file} is no bundle that can be built on.", _MEND) from None
    return Base(found, hashlib.sha256(raw).hexdigest(), bill, report)


def heading_on(base: Base, carries: str, at: datetime) -> Heading:
    """The new release's heading: all but the time is the base's, and that is later, for metadata count by it."""
    old = base.release
    at = max(at, datetime.fromisoformat(old.built_at) + timedelta(seconds=1))
    return Heading(
        version=old.version,
        at=at,
        profile=old.profile,
        python=old.python,
        platform=old.platform,
        glibc=old.glibc,
        driver=old.driver,
        carries="policies" if carries == "policies" else "models",
        base=base.sha256,
    )


def exchanged(base: Base, fresh: Iterable[Item], heading: Heading, origin: Origin, maker: Maker) -> tuple[Item, ...]:
    """Return all parts of the new release; those that stay have no bytes here.

    Raises:
        SetupError: a fresh part has no licence, or is of a kind that this bundle does not carry.
    """
    made = in_order(fresh)
    gone = REPLACES[heading.carries]
    if any(one.part.kind not in gone for one in made):
        raise SetupError(f"A bundle of {heading.carries} carries nothing else.", "Build a whole bundle.")
    if {one.part.sha256 for one in made} <= {part.sha256 for part in base.release.of_kind(*gone)}:
        raise SetupError(f"The {heading.carries} are those of the base.", "There is nothing to carry.")
    licences.check(made)
    dropped = (*gone, *_PAPERS, *(("advisories",) if origin.advisories is not None else ()))
    kept = [Item(part, b"") for part in base.release.parts if part.kind not in dropped]
    bill = sbom.exchanged(base.bill, made, gone, heading.version, heading.at)
    epoch = int(heading.at.timestamp())
    texts = _texts_left(base, gone) | licences.texts(made)
    papers = [
        item("sbom", bill, "sbom.cdx.json", f"{places.PAPERS}/sbom.cdx.json"),
        item(
            "licences",
            licences.report(json.loads(bill), texts, epoch),
            "licences.tar.gz",
            f"{places.PAPERS}/licences",
            unpack=True,
        ),
    ]
    if origin.advisories is not None:
        papers.append(item("advisories", origin.advisories, "advisories.json", f"{places.PAPERS}/advisories.json"))
    found = in_order([*kept, *made, *papers])
    asked = {**origin.asked, "carries": heading.carries, "base": base.sha256}
    return in_order([*found, provenance_of(found, replace(origin, asked=asked), heading, maker)])


def left_out(base: Base, items: Iterable[Item]) -> frozenset[str]:
    """The hashes of what a site with the base has already."""
    return frozenset(part.sha256 for part in base.release.parts) & {one.part.sha256 for one in items}


def _texts_left(base: Base, gone: Iterable[str]) -> dict[str, archive.Member]:
    removed = sbom.folders_of_kinds(json.loads(base.bill), gone)
    return {
        name: member
        for name, member in archive.read_tar_gz(base.report).items()
        if name != licences.TABLE and name.partition("/")[0] not in removed
    }


def _signed_targets(tar: tarfile.TarFile, inside: Mapping[str, Any], maker: Maker) -> Targets:
    (name,) = [one for one in inside if one.startswith("metadata/") and one.endswith(".targets.json")]
    found = Metadata[Targets].from_bytes(_bytes(tar, inside[name]))
    for root in maker.roots.values():
        try:
            read_root(root, "A root").signed.verify_delegate("targets", found.signed_bytes, found.signatures)
            return found.signed
        except UnsignedMetadataError:
            continue
    raise SetupError("The bundle to build on is not signed by a key of these roots.", _MEND)


def _target(tar: tarfile.TarFile, inside: Mapping[str, Any], targets: Targets, name: str) -> bytes:
    wanted = targets.targets[name]
    content = _bytes(tar, inside[f"targets/{wanted.hashes['sha256']}.{name}"])
    if len(content) != wanted.length or hashlib.sha256(content).hexdigest() != wanted.hashes["sha256"]:
        raise ValueError("not what was signed")
    return content


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = tar.extractfile(member)
    return opened.read() if opened else b""
