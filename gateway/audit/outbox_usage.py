"""What was used in a period, by project and model: sums for those who get a site's files, none of fewer than five.

::

    {"version":"sekisho.usage/1","site":"plant","since":"…","until":"…","withheld":1,
     "rows":[{"tenant":"hr","project":"letters","model":"m","requests":12,"failed":0,"refused":null,
              "prompt_tokens":4711,"completion_tokens":1200,"cached_tokens":0}]}

Rules:

1. An attempt counts in the period in which its outcome was written, a refusal in that of its denial. Whose an outcome
   is, its intent says, whatever period that belongs to; where that was pruned, tenant, project and model are empty.
2. A row of fewer than five requests is left out, and ``withheld`` counts such rows; ``failed`` and ``refused`` from one
   to four are ``null``. The report beside this document tells sums over projects and over models: so a number that a
   small one would follow from is ``null`` too, ``requests`` as well (:mod:`gateway.audit.suppression`).
3. The same records make the same bytes (RFC 8785), rows in the order of their names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit.canonical import canonical
from gateway.audit.evidence.crossings import FEWEST
from gateway.audit.log.reader import Filter, search
from gateway.audit.suppression import withheld

VERSION = "sekisho.usage/1"
TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens")
COUNTS = ("requests", "failed", "refused")

_FAILED = ("failed", "interrupted")
_NOBODY = ("", "", "")

Row = tuple[str, str, str]  # tenant, project, model


class Used(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row that is told. Counts are ``None`` where they are from one to four, or tell of such a one."""

    tenant: str
    project: str
    model: str
    requests: int | None
    failed: int | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    refused: int | None


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What :func:`usage` writes."""

    version: str
    site: str
    since: str
    until: str
    rows: tuple[Used, ...]
    withheld: int


def parse(data: bytes) -> Document:
    """Read such a document. Raises ValueError: it is none, or of another version."""
    document = msgspec.json.decode(data, type=Document)
    if document.version != VERSION:
        raise ValueError("another version")
    return document


class Sums:
    """Reads the records of one log after the other, each in order."""

    def __init__(self, since: str, until: str) -> None:
        self._period = Filter(since=since, until=until)
        self._open: dict[int, Row] = {}
        self.rows: dict[Row, Counter[str]] = {}

    def begin(self) -> None:
        """Go on with another log: sequences begin anew."""
        self._open.clear()

    def read(self, record: Mapping[str, Any]) -> None:
        kind = record["type"]
        if kind == "intent":
            self._open[record["sequence"]] = _row(record, record["target"]["model"])
            return
        if kind == "outcome":
            row = self._open.pop(record["intent"], _NOBODY)
            if self._period.matches(dict(record)):
                self._ended(row, record)
        elif kind == "denial" and record.get("caller") and self._period.matches(dict(record)):
            asked = (record.get("input") or {}).get("request") or {}
            self._of(_row(record, asked.get("model", "")))["refused"] += 1

    def _ended(self, row: Row, record: Mapping[str, Any]) -> None:
        sums = self._of(row)
        sums["requests"] += 1
        sums["failed"] += record["status"] in _FAILED
        for name in TOKENS:
            sums[name] += (record.get("usage") or {}).get(name, 0)

    def _of(self, row: Row) -> Counter[str]:
        return self.rows.setdefault(row, Counter())

    def told(self) -> tuple[list[dict[str, Any]], int]:
        """Return the rows that may be told, and how many may not."""
        shown = [(row, sums) for row, sums in sorted(self.rows.items()) if sums["requests"] >= FEWEST]
        hidden = {name: _hidden(self.rows, name) for name in COUNTS}
        return [_shown(row, sums, hidden) for row, sums in shown], len(self.rows) - len(shown)


def usage(logs: Sequence[Path], site: str, since: str, until: str) -> bytes:
    """Return the document of a site's logs. ``since`` may be empty: from the first record.

    Raises:
        OSError: a log cannot be read.
    """
    sums = Sums(since, until)
    for folder in logs:
        sums.begin()
        _read(sums, search(folder))
    rows, left_out = sums.told()
    said = {"version": VERSION, "site": site, "since": since, "until": until}
    return canonical({**said, "rows": rows, "withheld": left_out}) + b"\n"


def _read(sums: Sums, records: Iterable[Mapping[str, Any]]) -> None:
    for record in records:
        sums.read(record)


def _row(record: Mapping[str, Any], model: str) -> Row:
    caller = record["caller"]
    return str(caller["tenant"]), str(caller["project"]), str(model)


def _hidden(rows: Mapping[Row, Counter[str]], name: str) -> frozenset[Hashable]:
    """Return rows whose count of that name may not be told; their sums by project and by model are told elsewhere.

    Sums that are few themselves are not told there, nor what covers them: so each kind of sum is held to by itself as
    well, for what no other way can be found in both.
    """
    cells: Counter[Hashable] = Counter()
    parts: dict[tuple[str, Hashable], list[Hashable]] = defaultdict(list)
    for row, sums in rows.items():
        cells[row] = sums[name]
        for total in (("project", row[:2]), ("model", row[2])):
            cells[total] += sums[name]
            parts[total].append(row)
    told = [total for total in parts if cells[total] >= FEWEST]
    kinds = (("project",), ("model",), ("project", "model"))
    sums_of = ({total: rows for total, rows in parts.items() if total[0] in kind} for kind in kinds)
    return frozenset().union(*(withheld(cells, each.items(), FEWEST, fixed=told) for each in sums_of))


def _shown(row: Row, sums: Counter[str], hidden: Mapping[str, frozenset[Hashable]]) -> dict[str, Any]:
    named = dict(zip(("tenant", "project", "model"), row, strict=True))
    counts = {name: None if row in hidden[name] else sums[name] for name in COUNTS}
    return {**named, **counts, **{name: sums[name] for name in TOKENS}}
