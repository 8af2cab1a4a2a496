"""Where an update stands: ``PREFIX/state/update.json``, written before each step and on stable storage when it begins.

One update at a time: :meth:`Journal.held` takes a lock that the kernel gives back when the process ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gateway import durable
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.update.told import Id, new_id

Step = Literal["store", "stage", "trials", "switch", "restart", "watch", "accept", "back"]
BEFORE_SWITCH: frozenset[str] = frozenset(("store", "stage", "trials"))

#: A folder below ``PREFIX/versions``; never a path.
Folder = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,9}-[A-Za-z0-9][A-Za-z0-9.+_-]{0,80}$")]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One update under way. ``old`` is what ran before it; ``snapshot`` the version that will be accepted, 0: none."""

    schema: Literal["sekisho.update/1"] = "sekisho.update/1"
    step: Step
    fresh: Folder
    old: Folder
    snapshot: Annotated[int, msgspec.Meta(ge=0)]
    why: str = ""
    id: Id = msgspec.field(default_factory=new_id)  # under which the audit log will have its end
    release: str = ""  # SHA-256 of its release.json
    by: str = ""  # who gave it


class Journal:
    """The journal of one installation."""

    def __init__(self, prefix: Path) -> None:
        self._file = prefix / "state" / "update.json"
        self._lock = prefix / "state" / "update.lock"

    def write(self, entry: Entry) -> None:
        """MUST NOT return before the entry is on stable storage.

        Raises:
            OSError
        """
        durable.replace(self._file, msgspec.json.format(msgspec.json.encode(entry), indent=1) + b"\n", mode=0o644)

    def read(self) -> Entry | None:
        """The update under way; ``None``: there is none.

        Raises:
            BundleRefused: the journal is there and cannot be understood.
        """
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Entry)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise BundleRefused("bundle.permission", f"{self._file} cannot be read ({problem.strerror}).") from problem
        except msgspec.MsgspecError as problem:
            raise BundleRefused(
                "bundle.busy", f"{self._file} is no journal of an update.", "Somebody changed it; see the runbook."
            ) from problem

    def clear(self) -> None:
        """The update is over."""
        self._file.unlink(missing_ok=True)
        durable.sync_folder(self._file.parent)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the installation; nobody else updates, goes back or ends an update meanwhile.

        Raises:
            BundleRefused: somebody else does, or this user may not.
        """
        try:
            self._lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise BundleRefused("bundle.permission", f"{self._lock} cannot be held ({problem.strerror}).") from problem
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            os.close(descriptor)
            raise BundleRefused("bundle.busy", "An update is under way here.") from problem
        try:
            yield
        finally:
            os.close(descriptor)
