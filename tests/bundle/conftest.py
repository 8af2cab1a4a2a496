"""A maker and its repository: real keys, real metadata, real files, in a folder that a test may spoil.

>>> maker.release({"a.txt": b"one"})        # writes metadata/ and targets/ of a release an hour after the one before
>>> maker.client(folder).refresh()          # a client that trusts the first root
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

from gateway.bundle.repository import metadata as md
from gateway.bundle.repository.client import Client, trust
from gateway.bundle.repository.roles import NAMES, Role, Roles

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Maker:
    """Who builds bundles: two of three root keys, one key for each other role."""

    def __init__(self, folder: Path) -> None:
        self.metadata, self.targets = folder / "metadata", folder / "targets"
        self.metadata.mkdir()
        self.targets.mkdir()
        self.roles = Roles(root=Role(3, 2, 365))
        self.at = NOON
        self.signers: dict[str, list[CryptoSigner]] = {
            name: [CryptoSigner.generate_ed25519() for _ in range(self.roles.of(name).keys)] for name in NAMES
        }
        keys = {name: [one.public_key for one in of] for name, of in self.signers.items()}
        self.root = md.first_root(keys, self.roles, NOON)
        md.sign(self.root, self.signers["root"][:2])
        self.write_root()

    @property
    def first_root(self) -> bytes:
        return (self.metadata / "1.root.json").read_bytes()

    def write_root(self) -> None:
        (self.metadata / f"{self.root.signed.version}.root.json").write_bytes(md.encode(self.root))

    def rotate(self, role: str) -> None:
        """Replace the first key of a role; the new root is signed by the keys of the old and of the new."""
        fresh, old = CryptoSigner.generate_ed25519(), self.signers[role][0]
        before = self.signers["root"][:]
        after = md.next_root(
            self.root, self.roles, self.at, add={role: fresh.public_key}, revoke=[old.public_key.keyid]
        )
        self.signers[role] = [*self.signers[role][1:], fresh]
        md.sign(after, before[:2])
        md.sign(after, self.signers["root"][-2:])
        self.root = after
        self.write_root()

    def release(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Publish these targets and nothing else; the metadata's files are returned as well."""
        self.at += timedelta(hours=1)
        listed = {name: md.Listed(len(raw), hashlib.sha256(raw).hexdigest()) for name, raw in files.items()}
        written = md.publish(self.root, listed, self.signers, self.roles, self.at)
        for name, raw in written.items():
            (self.metadata / name).write_bytes(raw)
        for name, raw in files.items():
            folder, _, last = name.rpartition("/")
            path = self.targets / folder / f"{listed[name].sha256}.{last}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        return written

    def client(self, trusted: Path, at: datetime | None = None) -> Client:
        """Return a client; one whose folder is empty trusts the first root."""
        if not (trusted / "root.json").exists():
            trust(self.first_root, trusted)
        return Client(trusted, self.metadata, self.targets, at or self.at)

    def change(self, name: str, **fields: Any) -> None:
        """Change fields of a metadata file's signed part; its signature holds no longer."""
        path = self.metadata / name
        told = json.loads(path.read_bytes())
        told["signed"].update(fields)
        path.write_text(json.dumps(told), encoding="utf-8")


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    """A maker with an empty repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    return Maker(folder)
