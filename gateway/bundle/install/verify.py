"""Is this bundle what its makers signed, whole, and nothing beside? Nothing is changed but in the scratch folder.

Every file below ``targets/`` is read once and must have the length and SHA-256 that ``targets.json`` says; one that
nobody signed refuses the bundle, too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.bundle import release as release_
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.release import Part, Release
from gateway.bundle.repository.break_glass import Statement
from gateway.bundle.repository.break_glass import read as read_glass
from gateway.bundle.repository.client import Client, trust

_CHUNK_BYTES = 1 << 20
Told = Callable[[int, int], None]
"""Hears how many bytes of how many were looked at."""


def _silent(done: int, total: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Verified:
    """A bundle that is believed. ``accepted`` holds the metadata to accept once it is installed."""

    folder: Path
    release: Release
    release_sha256: str
    snapshot: int
    accepted: Path
    present: frozenset[str]  # SHA-256 of the parts that it carries
    glass: Statement | None = None  # what let it in past its end, where that was needed

    def file(self, part: Part) -> Path:
        """Where a part lies in the bundle."""
        return self.folder / "targets" / target_name(part)


def target_name(part: Part) -> str:
    """A part's file below ``targets``: consistent snapshots put the hash before the last part of the name."""
    folder, slash, last = part.name.rpartition("/")
    return f"{folder}{slash}{part.sha256}.{last}"


def verify(  # noqa: PLR0913  what is believed, and since when, each by its name
    folder: Path,
    root: bytes,
    scratch: Path,
    *,
    trusted: Path | None = None,
    at: datetime | None = None,
    has: Collection[str] = (),
    told: Told = _silent,
    break_glass: bytes | None = None,
) -> Verified:
    """Verify an unpacked bundle.

    Args:
        root: the root to begin with, where nothing is trusted yet.
        scratch: an empty folder for metadata on trial.
        trusted: what this site has accepted; it is not changed.
        at: the reference time; without one, the clock.
        has: hashes of parts that the site has, which a partial bundle may leave out.
        break_glass: a statement that lets one snapshot be past its end.

    Raises:
        BundleRefused: by name.
    """
    working = scratch / "accepted"
    if trusted is not None and (trusted / "root.json").exists():
        shutil.copytree(trusted, working, symlinks=True)
    else:
        trust(root, working)
    client = Client(working, folder / "metadata", folder / "targets", at or datetime.now(UTC))
    glass = None if break_glass is None else read_glass(break_glass)
    if glass is None:
        client.refresh()
    used = glass.statement if glass is not None and client.refresh_past_end(glass) else None
    wanted = {name: (one.length, one.hashes["sha256"]) for name, one in client.trusted.targets.targets.items()}
    release, sha256 = _release(folder, wanted)
    _check_listed(release, wanted)
    _check_nothing_beside(folder, wanted)
    present = _check_files(folder, wanted, release, frozenset(has), told)
    return Verified(folder, release, sha256, client.trusted.snapshot.version, working, present, used)


def _release(folder: Path, wanted: dict[str, tuple[int, str]]) -> tuple[Release, str]:
    if release_.NAME not in wanted:
        raise BundleRefused("bundle.malformed", "Nobody signed a release.json.")
    sha256 = wanted[release_.NAME][1]
    try:
        raw = (folder / "targets" / f"{sha256}.{release_.NAME}").read_bytes()
    except OSError:
        raise BundleRefused("bundle.truncated", "release.json is missing.") from None
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise BundleRefused("bundle.tampered", "release.json is not what was signed.")
    try:
        return release_.decode(raw), sha256
    except (msgspec.DecodeError, msgspec.ValidationError):
        mend = "It is of another version: use the installer that came with it."
        raise BundleRefused(
            "bundle.malformed", "release.json is not in the form that this installer knows.", mend
        ) from None


def _check_listed(release: Release, wanted: dict[str, tuple[int, str]]) -> None:
    for part in release.parts:
        if wanted.get(part.name) != (part.length, part.sha256):
            raise BundleRefused("bundle.mixed", f"{part.name} is another one in release.json than in targets.json.")
    if len(wanted) != len(release.parts) + 1:
        raise BundleRefused("bundle.mixed", "targets.json has a part that release.json does not name.")


def _check_nothing_beside(folder: Path, wanted: dict[str, tuple[int, str]]) -> None:
    named = {f"{sha256}.{name}" for name, (_, sha256) in wanted.items()}
    for path in (folder / "targets").iterdir():
        if path.name not in named:
            raise BundleRefused("bundle.tampered", f"targets/{path.name[:80]} was signed by nobody.")


def _check_files(
    folder: Path, wanted: dict[str, tuple[int, str]], release: Release, has: frozenset[str], told: Told
) -> frozenset[str]:
    total, done, present = sum(length for length, _ in wanted.values()), 0, set()
    for name, (length, sha256) in sorted(wanted.items()):
        path = folder / "targets" / f"{sha256}.{name}"
        if not os.path.lexists(path):
            if release.carries == "all":
                raise BundleRefused("bundle.truncated", f"{name} is missing.")
            if sha256 not in has:
                raise BundleRefused("bundle.base_missing", f"{name} is neither in this partial bundle nor here.")
            continue
        _check_file(path, name, length, sha256)
        present.add(sha256)
        done += length
        told(done, total)
    return frozenset(present)


def _check_file(path: Path, name: str, length: int, sha256: str) -> None:
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode):
        raise BundleRefused("bundle.malformed", f"{name} is no plain file.")
    if state.st_size != length:
        code = "bundle.truncated" if state.st_size < length else "bundle.endless"
        raise BundleRefused(code, f"{name} has {state.st_size:,} bytes, not {length:,}.")
    if sha256_of(path) != sha256:
        raise BundleRefused("bundle.tampered", f"{name} is not what was signed.")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
