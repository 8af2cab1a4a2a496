"""Where in the log the records of recent decisions are: two bounded maps in memory, filled as records are written.

What has fallen out is found in the files (:mod:`gateway.audit.log.lookup`).
"""

from __future__ import annotations

from gateway.audit.record import Denial, Intent, OutcomeRecord, Preview, Record

MOST_REQUESTS = 8192


class Recent:
    """Not safe for use by several threads at once but for reading, which may go beside :meth:`note`."""

    def __init__(self, most: int = MOST_REQUESTS) -> None:
        self._most = most
        self._by_decision: dict[str, int] = {}
        self._by_request: dict[str, tuple[int, ...]] = {}

    def note(self, record: Record) -> None:
        """Remember where a record stands that was just written."""
        if isinstance(record, Intent | Preview):
            decision = record.decision.id
        elif isinstance(record, Denial):
            decision = record.decision_id or (record.decision.id if record.decision else "")
        elif isinstance(record, OutcomeRecord):
            decision = ""
        else:
            return
        if decision:
            self._by_decision[decision] = record.sequence
            _bound(self._by_decision, 2 * self._most)  # a request has two attempts at most
        if record.request:
            self._by_request[record.request] = (*self._by_request.get(record.request, ()), record.sequence)
            _bound(self._by_request, self._most)

    def decision(self, decision_id: str) -> int | None:
        """Return the sequence of the decision's record."""
        return self._by_decision.get(decision_id)

    def request(self, request_id: str) -> tuple[int, ...]:
        """Return the sequences of all records of a request, in order."""
        return self._by_request.get(request_id, ())


def _bound(known: dict[str, int] | dict[str, tuple[int, ...]], most: int) -> None:
    """Forget the oldest beyond ``most``: a dict keeps the order of what came in."""
    if len(known) > most:
        del known[next(iter(known))]
