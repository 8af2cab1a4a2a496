"""Records go to a collector as they are written, each under a head: in order, none lost, whatever breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.anchor import forward
from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.forward import RecordForwarder
from gateway.audit.anchor.heads import log_heads
from gateway.audit.anchor.syslog import SyslogLink, tls_context
from gateway.domain import Outcome
from tests.audit.anchor_parts import Authority, Collector, wait_for

Log = Any  # conftest.OpenLog


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def collector(authority: Authority) -> Iterator[Collector]:
    made = Collector(authority)
    yield made
    made.stop()


@pytest.fixture
def connect(collector: Collector, authority: Authority, tmp_path: Path) -> Callable[[], RecordForwarder]:
    """Return what makes a forwarder, as each start of a server does."""

    def make() -> RecordForwarder:
        link = SyslogLink(collector.address, tls_context(authority.ca), seals=False, timeout_seconds=1.0)
        return RecordForwarder(link, "berlin.node1", tmp_path / "anchors", UTC)

    return make


def write(log: Log, first: int, count: int) -> None:
    """Write two records each, and publish the head."""
    for number in range(first, first + count):
        log.intent(number).close(Outcome("done"))
    log.reopen()


def deliver(anchor: RecordForwarder, log: Log) -> list[int]:
    return [witness.size for _, witness in anchor.deliver(log_heads(log.base))]


def persistent(anchor: RecordForwarder, log: Log) -> list[int]:
    """Deliver as the office does: again after a failure."""
    for _ in range(50):
        try:
            return deliver(anchor, log)
        except (OSError, AnchorTrouble):
            continue
    raise AssertionError("never delivered")


def records(collector: Collector) -> list[int]:
    """Return the sequences that came, in order; heads are left out."""
    texts = [text for text in collector.messages if b" head - " not in text]
    return [json.loads(text.partition(b"\xef\xbb\xbf")[2])["leaf_index"] for text in texts]


def test_it_begins_with_what_is_written_from_now_on(
    log: Log, connect: Callable[[], RecordForwarder], collector: Collector
) -> None:
    write(log, 0, 5)
    anchor = connect()
    assert deliver(anchor, log) == [10]

    write(log, 5, 2)
    assert deliver(anchor, log) == [14]

    anchor.close()
    wait_for(lambda: collector.sealed == 1)
    assert records(collector) == [10, 11, 12, 13]
    heads = [text for text in collector.messages if b" head - " in text]
    assert len(heads) == 2
    assert collector.messages[-1] == heads[-1]


def test_a_new_start_goes_on_after_the_last_seal(
    log: Log, connect: Callable[[], RecordForwarder], collector: Collector
) -> None:
    first = connect()
    deliver(first, log)
    write(log, 0, 400)
    assert deliver(first, log) == [800]  # sealed within; the rest is not, since this process is killed
    first._link._drop()

    write(log, 400, 10)
    again = connect()
    deliver(again, log)
    again.close()

    assert sorted(set(records(collector))) == list(range(820))
    assert len(records(collector)) <= 820 + 800 - 256


def test_after_a_break_nothing_is_missing(
    log: Log, connect: Callable[[], RecordForwarder], collector: Collector
) -> None:
    anchor = connect()
    deliver(anchor, log)
    for number in range(6):
        write(log, number * 40, 40)
        persistent(anchor, log)
        collector.break_off()
    write(log, 240, 1)
    assert persistent(anchor, log) == [482]
    anchor.close()

    assert sorted(set(records(collector))) == list(range(482))


def test_what_was_taken_and_never_read_comes_again(
    log: Log, connect: Callable[[], RecordForwarder], collector: Collector
) -> None:
    anchor = connect()
    deliver(anchor, log)
    write(log, 0, 5)
    deliver(anchor, log)
    wait_for(lambda: len(records(collector)) == 10)
    collector.deaf = True
    write(log, 5, 5)
    assert deliver(anchor, log) == [20]

    collector.stop()
    write(log, 10, 5)
    with pytest.raises((OSError, AnchorTrouble)):
        deliver(anchor, log)
    collector.deaf = False
    collector.start()
    persistent(anchor, log)
    anchor.close()

    assert sorted(set(records(collector))) == list(range(30))


def test_a_collector_that_never_seals_gets_everything_and_little_twice(
    log: Log, authority: Authority, tmp_path: Path
) -> None:
    collector = Collector(authority, polite=False)

    def connect() -> RecordForwarder:
        link = SyslogLink(collector.address, tls_context(authority.ca), seals=False, timeout_seconds=0.3)
        return RecordForwarder(link, "h", tmp_path / "anchors", UTC)

    first = connect()
    deliver(first, log)
    write(log, 0, 500)
    assert deliver(first, log) == [1000]
    first.close()
    write(log, 500, 5)
    again = connect()
    deliver(again, log)
    again.close()

    wait_for(lambda: max(records(collector)) == 1009)
    assert sorted(set(records(collector))) == list(range(1010))
    assert len(records(collector)) < 1010 + 3 * 256
    collector.stop()


def test_a_long_log_goes_in_rounds_and_counts_at_its_end(
    log: Log, connect: Callable[[], RecordForwarder], collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "MOST_AT_ONCE", 100)
    anchor = connect()
    deliver(anchor, log)
    write(log, 0, 120)

    assert [deliver(anchor, log) for _ in range(4)] == [[], [], [240], []]
    anchor.close()
    assert records(collector) == list(range(240))


def test_what_is_written_down_and_damaged_is_told(
    log: Log, connect: Callable[[], RecordForwarder], tmp_path: Path
) -> None:
    deliver(connect(), log)
    (note,) = (tmp_path / "anchors").iterdir()
    note.write_text("[]")

    with pytest.raises(AnchorTrouble, match="damaged"):
        deliver(connect(), log)
