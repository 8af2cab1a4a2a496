"""What updates did, until the audit log has it: ``PREFIX/state/events/<id>.json``, one file for each.

The log belongs to the service's user and has one writer, the server; who updates is another user, and often no server
runs then. So the updater leaves a file here, and the server that starts next, old or new, takes it into its log
(:mod:`gateway.house.updates`). Rules:

1. A file has one id and is never changed. An update has one id from its beginning, so however often its end is
   repeated after an interruption, it is told once.
2. The server remembers in its own data folder which ids it has taken; files of those are removed by the next update.
3. Nothing of a prompt, a configuration or a path stands in them: codes, versions, hashes, and words of ours.

Example::

    {"schema": "sekisho.update-event/1", "id": "20261123T120000000000Z-9f3a01bc77d2", "at": "2026-11-23T12:03:10Z",
     "type": "update.accepted", "details": {"from": "1-1.4.0", "to": "2-1.5.0", "snapshot": 1795427167}}
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gateway import durable
from gateway.bundle.repository.break_glass import Statement

Id = Annotated[str, msgspec.Meta(pattern="^[0-9]{8}T[0-9]{12}Z-[0-9a-f]{12}$")]
Kind = Literal[
    "update.accepted",
    "update.removed",
    "update.reverted",
    "update.rolled_back",
    "update.refused",
    "update.interrupted",
    "update.break_glass",
]
_Words = Annotated[str, msgspec.Meta(max_length=400)]
_Counted = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_MOST_BYTES = 16_384


def new_id(at: datetime | None = None) -> str:
    """An id that nobody else has; later ids sort later."""
    return f"{at or datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(6)}"


class Happened(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that happened, as the log will have it. ``at`` is RFC 3339 in UTC."""

    schema: Literal["sekisho.update-event/1"] = "sekisho.update-event/1"
    id: Id = msgspec.field(default_factory=new_id)
    at: str = msgspec.field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    type: Kind
    details: Mapping[str, _Counted | _Words]


def glass_used(statement: Statement, by: str) -> Happened:
    """Word of a break-glass statement that let a bundle in. ``by``: who installs or updates."""
    details: dict[str, str | int] = {"by": by, "snapshot": statement.snapshot, "reason": statement.reason}
    details["until"] = f"{statement.until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Happened(type="update.break_glass", details=details)


class Spool:
    """The folder of what is told. ``PREFIX/state/events`` of an installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def of(prefix: Path) -> Spool:
        return Spool(prefix / "state" / "events")

    def tell(self, told: Happened) -> None:
        """Leave it for the log; one of the same id that is there stays. MUST NOT return before it is on stable storage.

        Raises:
            OSError
        """
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        os.chmod(self.folder, 0o755)  # noqa: S103  the service's user reads it, whatever the mask of who updates
        place = self._place(told.id)
        if not place.exists():
            durable.replace(place, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n", mode=0o644)

    def ids(self) -> list[str]:
        """What lies here, the earliest first. Raises OSError where there is such a folder, and it cannot be read."""
        try:
            return sorted(path.stem for path in self.folder.iterdir() if path.suffix == ".json" and path.name[0] != ".")
        except FileNotFoundError:
            return []

    def read(self, id: str) -> Happened | None:
        """Read one; ``None``: it is not what an updater leaves. Raises OSError."""
        with self._place(id).open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        try:
            told = msgspec.json.decode(raw, type=Happened)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None
        return told if told.id == id and len(raw) <= _MOST_BYTES else None

    def forget(self, taken: Collection[str]) -> None:
        """Remove what the log has. Raises OSError."""
        for id in set(taken) & set(self.ids()):
            self._place(id).unlink(missing_ok=True)

    def _place(self, id: str) -> Path:
        return self.folder / f"{id}.json"


class Taken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the server remembers, in ``DATA/state/update-events.json``.

    ``taking`` stands there while one is being taken: its id, the log's folder below the audit folder, and how many
    records that log had before. So a server that was killed meanwhile finds out whether the record is there.
    """

    schema: Literal["sekisho.taken/1"] = "sekisho.taken/1"
    taken: tuple[str, ...] = ()
    taking: tuple[str, str, int] | None = None

    @staticmethod
    def read(file: Path) -> Taken:
        """What a server has taken; nothing where it never did.

        Raises:
            OSError, msgspec.DecodeError, msgspec.ValidationError: it is not known.
        """
        try:
            return msgspec.json.decode(file.read_bytes(), type=Taken)
        except FileNotFoundError:
            return Taken()

    def write(self, file: Path) -> None:
        """MUST NOT return before it is on stable storage. Raises OSError."""
        durable.replace(file, msgspec.json.encode(self) + b"\n")


def taken_file(state: Path) -> Path:
    """Where the server of a data folder remembers it; ``state`` is ``DATA/state``."""
    return state / "update-events.json"
