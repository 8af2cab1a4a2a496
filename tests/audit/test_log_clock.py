"""Clocks that leap, in a table: what each record says of time, in which order records stand, what the verifier says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from gateway import clock
from gateway.audit import record as records
from gateway.audit.log.reader import search
from gateway.audit.verify import verify
from gateway.domain import Outcome

Log = Any  # conftest.OpenLog
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIDNIGHT = datetime(2017, 1, 1, tzinfo=UTC)  # before it, UTC had its last leap second
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TOLD = "admin.clock_went_back"

CLOCKS: dict[str, tuple[list[datetime], int]] = {
    "steady": ([NOON, NOON + SECOND, NOON + 2 * SECOND], 0),
    "stands still": ([NOON, NOON, NOON], 0),
    "back one hour": ([NOON, NOON - HOUR, NOON - HOUR + SECOND], 1),
    "back by a microsecond": ([NOON, NOON - timedelta(microseconds=1)], 1),
    "forward a day": ([NOON, NOON + DAY, NOON + DAY + SECOND], 0),
    "forward a day and right again": ([NOON, NOON + DAY, NOON + SECOND, NOON + 2 * SECOND], 1),
    "1970": ([NOON, EPOCH, EPOCH + SECOND], 1),
    "1970 until the time server answers": ([EPOCH, EPOCH + SECOND, NOON, NOON + SECOND], 0),
    "1970 at each start": ([NOON, EPOCH, NOON, EPOCH, NOON], 2),
    "leap second, the last second twice": (
        [MIDNIGHT - SECOND / 2, MIDNIGHT - SECOND, MIDNIGHT - SECOND / 2, MIDNIGHT, MIDNIGHT + SECOND],
        1,
    ),
    "leap second, smeared": ([MIDNIGHT - SECOND, MIDNIGHT - SECOND / 2, MIDNIGHT + SECOND / 4], 0),
    "saw tooth": ([NOON + (number % 3) * HOUR for number in range(12)], 3),
    "the year 9999": ([NOON, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), NOON], 1),
}
WITHIN_A_SECOND = ("back by a microsecond", "leap second, the last second twice")


def text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[datetime], None]]:
    """Set the clock that records are stamped by; it stands."""
    yield lambda moment: monkeypatch.setattr(records, "now", lambda: text(moment))


@pytest.mark.parametrize(("moments", "told"), CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("restarts", [False, True], ids=["one run", "a restart before each"])
def test_whatever_the_clock_does_order_holds_and_what_went_back_is_said(
    log: Log, at: Callable[[datetime], None], moments: list[datetime], told: int, restarts: bool
) -> None:
    for number, moment in enumerate(moments):
        at(moment)
        if restarts:
            log.reopen()
        log.intent(number).close(Outcome("done"))
    log.book.close()

    written = list(search(log.folder))
    assert [record["sequence"] for record in written] == list(range(len(written)))
    assert [record["time"] for record in written if record["type"] == "intent"] == list(map(text, moments))
    ticks = [int(record["monotonic_ns"]) for record in written]
    assert ticks == sorted(ticks)
    said = [(record["details"]["from"], record["details"]["to"]) for record in written if record["type"] == TOLD]
    back = [(text(a), text(b)) for a, b in pairwise(moments) if b < a]
    assert (said, len(said)) == (back, told)
    report = verify(log.folder, log.vkey)
    assert report.problems == []
    assert any(f"the clock went back {told} times" in note for note in report.notes) == bool(told)


@pytest.mark.parametrize("name", [name for name, (_, told) in CLOCKS.items() if told])
def test_a_log_that_does_not_say_so_is_named_by_the_verifier(
    log: Log, at: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As a program would that lies: what is written has no word of it."""
    moments, told = CLOCKS[name]
    append = log.book._writer._append
    monkeypatch.setattr(
        log.book._writer, "_append", lambda record: 0 if getattr(record, "type", "") == TOLD else append(record)
    )
    for number, moment in enumerate(moments):
        at(moment)
        log.intent(number)
    log.book.close()

    problems = verify(log.folder, log.vkey).problems

    places = [number for number, (a, b) in enumerate(pairwise(moments), 1) if a - b > SECOND]  # less is tolerated
    assert [(problem.kind, problem.sequence) for problem in problems] == [("clock-back", place) for place in places]
    assert len(places) == (0 if name in WITHIN_A_SECOND else told)


@pytest.mark.parametrize("quality", ["synchronised", "free", "unknown"])
def test_each_record_says_whether_something_keeps_the_clock_right(
    open_log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch, quality: clock.Clock
) -> None:
    monkeypatch.setattr(clock, "read_clock", lambda: quality)
    log = open_log()
    log.intent(1).close(Outcome("done"))
    log.book.event("config")

    assert [record["clock"] for record in search(log.folder)] == [quality] * 3


def test_a_clock_that_loses_its_keeper_is_said_from_then_on(
    open_log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    moment, kept = [100.0], ["synchronised"]
    monkeypatch.setattr(clock, "monotonic", lambda: moment[0])
    monkeypatch.setattr(clock, "read_clock", lambda: kept[0])
    log = open_log()
    log.intent(1)
    kept[0] = "free"
    log.intent(2)  # asked at most once a second
    moment[0] += clock.READ_EACH_SECONDS
    log.intent(3)

    assert [record["clock"] for record in search(log.folder)] == ["synchronised", "synchronised", "free"]
