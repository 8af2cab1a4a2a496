"""Which secret is in force for a purpose, and which still counts beside it. Pure, but for reading and writing a file.

``keys/generations.json`` (``sekisho.key-generations/1``) is there from the first rotation on, and is replaced as a
whole: whoever dies in a rotation leaves the state before it, or the one after. Rules:

1. Of each purpose the last generation is in force. Those before it have ``until``, the end of their overlap; from then
   on they are not used any more, whether or not their files are gone already.
2. ``pending`` is a rotation that was decided and may be on record already. Who finds one at a start carries it out.
3. Nothing is forgotten of the log key: ``rotations`` is the whole chain of public keys.
4. A file is made gone only when it stands in ``leftover``: a draft before it was decided, or a secret whose overlap is
   over. Whatever else lies in the folder, perhaps put there from a backup, is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from gateway.errors import SetupError
from gateway.keys import folder as files

FILE = "generations.json"
Purpose = Literal["log", "pepper", "tenants"]
PURPOSES: tuple[Purpose, ...] = ("log", "pepper", "tenants")
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Generation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One secret of a purpose. ``file`` is its name in the key folder."""

    file: str
    until: Instant | None = None  # None: in force


class Pending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rotation that was decided. ``details`` are those of its record."""

    purpose: Purpose
    file: str
    since: Instant
    until: Instant
    details: dict[str, str]


class Generations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole file. Each purpose has its generations, oldest first."""

    log: tuple[Generation, ...]
    pepper: tuple[Generation, ...] = (Generation("pepper"),)
    tenants: tuple[Generation, ...] = (Generation("tenants"),)
    rotations: tuple[dict[str, str], ...] = ()  # details of key.rotated, of the log key alone
    pending: Pending | None = None
    leftover: tuple[str, ...] = ()  # files that are to be made gone
    version: Literal["sekisho.key-generations/1"] = "sekisho.key-generations/1"

    def of(self, purpose: Purpose) -> tuple[Generation, ...]:
        found: tuple[Generation, ...] = getattr(self, purpose)
        return found

    def newest(self, purpose: Purpose) -> Generation:
        """Return the generation in force."""
        return self.of(purpose)[-1]

    def counting(self, purpose: Purpose, now: datetime) -> tuple[Generation, ...]:
        """Return what counts at ``now``, newest first."""
        return tuple(g for g in reversed(self.of(purpose)) if g.until is None or now < g.until)

    def over(self, purpose: Purpose, now: datetime) -> tuple[Generation, ...]:
        """Return the generations whose overlap has ended, oldest first."""
        return tuple(g for g in self.of(purpose) if g.until is not None and g.until <= now)

    def older(self, purpose: Purpose) -> tuple[Generation, ...]:
        """Return the generations that are not in force any more, oldest first."""
        return self.of(purpose)[:-1]

    def drafting(self, file: str) -> Generations:
        """Return this before a new secret is made, which nobody has decided on."""
        return msgspec.structs.replace(self, leftover=(*self.leftover, file))

    def decided(self, pending: Pending) -> Generations:
        """Return this with a rotation that waits for its record."""
        rest = tuple(file for file in self.leftover if file != pending.file)
        return msgspec.structs.replace(self, pending=pending, leftover=rest)

    def undecided(self) -> Generations:
        """Return this without the rotation that waits."""
        gone = (self.pending.file,) if self.pending else ()
        return msgspec.structs.replace(self, pending=None, leftover=(*self.leftover, *gone))

    def carried_out(self) -> Generations:
        """Return this with the pending rotation in force."""
        if self.pending is None:
            return self
        purpose, last = self.pending.purpose, self.newest(self.pending.purpose)
        before = (*self.older(purpose), msgspec.structs.replace(last, until=self.pending.until))
        changed: Mapping[str, Any] = {purpose: (*before, Generation(self.pending.file))}
        rotations = (*self.rotations, self.pending.details) if purpose == "log" else self.rotations
        return msgspec.structs.replace(self, **changed, rotations=rotations, pending=None)

    def without(self, purpose: Purpose, gone: tuple[Generation, ...]) -> Generations:
        """Return this without generations that are over; their files are to be made gone."""
        kept: Mapping[str, Any] = {purpose: tuple(g for g in self.of(purpose) if g not in gone)}
        return msgspec.structs.replace(self, **kept, leftover=(*self.leftover, *(g.file for g in gone)))

    def swept(self) -> Generations:
        """Return this with nothing left over."""
        return msgspec.structs.replace(self, leftover=())

    def ended(self, purpose: Purpose, now: datetime) -> Generations:
        """Return this with every overlap of that purpose ended at ``now``, or before."""
        shorter = tuple(msgspec.structs.replace(g, until=min(g.until, now)) if g.until else g for g in self.of(purpose))
        changed: Mapping[str, Any] = {purpose: shorter}
        return msgspec.structs.replace(self, **changed)


def read(folder: Path, log_file: str) -> Generations:
    """Return what the folder says; without the file, the first secrets are in force.

    Args:
        log_file: the name of the first log key.

    Raises:
        SetupError: the file is damaged or open to others.
    """
    path = folder / FILE
    if not path.exists():
        return Generations(log=(Generation(log_file),))
    try:
        found = msgspec.json.decode(files.read_secret(path), type=Generations)
        if not all(found.of(purpose) and found.newest(purpose).until is None for purpose in PURPOSES):
            raise msgspec.ValidationError
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is damaged.", files.RESTORE) from error
    return found


def write(folder: Path, generations: Generations) -> None:
    """Replace the file, durably. Raises SetupError."""
    files.replace(folder / FILE, msgspec.json.format(msgspec.json.encode(generations), indent=1) + b"\n")
