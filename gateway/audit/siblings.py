"""The book of a worker beside others: what they wrote is found, too, and told as they would tell it.

Each worker writes its own logs (:mod:`gateway.audit.shelf`) and may read those of all of its node. A decision that it
did not make is looked for in the files of the others; a receipt is signed by the log key, which is the node's, under
the name of the log that has the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from gateway.audit import reading
from gateway.audit.door import Case, Spot
from gateway.audit.log import layout, lookup, succession
from gateway.audit.log.note import Signer
from gateway.audit.log.reader import published
from gateway.audit.log.site import log_origin
from gateway.audit.log.succession import LogKeys
from gateway.audit.recent import Recent
from gateway.audit.shelf import CLASSES, Shelf
from gateway.errors import AuditUnavailable
from gateway.settings import AuditSettings

T = TypeVar("T")
_LOOK_SECONDS = 0.05


class SharedShelf(Shelf):
    """A shelf that also finds what the other workers of its node wrote. See :class:`gateway.audit.door.Book`.

    A spot in another worker's log has that log's place, such as ``w2/default``, for its retention class.
    """

    def __init__(self, folder: Path, *, origin: str, log_key: LogKeys, settings: AuditSettings, **more: Any) -> None:
        super().__init__(folder, origin=origin, log_key=log_key, settings=settings, **more)
        self._node, _, self._name = origin.rpartition("/")
        self._node_folder, self._log_keys = folder / self._node, log_key
        self._longest_seconds = 2 * settings.checkpoint_seconds + 1

    async def search(self, decision_id: str) -> Spot | None:
        """Return where it stands, in this worker's logs or another's. Raises AuditUnavailable."""
        return await super().search(decision_id) or await _read(lambda: self._find(decision_id))

    async def case(self, spot: Spot) -> Case:
        if spot.retention_class in self.books:
            return await super().case(spot)
        return await _read(lambda: reading.case(self._node_folder / spot.retention_class, spot.sequence, Recent()))

    async def receipt(self, spot: Spot) -> bytes:
        """As :meth:`Shelf.receipt`. What another worker wrote has a receipt once a published head covers it: then it is
        on stable storage.
        """
        if spot.retention_class in self.books:
            return await super().receipt(spot)
        folder = self._node_folder / spot.retention_class
        end = monotonic() + self._longest_seconds
        while await _read(lambda: published(folder)) <= spot.sequence:
            if monotonic() > end:
                raise AuditUnavailable("Another worker's log has no head over that record yet.")
            await asyncio.sleep(_LOOK_SECONDS)
        worker, _, retention_class = spot.retention_class.partition("/")
        signer = Signer(log_origin(f"{self._node}/{worker}", retention_class), *self._log_keys.signing)
        verifiers = succession.verifiers(signer.origin, self._log_keys)
        return await _read(lambda: reading.receipt(folder, spot.sequence, signer, verifiers))

    def _find(self, decision_id: str) -> Spot | None:
        for worker in sorted(self._node_folder.iterdir()):
            for name in CLASSES if worker.name != self._name else ():
                folder = worker / name
                if not (folder / layout.CHECKPOINT).exists():
                    continue
                sequence = lookup.find(folder, decision_id, written(folder))
                if sequence is not None:
                    return Spot(f"{worker.name}/{name}", sequence)
        return None


def written(folder: Path) -> int:
    """Return how many records a log has at most, by whole bundles: those beyond its head, too. Raises OSError."""
    bundle = published(folder) // layout.BUNDLE_RECORDS
    while lookup.has_bundle(folder, bundle + 1):
        bundle += 1
    return (bundle + 1) * layout.BUNDLE_RECORDS


async def _read(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except (OSError, ValueError) as error:  # NoteError and JSON's errors are ValueErrors
        raise AuditUnavailable.because(error, "Another worker's log cannot be read.") from error
