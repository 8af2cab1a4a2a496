"""No count of fewer than five requests is told in a report, and none can be computed from what is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.evidence.charts import UNTOLD, Box, Word, picture
from gateway.audit.evidence.document import Bars, Days, Document, Table, Tiles
from gateway.audit.evidence.few import ALLOWED, COVERED, DECISIONS, OUTCOMES, REFUSED, Told
from gateway.audit.evidence.findings import About, Findings, Tally
from gateway.audit.evidence.report import report
from tests.audit.evidence_parts import PlainHouse

Record = dict[str, Any]


def question(class_: str, purpose: str) -> Record:
    data = {"class": class_, "collected_in": "DE", "entities": {}, "special": []}
    return {"caller": {"access_from": "DE"}, "data": data, "request": {"purpose": purpose}}


def record(kind: str, project: str, class_: str = "internal", purpose: str = "support", to: str = "DE") -> Record:
    severity = "info" if kind == "intent" else "deny"
    reasons = [{"code": "policy.residency", "rule": "r", "severity": severity, "params": {"project": project}}]
    made: Record = {
        "type": kind,
        "time": "2026-07-01T06:00:00.000000Z",
        "clock": "synchronised",
        "caller": {"tenant": "acme", "project": project},
        "input": question(class_, purpose),
        "decision": {"revision": "r1", "bundle_digest": "a", "reasons": reasons},
    }
    if kind == "denial":
        return {**made, "code": "policy.residency", "status": 403}
    return {**made, "target": {"id": "x", "model": "m", "jurisdiction": to, "site": "t", "external": False}}


def tally_of(records: list[Record]) -> Tally:
    tally = Tally()
    tally.begin("plant/node/w0/default")
    for sequence, one in enumerate(records):
        tally.read({"sequence": sequence, "origin": "plant/node/w0", **one})
    return tally


def made(records: list[Record], folder: Path) -> Document:
    about = About("plant", "en", "", "", {}, "2026-07-02T00:00:00Z", "sekisho 1")
    findings = Findings(about, "k+00000000+AA==", (), tally_of(records), {"r1": None}, ())
    return report(findings, "en", PlainHouse(folder))


def numbers(document: Document) -> Iterator[tuple[str, str]]:
    """Yield where and what, of every count in tables, tiles and charts of chapters that count requests."""
    for chapter in document.chapters:
        for block in chapter.blocks:
            if isinstance(block, Tiles):
                yield from ((chapter.id, tile.value) for tile in block.tiles)
            elif isinstance(block, Table):
                yield from ((chapter.id, row[at]) for row in block.rows for at in block.numbers)
            elif isinstance(block, Bars):
                yield from ((chapter.id, str(part)) for _, parts in block.bars for part in parts)
            elif isinstance(block, Days):
                yield from ((chapter.id, str(part)) for parts in block.values for part in parts)


def test_nothing_under_five_is_told_in_any_chapter(tmp_path: Path) -> None:
    records = [record("intent", "letters")] * 40 + [record("intent", "press", "strict", "hr", "JP")] * 2
    records += [record("denial", "letters", "strict")] * 3 + [record("denial", "press")] * 20

    told = list(numbers(made(records, tmp_path)))

    assert [found for found in told if found[1] in {"1", "2", "3", "4"}] == []
    assert COVERED in {value for _, value in told}


def test_totals_do_not_give_a_small_one_away(tmp_path: Path) -> None:
    records = [record("intent", "letters")] * 40 + [record("denial", "letters")] * 2

    told = Told(*parts(tally_of(records)))

    assert told(REFUSED) == COVERED
    assert (told.number(DECISIONS) is None) or (told.number(ALLOWED) is None)


def test_enough_of_everything_is_told_as_it_is(tmp_path: Path) -> None:
    records = [record("intent", "letters")] * 40 + [record("denial", "press")] * 20

    told = Told(*parts(tally_of(records)))

    assert (told(DECISIONS), told(ALLOWED), told(REFUSED)) == (60, 40, 20)
    assert told(("denied by tenant", ("acme", "press"))) == 0  # no such sum
    assert told(("refused by tenant", ("acme", "press"))) == 20


def parts(tally: Tally) -> tuple[Any, ...]:
    return tally.counts, tally.crossings, tally.history


@pytest.mark.parametrize("cell", [OUTCOMES, ("outcome", "open")])
def test_attempts_that_are_still_open_are_told_alike(cell: Any) -> None:
    records = [record("intent", "letters")] * 10
    records += [{"type": "outcome", "time": "2026-07-01T06:00:01Z", "intent": at, "status": "done"} for at in range(8)]

    assert Told(*parts(tally_of(records))).number(cell) is None  # two are open, of ten


def test_a_chart_draws_nothing_of_what_is_not_told() -> None:
    bars = picture(Bars("t", ("a", "b"), (("x", (None, None)), ("y", (None, 30)), ("z", (7, 30)))))
    days = picture(Days("t", ("a",), ("2026-07-01", "2026-07-02"), ((None,), (9,))))

    words = [shape.text for shape in bars.shapes if isinstance(shape, Word)]
    assert {UNTOLD, "> 30", "37"} <= set(words)
    assert bars.said == "x: a *, b *; y: a *, b 30; z: a 7, b 30"
    assert len([shape for shape in days.shapes if isinstance(shape, Box)]) == 1
