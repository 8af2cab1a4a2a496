"""What the book writes, and when it says that it is safe."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.audit.log.disk import Disk
from gateway.audit.log.layout import HISTORY, notes
from gateway.audit.log.reader import raw_records, search
from gateway.audit.verify import verify
from gateway.domain import Caller, Outcome, Role, Usage
from gateway.errors import AuditUnavailable, SetupError

Log = Any  # conftest.OpenLog
CALLER = Caller("k1", "acme", "support", (Role.APP,), "help", "berlin", "DE", "DE", "DE")


class CountingDisk(Disk):
    """A disk that counts its syncs, each of which takes a while."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        time.sleep(0.01)
        super().sync(descriptor)


def records(log: Log, **wanted: object) -> list[dict[str, Any]]:
    return [found for found in search(log.folder) if all(found.get(name) == value for name, value in wanted.items())]


def test_an_intent_is_in_the_file_when_the_call_returns(log: Log) -> None:
    entry = log.intent(1)

    (record,) = map(json.loads, raw_records(log.folder))
    assert (record["type"], record["sequence"], record["version"]) == ("intent", entry.sequence, "sekisho.record/1")
    assert record["origin"] == "berlin/node1/w0"
    assert record["input"]["request"]["id"] == record["request"]
    assert record["decision"]["bundle_digest"] == "a" * 64
    assert (record["target"]["id"], record["redactions"]) == ("berlin/node1/w0:m", {"PERSON": 1})


def test_an_outcome_refers_to_its_intent_and_comes_once(log: Log) -> None:
    log.intent(1)
    entry = log.intent(2)

    entry.close(Outcome("done", usage=Usage(3, 4), finish_reason="stop", first_byte_seconds=0.25, total_seconds=1.5))
    entry.close(Outcome("failed"))

    (record,) = records(log, type="outcome")
    assert record["guarded"] == {}
    assert (record["intent"], record["status"], record["finish_reason"]) == (entry.sequence, "done", "stop")
    assert (record["first_byte_us"], record["total_us"]) == (250_000, 1_500_000)
    assert record["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "cached_tokens": 0}


async def test_durable_returns_only_after_a_sync(open_log: Callable[..., Log]) -> None:
    disk = CountingDisk()
    log = open_log(disk)
    before = disk.syncs

    await log.intent(1).durable()

    assert disk.syncs > before


async def test_many_waiters_share_few_syncs(open_log: Callable[..., Log]) -> None:
    disk = CountingDisk()
    log = open_log(disk)

    await asyncio.gather(*(log.intent(number).durable() for number in range(200)))

    assert len(records(log, type="intent")) == 200
    assert disk.syncs < 10


async def test_syncing_does_not_hold_up_the_loop(open_log: Callable[..., Log]) -> None:
    class SlowDisk(Disk):
        def sync(self, descriptor: int) -> None:
            in_time.append(written.wait(30))

    in_time: list[bool] = []
    written = threading.Event()
    log = open_log(SlowDisk())
    waiting = asyncio.ensure_future(log.intent(1).durable())

    for number in range(20):
        log.intent(number)
        await asyncio.sleep(0)
    written.set()

    await waiting
    assert in_time
    assert all(in_time)


async def test_a_cancelled_waiter_leaves_the_others_alone(open_log: Callable[..., Log]) -> None:
    log = open_log(CountingDisk())
    waiters = [asyncio.ensure_future(log.intent(number).durable()) for number in range(3)]
    await asyncio.sleep(0)

    waiters[1].cancel()

    ended = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(end) for end in ended] == [type(None), asyncio.CancelledError, type(None)]


def test_a_denial_holds_what_was_known(log: Log) -> None:
    log.book.denial(code="policy.denied", status=403, caller=CALLER, request_id="01J", source="127.0.0.1")

    (record,) = records(log, type="denial")
    assert record["caller"] == {"key_id": "k1", "tenant": "acme", "project": "support"}
    assert (record["code"], record["status"], record["input"], record["source"]) == (
        "policy.denied",
        403,
        None,
        "127.0.0.1",
    )


