"""Finding the record of a decision: recent ones in memory, others in the files, bounded either way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from ulid import ULID

from gateway.audit.canonical import canonical
from gateway.audit.log import lookup
from gateway.audit.log.layout import BUNDLE_RECORDS, frame, tile_path
from gateway.audit.recent import Recent
from gateway.audit.record import Preview, caller_ref
from gateway.domain import Caller, Decision, Outcome, PolicyInput, Role
from gateway.errors import AuditUnavailable

Log = Any  # conftest.OpenLog
CALLER = Caller("k1", "acme", "support", (Role.APP,), "help", "berlin", "DE", "DE", "DE")
FIRST_SECOND = 1_893_456_000  # 2030-01-01T00:00:00Z
RECORD_SECONDS = 1


def _id(second: float) -> str:
    return str(ULID.from_timestamp(second))


def _write(folder: Path, decisions: list[str]) -> None:
    """Write records, one each second from 2030 on; nothing in them but what is looked for."""
    for start in range(0, len(decisions), BUNDLE_RECORDS):
        path = folder / tile_path("entries", start // BUNDLE_RECORDS)
        path.parent.mkdir(parents=True, exist_ok=True)
        bundle = decisions[start : start + BUNDLE_RECORDS]
        path.write_bytes(b"".join(frame(_record(start + n, decision)) for n, decision in enumerate(bundle)))


def _record(sequence: int, decision: str) -> bytes:
    day, second = divmod(sequence * RECORD_SECONDS, 86_400)
    time = f"2030-01-{1 + day:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000Z"
    body = {"type": "intent", "sequence": sequence, "time": time, "request": f"R{sequence // 2}"}
    return canonical({**body, "decision": {"id": decision, "remembered_from": "01JBEFORE"}})


@pytest.fixture
def long_log(tmp_path: Path) -> tuple[Path, list[str]]:
    """40 bundles, so that most lie outside the newest."""
    decisions = [_id(FIRST_SECOND + number * RECORD_SECONDS - 0.2) for number in range(40 * BUNDLE_RECORDS)]
    _write(tmp_path, decisions)
    return tmp_path, decisions


@pytest.mark.parametrize("sequence", [0, 1, 255, 256, 257, 3000, 5119, 5120, 8192, 10_239])
def test_a_decision_is_found_by_the_time_its_id_tells(long_log: tuple[Path, list[str]], sequence: int) -> None:
    folder, decisions = long_log

    assert lookup.find(folder, decisions[sequence], len(decisions)) == sequence


def test_few_bundles_are_read_however_long_the_log_is(long_log: tuple[Path, list[str]], monkeypatch: Any) -> None:
    folder, decisions = long_log
    read: list[int] = []
    real = lookup._records

    def counting(folder: Path, bundle: int) -> Any:
        read.append(bundle)
        return real(folder, bundle)

    monkeypatch.setattr(lookup, "_records", counting)

    assert lookup.find(folder, _id(FIRST_SECOND + 3000), len(decisions)) is None
    assert len(read) == len(set(read)) <= lookup.BUNDLES_NEAR + lookup.BUNDLES_NEWEST


@pytest.mark.parametrize("number", [10_239, 39 * BUNDLE_RECORDS, 32 * BUNDLE_RECORDS])
def test_an_id_without_a_time_is_looked_for_among_the_newest(long_log: tuple[Path, list[str]], number: int) -> None:
    folder, decisions = long_log
    decisions[number] = "D1"
    _write(folder, decisions)

    assert lookup.find(folder, "D1", len(decisions)) == number


def test_an_id_without_a_time_is_not_looked_for_further_back(long_log: tuple[Path, list[str]]) -> None:
    folder, decisions = long_log
    decisions[31 * BUNDLE_RECORDS] = "D1"
    _write(folder, decisions)

    assert lookup.find(folder, "D1", len(decisions)) is None


def test_a_decision_that_another_only_repeats_is_not_that_other(long_log: tuple[Path, list[str]]) -> None:
    folder, decisions = long_log

    assert lookup.find(folder, "01JBEFORE", len(decisions)) is None


def test_records_of_one_request_are_found_around_it(long_log: tuple[Path, list[str]]) -> None:
    folder, _ = long_log

    assert [record["sequence"] for record in lookup.of_request(folder, "R128", 257)] == [256, 257]


def test_an_empty_log_has_nothing(tmp_path: Path) -> None:
    assert lookup.find(tmp_path, _id(FIRST_SECOND), 0) is None
    assert lookup.read(tmp_path, 0) is None


def test_memory_is_bounded() -> None:
    recent = Recent(most=10)
    decision = Decision("D", True, (), (), "r", "b", "d", "opa")
    asked: PolicyInput = None  # type: ignore[assignment]  # not looked at
    for number in range(100):
        known = replace(decision, id=f"D{number}")
        recent.note(
            Preview(request=f"R{number}", caller=caller_ref(CALLER), input=asked, decision=known, sequence=number)
        )

    assert (recent.decision("D99"), recent.decision("D80"), recent.decision("D79")) == (99, 80, None)
    assert (recent.request("R99"), recent.request("R89")) == ((99,), ())


async def test_a_case_holds_the_attempts_and_outcomes_of_its_request(log: Log) -> None:
    log.intent(1).close(Outcome("failed", "engine.unavailable"))
    log.intent(1).close(Outcome("done"))
    log.intent(2).close(Outcome("done"))

    case = await log.book.case(2)

    assert case.record["sequence"] == 2
    assert [record["sequence"] for record in case.same_request] == [0, 1, 2, 3]


async def test_after_a_restart_the_files_tell_the_same(log: Log) -> None:
    log.intent(1).close(Outcome("done"))
    before = await log.book.case(0)
    log.reopen()

    sequence = await log.book.search("01JDECISION")

    assert log.book.locate("01JDECISION") is None
    assert sequence == 0
    assert await log.book.case(0) == before


async def test_an_attempt_that_a_restart_interrupted_is_shown_with_its_end(log: Log) -> None:
    log.intent(1)
    await log.book.durable()
    log.reopen()  # closes the intent as interrupted: memory knows that record only

    case = await log.book.case(0)

    assert [(record["type"], record.get("status")) for record in case.same_request] == [
        ("intent", None),
        ("outcome", "interrupted"),
    ]


def test_a_denial_is_found_by_the_id_of_a_decision_that_never_came(log: Log) -> None:
    log.book.denial(code="policy.timeout", status=503, caller=CALLER, request_id="01J", decision_id="01JNEVER")

    assert log.book.locate("01JNEVER") == 0


@pytest.mark.parametrize("ask", ["case", "receipt"])
async def test_what_is_not_there_cannot_be_read(open_log: Callable[..., Log], ask: str) -> None:
    log = open_log()
    log.intent(1)
    await log.book.durable()
    bundle = log.folder / tile_path("entries", 0)
    bundle.write_bytes(b"")

    with pytest.raises(AuditUnavailable):
        await getattr(log.book, ask)(0)
