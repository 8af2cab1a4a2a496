"""The anchors beside a log that is written: nothing waits for them, and what becomes of them is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.anchor import office as offices
from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.file import FileAnchor
from gateway.audit.anchor.heads import LogHead
from gateway.audit.anchor.office import AnchorOffice, Placed
from gateway.audit.anchor.standing import standings, unwitnessed_since
from gateway.audit.anchor.witnesses import Witness, witnessed
from gateway.domain import Outcome
from tests.audit.anchor_parts import TileLog, wait_for

Log = Any  # conftest.OpenLog


class Scripted:
    """An anchor that does what a test says: ``trouble`` is raised, ``gate`` holds it up."""

    kind = "file"

    def __init__(self, place: str = "/mnt/scripted") -> None:
        self.place = place
        self.trouble: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.tries: list[float] = []
        self.closed = False

    def deliver(self, heads: Sequence[LogHead]) -> list[tuple[LogHead, Witness]]:
        self.tries.append(time.monotonic())
        self.gate.wait(30)
        if self.trouble:
            raise self.trouble
        return [(head, head.seen(self.kind, self.place)) for head in heads]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AnchorOffice]]:
    monkeypatch.setattr(offices, "_WATCH_SECONDS", 0.1)
    started: list[AnchorOffice] = []

    def make(base: Path, *anchors: Any, told: list[tuple[str, dict[str, Any]]] | None = None) -> AnchorOffice:
        tell = lambda type, details: (told if told is not None else []).append((type, details))  # noqa: E731
        office = AnchorOffice(base, [Placed(anchor, 0.05) for anchor in anchors], tell)
        office.start()
        started.append(office)
        return office

    yield make
    for office in started:
        office.stop()


def test_heads_of_a_running_log_are_carried_and_its_last_one_too(
    log: Log, start: Callable[..., AnchorOffice], tmp_path: Path
) -> None:
    office = start(log.base, FileAnchor(tmp_path / "heads", tmp_path, same_disk=True))
    log.intent(1).close(Outcome("done"))
    wait_for(lambda: witnessed(log.folder).size == 2)

    log.intent(2).close(Outcome("done"))
    log.book.close()
    office.stop()

    found = witnessed(log.folder)
    assert (found.size, found.head, found.ranges[0].places) == (4, 4, (("file", str(tmp_path / "heads")),))


def test_an_anchor_that_hangs_holds_up_neither_another_nor_the_end(
    tmp_path: Path, start: Callable[..., AnchorOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offices, "_STOP_SECONDS", 0.3)
    log, stuck, good = TileLog(tmp_path), Scripted("/mnt/stuck"), Scripted("/mnt/good")
    stuck.gate.clear()
    log.grow(3)

    office = start(tmp_path, stuck, good)
    wait_for(lambda: witnessed(log.folder).size == 3)
    begun = time.monotonic()
    office.stop()

    assert time.monotonic() - begun < 2
    assert (good.closed, stuck.closed) == (True, False)
    stuck.gate.set()


def test_what_fails_is_tried_again_ever_less_often_and_told(
    tmp_path: Path, start: Callable[..., AnchorOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offices, "LONGEST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(offices, "LOST_AFTER_SECONDS", 0.3)
    log, anchor, told = TileLog(tmp_path), Scripted(), []
    anchor.trouble = AnchorTrouble("The stick is full.", "Put in another.")
    log.grow(3)

    office = start(tmp_path, anchor, told=told)
    wait_for(lambda: len(anchor.tries) > 3)
    wait_for(lambda: told)
    (view,) = office.view()
    assert (view["state"], view["problem"], view["mend"]) == ("fails", "The stick is full.", "Put in another.")
    assert view["since"]
    anchor.trouble = None
    wait_for(lambda: office.view()[0]["state"] == "ok")

    assert [(type, details["place"]) for type, details in told] == [
        ("admin.anchor_lost", "/mnt/scripted"),
        ("admin.anchor_back", "/mnt/scripted"),
    ]
    assert office.view()[0]["last"]


def test_the_pause_grows_to_a_minute(tmp_path: Path) -> None:
    anchor = Scripted()
    anchor.trouble = OSError(5, "input/output error")
    runner = offices._Runner(tmp_path, Placed(anchor, 1.0), lambda type, details: None)

    assert [runner._round() for _ in range(8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert runner.view()["problem"] == "/mnt/scripted: input/output error."
    anchor.trouble = None
    assert runner._round() == 1.0


@pytest.mark.parametrize("trouble", [ValueError("x"), RuntimeError("x"), OSError(2, "no such file")])
def test_whatever_goes_wrong_the_thread_goes_on(
    tmp_path: Path, start: Callable[..., AnchorOffice], monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    monkeypatch.setattr(offices, "LONGEST_PAUSE_SECONDS", 0.05)
    log, anchor = TileLog(tmp_path), Scripted()
    anchor.trouble = trouble
    log.grow(3)
    office = start(tmp_path, anchor)
    wait_for(lambda: office.view()[0]["state"] == "fails")

    anchor.trouble = None

    wait_for(lambda: witnessed(log.folder).size == 3)


def test_a_conflict_is_on_record_once(
    tmp_path: Path, start: Callable[..., AnchorOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offices, "LONGEST_PAUSE_SECONDS", 0.05)
    log, anchor, told = TileLog(tmp_path), Scripted(), []
    anchor.trouble = AnchorTrouble("w1 saw other records.", "Compare.", conflict=True)
    log.grow(3)

    office = start(tmp_path, anchor, told=told)
    wait_for(lambda: len(anchor.tries) > 3)

    assert office.view()[0]["state"] == "conflict"
    assert told == [
        ("admin.anchor_conflict", {"kind": "file", "place": "/mnt/scripted", "problem": str(anchor.trouble)})
    ]


def test_the_unwitnessed_time_grows_without_anchors_and_ends_with_them(
    log: Log, start: Callable[..., AnchorOffice]
) -> None:
    office = start(log.base)
    log.intent(1).close(Outcome("done"))
    log.intent(2).close(Outcome("done"))
    log.book.close()
    wait_for(lambda: (office.unwitnessed_seconds() or 0) > 0.2)
    (one,) = standings(log.base)
    assert (one.unwitnessed, one.witnessed.size, one.since) == (4, 0, unwitnessed_since(log.base))

    start(log.base, Scripted())

    wait_for(lambda: office.unwitnessed_seconds() == 0.0)
    assert unwitnessed_since(log.base) == ""
