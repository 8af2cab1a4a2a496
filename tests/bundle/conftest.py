"""A maker and its repository: real keys, real metadata, real files, in a folder that a test may spoil.

>>> maker.release({"a.txt": b"one"})        # writes metadata/ and targets/ of a release an hour after the one before
>>> maker.client(folder).refresh()          # a client that trusts the first root
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class RealBundle:
    """A whole bundle of this very tree, with one small model. ``root_sha256`` is what a site is told."""

    file: Path
    root_sha256: str
    maker: Path  # its keys/ and roots/: a test may sign with them


@pytest.fixture(scope="session")
def real_bundle(repository: Path) -> RealBundle:
    """Build it once for all tests; the wheels, and with them what needs an index, stay in ``.cache/bundle``.

    Built under a lock, for several workers of pytest: the one file has the name of the tree it was built from.
    """
    cache = repository / ".cache" / "bundle"
    cache.mkdir(parents=True, exist_ok=True)
    program = [str(repository / ".venv" / "bin" / "sekisho"), "bundle"]
    maker = cache / "test-maker"
    with (cache / "test.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (maker / "roots" / "1.root.json").exists():
            shutil.rmtree(maker, ignore_errors=True)
            subprocess.run([*program, "keys", "create", "--dir", str(maker)], check=True, capture_output=True)
        file = cache / f"test-{_tree(repository)}.tar"
        if not file.exists():
            for old in cache.glob("test-*.tar"):
                old.unlink()
            command = [*program, "build", "--keys", str(maker), "--models", "smollm2-135m-instruct", "--out", str(file)]
            command += ["--source-date-epoch", str(int(datetime.now(UTC).timestamp()))]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=repository)
            assert done.returncode == 0, done.stderr
    root = (maker / "roots" / "1.root.json").read_bytes()
    return RealBundle(file, hashlib.sha256(root).hexdigest(), maker)


def _tree(repository: Path) -> str:
    """A hash over what a bundle is made from."""
    digest = hashlib.sha256()
    places = ("gateway", "policies", "models", "docs", "offline-bundle/installer", "offline-bundle/locks")
    files = [path for place in places for path in (repository / place).rglob("*") if path.is_file()]
    for path in sorted([*files, repository / "offline-bundle/licences.yaml", repository / "pyproject.toml"]):
        if "__pycache__" not in path.parts and not any(part.startswith(".") for part in path.parts[-2:]):
            digest.update(f"{path.relative_to(repository)}\0{path.stat().st_mode & 0o100}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
