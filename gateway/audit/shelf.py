"""THE BOOK of a process: one log for each retention class, behind one door.

Which log a record goes to follows from the decision, and nothing moves later: an attempt goes to ``cross-border`` when
its target lies outside the country its data come from, with its outcome; everything else goes to ``default``. Where it
is not said where data come from, or where the target lies, whatever leaves the site counts as crossing. A log that
cannot be written stops all of them: there is no half of a book.

The counts of persons, which last for a calendar year, go to ``cross-border`` too, since they are kept because of what
crosses; a rotation of the log key goes to every log, since each must lead from one key to the next by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.audit.book import LogBook, LogEntry
from gateway.audit.door import Case, Spot
from gateway.audit.log.disk import Disk
from gateway.audit.log.note import SigningKey
from gateway.audit.log.site import CROSS_BORDER, DEFAULT, SiteHeads
from gateway.audit.log.succession import LogKeys, log_keys
from gateway.domain import Caller, Choosing, Decision, Kept, PolicyInput, Target
from gateway.errors import AuditUnavailable, SetupError
from gateway.settings import AuditSettings

__all__ = ["CLASSES", "CROSS_BORDER", "DEFAULT", "Shelf", "class_of"]

CLASSES = (DEFAULT, CROSS_BORDER)
_COUNTED = "policy.subjects"


def class_of(question: PolicyInput, target: Target) -> str:
    """Return the retention class of an attempt."""
    origin, place = question.data.collected_in, target.jurisdiction
    crosses = origin != place if origin and place else target.site != question.env.site
    return CROSS_BORDER if crosses else DEFAULT


class Shelf:
    """All logs of one process. See :class:`gateway.audit.door.Book`.

    Args:
        folder: the audit folder of the data directory.
        origin: ``site/node/worker``.
        log_key: signs checkpoints, as :class:`gateway.audit.book.LogBook` takes it.
        settings: checkpoint intervals.
        classes: the retention classes there are; ``default`` is one of them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        origin: str,
        log_key: SigningKey | LogKeys,
        settings: AuditSettings,
        disk: Disk | None = None,
        classes: Sequence[str] = CLASSES,
    ) -> None:
        self._site = SiteHeads(folder, origin.partition("/")[0], log_keys(log_key))
        self.books = {
            name: LogBook(
                folder,
                origin=origin,
                log_key=log_key,
                settings=settings,
                disk=disk,
                retention_class=name,
                site=self._site,
            )
            for name in classes
        }
        self._default = self.books[DEFAULT]
        self._all = tuple(self.books.values())

    def open(self) -> None:
        """Take all logs up. Blocks. Raises SetupError, and then none of them is open.

        A log that is new says so at once, where the first crossing may be long in coming: so each has a signed head.
        """
        try:
            for name, book in self.books.items():
                book.open()
                if name != DEFAULT and not book.size:
                    book.event("heartbeat", size=0)
        except AuditUnavailable as error:
            self.close()
            raise SetupError("A new audit log cannot be written.", "Make room on its disk, and start again.") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Sync, sign the last heads, and give the logs back. Blocks. Safe to call twice."""
        for book in self._all:
            book.close()

    def change_key(self, keys: LogKeys) -> None:
        """Go on with these keys; see :meth:`gateway.audit.book.LogBook.change_key`."""
        self._site.accept(keys)  # a log's next head may be bound before the last log knows
        for book in self._all:
            book.change_key(keys)
        self._site.change_key(keys)

    def verifier_key(self) -> str:
        """Return the public key of the logs as a C2SP verifier key, named after the worker."""
        return self._default.verifier_key()

    def ready(self) -> bool:
        return all(book.ready() for book in self._all)

    def intent(
        self,
        caller: Caller,
        question: PolicyInput,
        decision: Decision,
        target: Target,
        redactions: Mapping[str, int],
        content: Kept | None = None,
        choice: Choosing | None = None,
    ) -> LogEntry:
        book = self._well(class_of(question, target))
        return book.intent(caller, question, decision, target, redactions, content, choice)

    def denial(self, **known: Any) -> None:
        self._default.denial(**known)

    def preview(self, caller: Caller, question: PolicyInput, decision: Decision) -> None:
        self._well(DEFAULT).preview(caller, question, decision)

    def event(self, type: str, **details: Any) -> None:
        self._well(CROSS_BORDER if type == _COUNTED and CROSS_BORDER in self.books else DEFAULT).event(type, **details)

    async def durable(self) -> None:
        await asyncio.gather(*(book.durable() for book in self._all))

    def locate(self, decision_id: str) -> Spot | None:
        for name, book in self.books.items():
            sequence = book.locate(decision_id)
            if sequence is not None:
                return Spot(name, sequence)
        return None

    async def search(self, decision_id: str) -> Spot | None:
        for name, book in self.books.items():
            sequence = await book.search(decision_id)
            if sequence is not None:
                return Spot(name, sequence)
        return None

    async def case(self, spot: Spot) -> Case:
        """Return the record with those of its request in all logs: its attempts may have gone to several."""
        case = await self.books[spot.retention_class].case(spot.sequence)
        request, same = str(case.record.get("request", "")), list(case.same_request)
        for name, book in self.books.items():
            if name != spot.retention_class and request:
                same += await book.same_request(request, str(case.record["time"]))
        return Case(case.record, tuple(sorted(same, key=lambda record: str(record["time"]))))

    async def receipt(self, spot: Spot) -> bytes:
        return await self.books[spot.retention_class].receipt(spot.sequence)

    def _well(self, retention_class: str) -> LogBook:
        """Return that log. Raises AuditUnavailable when any of them is not well."""
        for book in self._all:
            if not book.ready():
                raise book.error()
        return self.books[retention_class]