def test_refusals_without_a_caller_are_one_record_for_many(log: Log) -> None:
    began = time.monotonic()
    for number in range(10_000):
        log.book.denial(code="invalid_api_key", status=401, source=f"10.0.{number // 250}.{number % 250}")

    log.book.close()

    found = records(log, type="denial.summed")
    assert len(found) <= 1 + (time.monotonic() - began)  # one a second
    assert sum(line["count"] for record in found for line in record["sums"]) == 10_000
    largest = max(found, key=lambda record: len(record["sums"]))
    assert len(largest["sums"]) == 65
    assert largest["sums"][0]["source"] == "(other)"


def test_refusals_are_summed_within_about_a_second(log: Log) -> None:
    log.book.denial(code="invalid_api_key", status=401, source="10.0.0.1")
    log.book.denial(code="invalid_api_key", status=401, source="10.0.0.1")

    deadline = time.monotonic() + 3
    while not records(log, type="denial.summed") and time.monotonic() < deadline:
        time.sleep(0.05)

    (record,) = records(log, type="denial.summed")
    assert record["sums"] == [{"source": "10.0.0.1", "code": "invalid_api_key", "status": 401, "count": 2}]


def test_an_event_holds_its_details(log: Log) -> None:
    log.book.event("key.created", key_id="k2", roles=["app"], large=2**60)

    (record,) = records(log, type="key.created")
    assert record["details"] == {"key_id": "k2", "roles": ["app"], "large": str(2**60)}


@pytest.mark.parametrize("type", ["intent", "outcome", "denial", "gap", "recovered", "Key.created", "key..x", "key\n"])
def test_an_event_cannot_pass_for_another_record(log: Log, type: str) -> None:
    with pytest.raises(ValueError, match="no type of an administrative record"):
        log.book.event(type)


def test_an_intent_over_60_kib_is_refused_and_the_log_goes_on(log: Log) -> None:
    with pytest.raises(AuditUnavailable) as refused:
        log.intent(1, model="m" * 70_000)

    assert refused.value.code == "audit.record_refused"
    assert log.intent(2).sequence == 0


@pytest.mark.parametrize("text", ["\ud800", "x" * 70_000])
def test_a_denial_that_does_not_fit_is_written_without_the_question(
    log: Log, new_intent: Callable[..., Any], text: str
) -> None:
    question = new_intent(text, {}).input

    log.book.denial(code="policy.denied", status=403, caller=CALLER, question=question)

    (record,) = records(log, type="denial")
    assert (record["code"], record["input"]) == ("policy.denied", None)


def test_heads_are_signed_by_count_and_at_the_end(open_log: Callable[..., Log]) -> None:
    log = open_log(checkpoint_records=20, checkpoint_seconds=60.0)

    async def write() -> None:
        for number in range(50):
            await log.intent(number).durable()

    asyncio.run(write())
    log.book.close()

    sizes = [int(note.split(b"\n")[1]) for _, note in notes((log.folder / HISTORY).read_bytes())]
    assert sizes[-1] == 50
    assert all(later - earlier <= 21 for earlier, later in zip([0, *sizes], sizes, strict=False))


def test_a_head_is_signed_and_published_within_about_a_second(log: Log) -> None:
    log.intent(1)

    deadline = time.monotonic() + 3
    while not (log.folder / "checkpoint").exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert (log.folder / "checkpoint").read_text().startswith("berlin/node1/w0\n1\n")


def test_a_second_writer_is_refused(log: Log, open_log: Callable[..., Log]) -> None:
    with pytest.raises(SetupError, match="Another process writes the audit log"):
        open_log()

    assert log.book.ready()


def test_closing_ends_the_thread_and_frees_the_log(log: Log, open_log: Callable[..., Log]) -> None:
    log.book.close()

    assert not log.book.ready()
    assert not [thread for thread in threading.enumerate() if thread.name == "sekisho-audit"]
    assert open_log().book.ready()


def test_a_closed_book_refuses(log: Log) -> None:
    log.book.close()

    with pytest.raises(AuditUnavailable):
        log.intent(1)
    log.book.denial(code="x", status=401)


def test_a_long_log_goes_on_after_a_restart(open_log: Callable[..., Log]) -> None:
    log = open_log()
    for restart in range(4):
        for number in range(150):
            log.intent(restart * 150 + number).close(Outcome("done"))
        log.reopen()
    log.book.close()

    report = verify(log.folder, log.vkey)

    assert (report.ok, report.records, report.tree_size) == (True, 1200, 1200)
    assert not records(log, type="recovered")
