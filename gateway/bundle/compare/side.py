"""One side of a comparison: a bundle's file, or a version that is installed. Of a part it gives the bytes, or nothing.

Every byte that is given has the hash that ``release.json`` says. Whether that document is what its makers signed is
told apart: with a root that is trusted, its chain is walked; without one, it is said that nobody looked.
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from tuf.api.metadata import Metadata, Targets
from tuf.api.serialization import DeserializationError

from gateway.bundle import places
from gateway.bundle import release as release_
from gateway.bundle.install.prefix import Prefix
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.release import Part, Release
from gateway.bundle.repository.client import Client, trust

Trust = Literal["signed", "signed, past its end", "installed", "not verified"]
_MOST_BYTES = 64 << 20  # of one part that is looked into; weights are not
_EARLY = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Side:
    """A release, how far it is believed, and its parts' bytes where they are at hand."""

    name: str
    release: Release
    trust: Trust
    snapshot: int  # 0: not said
    get: Callable[[Part], bytes | None]

    def only(self, kind: str) -> Part | None:
        """The one part of a kind, where there is exactly one."""
        found = self.release.of_kind(kind)
        return found[0] if len(found) == 1 else None


def of_version(prefix: Prefix, folder: str) -> Side:
    """A version that is installed; its parts are in the installation's store.

    Raises:
        BundleRefused: there is no such version, or its document cannot be read.
    """
    file = prefix.versions / folder / places.SHARE / release_.NAME
    try:
        release = release_.decode(file.read_bytes())
    except FileNotFoundError:
        raise BundleRefused("bundle.base_missing", f"There is no version {folder} here.") from None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        raise BundleRefused("bundle.malformed", f"{file} cannot be read.", "Install that version again.") from None
    accepted = prefix.accepted()
    snapshot = accepted.snapshot if accepted is not None and accepted.folder == folder else 0
    return Side(folder, release, "installed", snapshot, _stored(prefix))


def of_bundle(file: Path, root: bytes = b"", prefix: Prefix | None = None) -> Side:
    """A bundle, without unpacking more of it than is compared.

    Args:
        root: a root that is trusted; empty: signatures are not looked at.
        prefix: an installation whose store has what a partial bundle leaves out.

    Raises:
        BundleRefused: it is no bundle, or not what a threshold of that root's keys signed.
    """
    try:
        with tarfile.open(file, "r:") as tar:
            members = {one.name.partition("/")[2]: one for one in tar if one.isfile()}
            metadata = {name: _bytes(tar, one) for name, one in members.items() if name.startswith("metadata/")}
    except (OSError, tarfile.TarError, EOFError) as problem:
        raise BundleRefused("bundle.truncated", f"{file.name} is no whole bundle.") from problem
    with tempfile.TemporaryDirectory() as scratch:
        trusted, targets, snapshot = _targets(Path(scratch), metadata, root)
    listed = {name: one.hashes["sha256"] for name, one in targets.targets.items()}

    def get(name: str, sha256: str) -> bytes | None:
        member = members.get(f"targets/{sha256}.{name}")
        if member is None:
            return None
        with tarfile.open(file, "r:") as tar:
            content = _bytes(tar, member)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BundleRefused("bundle.tampered", f"{name} is not what was signed.")
        return content

    raw = get(release_.NAME, listed.get(release_.NAME, ""))
    try:
        release = release_.decode(raw or b"")
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise BundleRefused("bundle.malformed", f"{file.name} has no release.json that can be read.") from None
    if any(listed.get(part.name) != part.sha256 for part in release.parts):
        raise BundleRefused("bundle.mixed", "A part is another one in release.json than in targets.json.")
    stored = _stored(prefix) if prefix is not None else lambda part: None
    return Side(file.name, release, trusted, snapshot, lambda part: get(part.name, part.sha256) or stored(part))


def _targets(scratch: Path, metadata: dict[str, bytes], root: bytes) -> tuple[Trust, Targets, int]:
    """What is listed, and the snapshot's version. With a root the chain is walked, whatever has ended meanwhile."""
    names = [name for name in metadata if name.endswith(".targets.json")]
    if len(names) != 1:
        raise BundleRefused("bundle.malformed", "It has not one list of targets.")
    if not root:
        try:
            found = Metadata[Targets].from_bytes(metadata[names[0]]).signed
        except DeserializationError:
            raise BundleRefused("bundle.malformed", "Its list of targets cannot be read.") from None
        if not isinstance(found, Targets):
            raise BundleRefused("bundle.malformed", "Its list of targets is none.")
        return "not verified", found, 0
    for name, content in metadata.items():
        if name.count("/") == 1 and not name.endswith("/"):
            place = scratch / name
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
    trust(root, scratch / "trusted")
    client = Client(scratch / "trusted", scratch / "metadata", at=_EARLY)
    client.refresh()
    trusted: Any = client.trusted
    now = datetime.now(UTC)
    ended = any(one.is_expired(now) for one in (trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets))
    return "signed, past its end" if ended else "signed", trusted.targets, trusted.snapshot.version


def _stored(prefix: Prefix) -> Callable[[Part], bytes | None]:
    def get(part: Part) -> bytes | None:
        try:
            content = (prefix.store / part.sha256).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise BundleRefused("bundle.tampered", f"{part.name} in the store is not what was installed.")
        return content

    return get


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _MOST_BYTES:
        raise BundleRefused("bundle.endless", f"{member.name[:80]} is longer than what is compared.")
    opened = tar.extractfile(member)
    content = opened.read() if opened else b""
    if len(content) != member.size:
        raise BundleRefused("bundle.truncated", "The bundle ends too early.")
    return content
