"""Metadata as the maker writes them: a root that may change its keys; for each release targets, snapshot, timestamp.

Rules:

1. Snapshots are consistent: ``N.root.json``, ``N.snapshot.json``, ``N.targets.json``, and one ``timestamp.json``; a
   target is stored as ``<sha256>.<name>`` (TUF 6.2).
2. A version is the release's time in seconds (Unix): later releases have higher versions, equal inputs equal bytes.
3. A new root is signed by the threshold of the one before and by its own (TUF 5.3.4).
4. Signing is adding: a signature of another person, made elsewhere, is put beside those there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import (
    TOP_LEVEL_ROLE_NAMES,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from gateway.bundle.repository.roles import Roles
from gateway.errors import SetupError

_JSON = JSONSerializer(compact=False)
_Body = TypeVar("_Body", Root, Timestamp, Snapshot, Targets)
Signers = Mapping[str, Sequence[Signer]]
"""Role to those who sign for it."""


@dataclass(frozen=True)
class Listed:
    """One target: its length in bytes and its SHA-256 in hex."""

    length: int
    sha256: str


def first_root(keys: Mapping[str, Sequence[Key]], roles: Roles, at: datetime) -> Metadata[Root]:
    """Return version 1 of the root, unsigned.

    Args:
        keys: role to its public keys.
        at: when it is made, with a time zone.
    """
    root = Root(version=1, expires=_end(at, roles.root.days), consistent_snapshot=True)
    for name in sorted(TOP_LEVEL_ROLE_NAMES):
        for key in keys[name]:
            root.add_key(key, name)
        root.roles[name].threshold = roles.of(name).threshold
    return Metadata(root)


def next_root(
    before: Metadata[Root],
    roles: Roles,
    at: datetime,
    *,
    add: Mapping[str, Key] | None = None,
    revoke: Iterable[str] = (),
) -> Metadata[Root]:
    """Return the root after ``before``, unsigned: with keys added (role to key) and others revoked (key ids).

    Raises:
        SetupError: a role would have fewer keys than must sign.
    """
    root = Metadata[Root].from_dict(before.to_dict()).signed
    root.version += 1
    root.expires = _end(at, roles.root.days)
    for key_id in revoke:
        for name in [name for name, role in root.roles.items() if key_id in role.keyids]:
            root.revoke_key(key_id, name)
    for name, key in (add or {}).items():
        root.add_key(key, name)
    for name in TOP_LEVEL_ROLE_NAMES:
        root.roles[name].threshold = roles.of(name).threshold
        if len(root.roles[name].keyids) < root.roles[name].threshold:
            raise SetupError(
                f"{name} would have fewer keys than must sign.", "Add a key as well, or lower its threshold."
            )
    return Metadata(root)


def sign(metadata: Metadata[_Body], signers: Iterable[Signer]) -> None:
    """Add signatures; one of the same key is replaced."""
    for one in signers:
        metadata.sign(one, append=True)


def lacking(metadata: Metadata[Root], before: Metadata[Root] | None = None) -> str:
    """Say in words what signatures a root still lacks; empty: it is whole."""
    for name, by in (("the root before", before), ("itself", metadata)):
        if by is None:
            continue
        result = by.signed.get_verification_result("root", metadata.signed_bytes, metadata.signatures)
        if not result.verified:
            return f"{result.missing} more of {name}"
    return ""


def publish(
    root: Metadata[Root], targets: Mapping[str, Listed], signers: Signers, roles: Roles, at: datetime
) -> dict[str, bytes]:
    """Return a release's metadata, signed: file name to bytes. The root's own files are not among them.

    Args:
        targets: target path to what it must be.
        at: the release's time, with a time zone; versions are made of it.

    Raises:
        SetupError: the signers are too few, or are not those that the root names.
    """
    version = int(at.timestamp())
    signed_targets = Targets(
        version=version,
        expires=_end(at, roles.targets.days),
        targets={
            path: TargetFile(length=one.length, hashes={"sha256": one.sha256}, path=path)
            for path, one in sorted(targets.items())
        },
    )
    files = {f"{version}.targets.json": _signed(root, "targets", signed_targets, signers)}
    snapshot = Snapshot(
        version=version,
        expires=_end(at, roles.snapshot.days),
        meta={"targets.json": _file(version, files[f"{version}.targets.json"])},
    )
    files[f"{version}.snapshot.json"] = _signed(root, "snapshot", snapshot, signers)
    timestamp = Timestamp(
        version=version,
        expires=_end(at, roles.timestamp.days),
        snapshot_meta=_file(version, files[f"{version}.snapshot.json"]),
    )
    files["timestamp.json"] = _signed(root, "timestamp", timestamp, signers)
    return files


def encode(metadata: Metadata[_Body]) -> bytes:
    """The file's bytes: JSON with keys in order, one field a line."""
    return metadata.to_bytes(_JSON)


def read_root(raw: bytes, shown: str = "the root") -> Metadata[Root]:
    """Read a root.

    Raises:
        SetupError
    """
    try:
        found = Metadata[Root].from_bytes(raw)
    except DeserializationError:
        found = None
    if found is None or found.signed.type != "root":
        raise SetupError(f"{shown} is no TUF root.", "sekisho bundle keys create makes one.")
    return found


def _signed(root: Metadata[Root], name: str, body: _Body, signers: Signers) -> bytes:
    metadata = Metadata(body)
    sign(metadata, signers.get(name, ()))
    try:
        root.signed.verify_delegate(name, metadata.signed_bytes, metadata.signatures)
    except UnsignedMetadataError:
        wanted = root.signed.roles[name].threshold
        raise SetupError(
            f"{name} needs {wanted} signature(s) of keys that the root names, and has fewer.",
            f"Give the keys of {name}.",
        ) from None
    return encode(metadata)


def _file(version: int, content: bytes) -> MetaFile:
    return MetaFile.from_data(version, content, ["sha256"])


def _end(at: datetime, days: int) -> datetime:
    return (at.astimezone(UTC) + timedelta(days=days)).replace(microsecond=0)
