"""From parts to one file: the papers, the release, its metadata, stage one, and the tar.

Nothing is written to ``out`` before all of it was judged; it appears under its name when it is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Root

from gateway.bundle import bootstrap, places, release
from gateway.bundle.build import archive, licences, provenance, sbom, wheels
from gateway.bundle.build.items import Item, in_order, item
from gateway.bundle.release import Release
from gateway.bundle.repository import metadata
from gateway.bundle.repository.roles import Roles
from gateway.errors import SetupError

NO_ADVISORIES = b'{"statement": "The builder gave no advisories."}\n'
STAGE_ONE = ("install.sh", "bootstrap.py")
WHEELS = ("program", "wheel", "engine")


@dataclass(frozen=True)
class Maker:
    """Who makes it: all roots (``N.root.json``), who signs for each role, and for how long."""

    roots: Mapping[int, bytes]
    signers: Mapping[str, Sequence[Signer]]
    roles: Roles

    def newest(self) -> Metadata[Root]:
        return metadata.read_root(self.roots[max(self.roots)], "The newest root")


@dataclass(frozen=True)
class Heading:
    """What the release says of itself as a whole."""

    version: str
    at: datetime
    profile: Literal["cpu", "cuda"]
    python: str
    platform: str
    glibc: str
    driver: str = ""
    carries: Literal["all", "policies", "models"] = "all"
    base: str = ""


@dataclass(frozen=True)
class Origin:
    """What provenance tells beside the parts."""

    source: provenance.Source
    asked: Mapping[str, Any]
    locks: Mapping[str, str]
    advisories: bytes | None  # as given


@dataclass(frozen=True)
class Made:
    """The file, and what must be told by another way than the file."""

    file: Path
    sha256: str
    length: int
    root_sha256: str
    install_sha256: str
    release: Release


def with_papers(parts: Iterable[Item], heading: Heading, origin: Origin, maker: Maker) -> tuple[Item, ...]:
    """Add lock, bill, licence report, advisories and provenance to the parts.

    Raises:
        SetupError: a part has no licence; two have one name.
    """
    found = in_order(parts)
    licences.check(found)
    epoch = int(heading.at.timestamp())
    bill = sbom.bill(found, heading.version, heading.at)
    report = licences.report(json.loads(bill), licences.texts(found), epoch)
    vex = NO_ADVISORIES if origin.advisories is None else origin.advisories
    papers = [
        item("lock", lock_of(found), "lock.txt", f"{places.PAPERS}/lock.txt"),
        item("sbom", bill, "sbom.cdx.json", f"{places.PAPERS}/sbom.cdx.json"),
        item("licences", report, "licences.tar.gz", f"{places.PAPERS}/licences", unpack=True),
        item("advisories", vex, "advisories.json", f"{places.PAPERS}/advisories.json"),
    ]
    found = in_order([*found, *papers])
    return in_order([*found, provenance_of(found, origin, heading, maker)])


def provenance_of(items: Iterable[Item], origin: Origin, heading: Heading, maker: Maker) -> Item:
    """The provenance of these parts, signed by the targets role."""
    said = provenance.statement(items, origin.source, origin.asked, origin.locks, heading.at)
    signed = provenance.sign(said, maker.signers["targets"])
    return item("provenance", signed, "provenance.json", f"{places.PAPERS}/provenance.json")


def write(
    out: Path,
    items: Sequence[Item],
    heading: Heading,
    maker: Maker,
    *,
    leaves_out: frozenset[str] = frozenset(),
    told: Callable[[int, int], None] | None = None,
) -> Made:
    """Sign and write the bundle. ``leaves_out`` are hashes of parts that the site has already.

    Raises:
        SetupError: too few signatures; stage one is not whole; the disk does not take it.
    """
    document = _release(items, heading)
    raw = release.encode(document)
    listed = {one.part.name: metadata.Listed(one.part.length, one.part.sha256) for one in items}
    listed[release.NAME] = metadata.Listed(len(raw), hashlib.sha256(raw).hexdigest())
    signed = metadata.publish(maker.newest(), listed, maker.signers, maker.roles, heading.at)
    members = {one.target: one.member() for one in items if one.part.sha256 not in leaves_out}
    members[f"targets/{listed[release.NAME].sha256}.{release.NAME}"] = archive.Member(raw)
    members |= {f"metadata/{name}": archive.Member(content) for name, content in signed.items()}
    members |= {f"metadata/{n}.root.json": archive.Member(content) for n, content in maker.roots.items()}
    if heading.carries == "all":
        members |= _stage_one(items, maker)
    top = f"sekisho-{heading.version}-{heading.profile}" + ("" if heading.carries == "all" else f"-{heading.carries}")
    inside = {f"{top}/{name}": member for name, member in members.items()}
    sha256 = _write(out, inside, int(heading.at.timestamp()), told)
    first = hashlib.sha256(maker.roots[min(maker.roots)]).hexdigest()
    install = next((one.part.sha256 for one in items if one.part.name == "install.sh"), "")
    return Made(out, sha256, out.stat().st_size, first, install, document)


def lock_of(items: Iterable[Item]) -> bytes:
    """The lock that pip installs by: every wheel of the bundle, by version and hash."""
    lines = [
        f"{one.about.name}=={one.about.version} --hash=sha256:{one.part.sha256}"
        for one in items
        if one.part.kind in WHEELS and one.part.name.endswith(".whl") and one.about is not None
    ]
    return ("\n".join(lines) + "\n").encode()


def _release(items: Sequence[Item], heading: Heading) -> Release:
    return Release(
        version=heading.version,
        built_at=heading.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        profile=heading.profile,
        python=heading.python,
        platform=heading.platform,
        glibc=heading.glibc,
        driver=heading.driver,
        carries=heading.carries,
        base=heading.base,
        parts=tuple(one.part for one in items),
    )


def _stage_one(items: Sequence[Item], maker: Maker) -> dict[str, archive.Member]:
    """What runs before TUF can: two files at the top, and the signed list of them and of the wheels they use."""
    first = {one.part.name: one for one in items if one.part.name in STAGE_ONE}
    for name in STAGE_ONE:
        if name not in first:
            raise SetupError(f"The installer lacks {name}.", "It lies in offline-bundle/installer/.")
    by_name = {
        wheels.normalised(one.about.name): one for one in items if one.about is not None and one.part.kind in WHEELS
    }
    missing = [name for name in places.STAGE_TWO if name not in by_name]
    if missing:
        raise SetupError(f"The bundle lacks the wheels of {', '.join(missing)}.", "The locks must have them.")
    document = bootstrap.encode(
        bootstrap.Bootstrap(
            files={name: one.part.sha256 for name, one in sorted(first.items())},
            stage_two={by_name[name].target: by_name[name].part.sha256 for name in places.STAGE_TWO},
        )
    )
    signatures = bootstrap.sign(document, maker.signers["targets"])
    return {
        **{name: archive.Member(one.content, executable=name.endswith(".sh")) for name, one in first.items()},
        bootstrap.NAME: archive.Member(document),
        bootstrap.SIGNATURES: archive.Member(signatures),
    }


def _write(
    out: Path, members: Mapping[str, archive.Member], epoch: int, told: Callable[[int, int], None] | None
) -> str:
    partial = out.with_name(f".{out.name}.partial")
    total = sum(member.length() for member in members.values())
    try:
        sha256 = archive.write_tar(
            partial, members, epoch, None if told is None else lambda done: told(min(done, total) >> 20, total >> 20)
        )
        partial.replace(out)
    except OSError as problem:
        raise SetupError(f"{out} cannot be written ({problem.strerror}).", "Is there room on the disk?") from None
    finally:
        partial.unlink(missing_ok=True)
    return sha256
