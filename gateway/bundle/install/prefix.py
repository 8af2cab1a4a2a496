"""Where an installation lies: ``PREFIX`` for what can be laid down again, and three folders that no version owns.

::

    PREFIX/versions/<n>-<version>/   a Python environment with all parts: see gateway.bundle.places
    PREFIX/store/<sha256>            every part once; versions have hard links to them
    PREFIX/current                   the version that runs
    PREFIX/state/accepted/           TUF metadata as last accepted; accepted.json says when, and of which release
    ETC, DATA                        configuration; keys, log, state
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from gateway import durable

_VERSION = re.compile(r"([0-9]{1,9})-.+")


class Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is installed: the release's hash, its version, and when it was accepted (RFC 3339)."""

    schema: str = "sekisho.accepted/1"
    version: str
    folder: str
    release_sha256: str
    snapshot: int
    at: str


@dataclass(frozen=True)
class Prefix:
    """One installation's folders below ``root``."""

    root: Path

    @property
    def versions(self) -> Path:
        return self.root / "versions"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def trusted(self) -> Path:
        return self.root / "state" / "accepted"

    @property
    def current(self) -> Path:
        return self.root / "current"

    def stored(self) -> frozenset[str]:
        """The hashes in the store."""
        return frozenset(path.name for path in self.store.glob("*")) if self.store.is_dir() else frozenset()

    def next_folder(self, version: str) -> str:
        """A name for a fresh version, never one that is there: ``2-1.4.0``."""
        names = [path.name for path in self.versions.glob("*")] if self.versions.is_dir() else []
        taken = [int(found[1]) for found in map(_VERSION.fullmatch, names) if found]
        return f"{max(taken, default=0) + 1}-{version}"

    def accepted(self) -> Accepted | None:
        """What was last accepted; ``None``: nothing, or it cannot be read."""
        try:
            return msgspec.json.decode((self.root / "state" / "accepted.json").read_bytes(), type=Accepted)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            return None

    def accepted_at(self) -> datetime | None:
        """When that was: a witness of the time."""
        said = self.accepted()
        return None if said is None else datetime.fromisoformat(said.at)

    def accept(self, said: Accepted, metadata: Path) -> None:
        """Trust this metadata from now on. MUST NOT return before that is on stable storage.

        Written file by file, timestamp last but one: whatever stops it leaves metadata that TUF's client goes on from.

        Raises:
            OSError
        """
        for name in ("root_history", ""):
            for path in sorted((metadata / name).glob("*.json")):
                if not path.is_symlink():
                    durable.replace(self.trusted / name / path.name, path.read_bytes(), mode=0o644)
        beside = self.trusted / ".root.new"
        beside.unlink(missing_ok=True)
        beside.symlink_to(os.readlink(metadata / "root.json"))
        beside.replace(self.trusted / "root.json")
        durable.sync_folder(self.trusted)
        durable.replace(self.root / "state" / "accepted.json", msgspec.json.encode(said), mode=0o644)
