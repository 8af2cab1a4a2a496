"""Data sets: all facts that OPA was ever given, each in a file under its own digest; so the past can be asked again.

``state/policy/data/<sha256>.json`` holds the canonical JSON of the facts, and its name is what decisions call
``data_revision``. Rules:

1. A data set is on stable storage before it is pushed, so no record names one that is not there.
2. What is read is what its name says, or it is refused.
3. One that a record names is kept: :meth:`DataSets.prune` is told which those are.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gateway.durable import sync_folder
from gateway.errors import SetupError
from gateway.policy.facts import Rulebook, encode, place_name, placed
from gateway.policy.table.compiled import Where

_BEFORE_SIGNATURES = {"preset": "demo"}
"""Nobody asked for signatures of models when a set without it was written."""

_NAME = re.compile(r"[0-9a-f]{64}")
_YOUNG = timedelta(hours=1)
"""A younger one may be about to be named by a record that is not written yet."""


class DataSets:
    """The data sets of one installation.

    Args:
        folder: ``state/policy/data``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, facts: Mapping[str, Any]) -> str:
        """Write the facts, unless they are there; return their revision. On stable storage when this returns.

        Args:
            facts: as :func:`gateway.policy.facts.build_facts` makes them, without their revision.

        Raises:
            SetupError: they could not be written.
        """
        content = encode(facts)
        revision = hashlib.sha256(content).hexdigest()
        path = self._path(revision)
        try:
            if path.is_file() and path.stat().st_size == len(content):
                os.utime(path)  # the newest one is the one pushed last
            else:
                self._write(path, content)
        except OSError as error:
            problem = f"The data set {path} cannot be written ({error.strerror})."
            raise SetupError(problem, "Check the data folder's owner and space.") from error
        return revision

    def read(self, revision: str) -> dict[str, Any]:
        """Return the facts of that revision.

        Raises:
            SetupError: they are not there, or are not what their name says.
        """
        path = self._path(revision)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SetupError(f"There is no data set {revision[:12]}.", f"Restore {path} from a backup.") from error
        if hashlib.sha256(content).hexdigest() != revision:
            raise SetupError(f"The data set {revision[:12]} was changed.", f"Restore {path} from a backup.")
        return dict(msgspec.json.decode(content))

    def facts_of(self, revision: str) -> dict[str, Any]:
        """As :meth:`read`, with what sets of earlier releases do not say: a past question can be asked again."""
        return {**_BEFORE_SIGNATURES, **self.read(revision)}

    def newest(self) -> str:
        """Return the revision that was pushed last, empty when none ever was."""
        found = [(path.stat().st_mtime_ns, path.stem) for path in self._files()]
        return max(found)[1] if found else ""

    def prune(self, named: Collection[str], now: datetime | None = None) -> list[str]:
        """Remove the data sets that no record names; return their revisions.

        The newest is kept, as is any that was pushed within the last hour.

        Args:
            named: every ``data_revision`` of a record that is kept.
            now: the wall clock's time, when not its own.
        """
        newest, limit = self.newest(), ((now or datetime.now(UTC)) - _YOUNG).timestamp()
        gone = [
            path
            for path in self._files()
            if path.stem not in named and path.stem != newest and path.stat().st_mtime < limit
        ]
        for path in gone:
            path.unlink()
        return sorted(path.stem for path in gone)

    def _path(self, revision: str) -> Path:
        if not _NAME.fullmatch(revision):
            raise SetupError("That is no revision of facts.", "It is a SHA-256: 64 hex digits.", exit_code=2)
        return self.folder / f"{revision}.json"

    def _files(self) -> list[Path]:
        return [path for path in self.folder.glob("*.json") if _NAME.fullmatch(path.stem)]

    def _write(self, path: Path, content: bytes) -> None:
        """Write it beside, sync it, give it its name, sync the folder. Two writers of the same bytes do no harm."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(prefix=".new-", dir=self.folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(fresh).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(fresh).unlink()
            raise
        sync_folder(self.folder)


def under(facts: Mapping[str, Any], rulebook: Rulebook) -> dict[str, Any]:
    """Return the same fleet, organisation and grants, with another rule table compiled for them. Pure.

    What a rulebook decides in :func:`gateway.policy.facts.build_facts` is made again: the places and the table. A test
    holds the two against each other.

    Raises:
        SetupError: the table names too many cases.
    """
    places, targets = facts["places"], facts["targets"]
    wheres = {id_: _where(target, places[target["place"]]) for id_, target in targets.items()}
    return {
        **facts,
        "targets": {id_: {**target, "place": place_name(wheres[id_], rulebook)} for id_, target in targets.items()},
        **placed(wheres.values(), rulebook),
    }


def _where(target: Mapping[str, Any], place: Mapping[str, Any]) -> Where:
    return Where(place["near"], place["jurisdiction"], target["site"])
