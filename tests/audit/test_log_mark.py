"""The mark below which no intent waits: who moves it is noticed, and no interrupted request is left unsaid for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import within

from gateway.audit.log import mark
from gateway.audit.log.layout import BUNDLE_RECORDS
from gateway.audit.log.reader import search
from gateway.audit.log.trouble import TAMPERED, notes
from gateway.audit.verify import verify
from gateway.domain import Outcome
from tests.audit.conftest import ORIGIN

Log = Any  # conftest.OpenLog
INTENT = 20


@pytest.fixture
def killed(log: Log, tmp_path: Path) -> Log:
    """A log that lies as a killed process left it: one intent waits in its first bundle, others ended after it."""
    for number in range(2 * BUNDLE_RECORDS):
        entry = log.intent(number)
        if number != INTENT:
            entry.close(Outcome("done"))
    assert within(5.0, lambda: (log.folder / mark.NAME).exists() and marked(log) == 2 * INTENT)
    shutil.copytree(tmp_path / "audit", tmp_path / "left")
    log.book.close()
    shutil.rmtree(tmp_path / "audit")
    shutil.copytree(tmp_path / "left", tmp_path / "audit")
    return log


def marked(log: Log) -> int:
    return mark.read(log.folder, ORIGIN, log.book._verifiers())


def found_on_restart(log: Log) -> tuple[list[Any], dict[str, Any]]:
    """Restart; return the sequences of intents said to be interrupted, and what the start says of itself."""
    log.reopen().close()
    ends = [r["intent"] for r in search(log.folder) if r["type"] == "outcome" and r["status"] == "interrupted"]
    (recovered,) = [r["details"] for r in search(log.folder) if r["type"] == "recovered"]
    assert verify(log.folder, log.vkey).problems == []
    return ends, recovered


def test_a_signed_mark_says_from_where_to_read(killed: Log) -> None:
    ends, recovered = found_on_restart(killed)

    assert (ends, "touched" in recovered) == ([2 * INTENT], False)


def move_up(raw: bytes) -> bytes:
    return raw.replace(b"40\n", b"999\n", 1)


@pytest.mark.parametrize(
    "change",
    [
        move_up,
        lambda raw: raw.replace(b"40\n", b"0\n", 1),
        lambda raw: b"no mark",
        lambda raw: raw[:-8],
        lambda raw: b"-1\n",
    ],
    ids=["up", "down", "garbage", "cut", "negative"],
)
def test_a_rewritten_mark_hides_no_interrupted_request_and_is_on_record(
    killed: Log, change: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path = killed.folder / mark.NAME
    path.write_bytes(change(path.read_bytes()))

    ends, recovered = found_on_restart(killed)

    assert ends == [2 * INTENT]
    assert (recovered["touched"], recovered["interrupted"]) == (["open"], 1)
    assert "others changed open" in caplog.text


@pytest.mark.parametrize("left", [None, b"", b"999"], ids=["gone", "empty", "unsigned"])
def test_one_that_a_power_cut_or_an_earlier_release_left_is_not_believed_either(
    killed: Log, left: bytes | None
) -> None:
    path = killed.folder / mark.NAME
    path.unlink()
    if left is not None:
        path.write_bytes(left)

    ends, recovered = found_on_restart(killed)

    assert (ends, "touched" in recovered) == ([2 * INTENT], False)


def test_an_older_mark_in_its_place_does_no_harm(killed: Log) -> None:
    (killed.folder / mark.NAME).write_bytes(mark.text(killed.book._signer, 3))

    ends, recovered = found_on_restart(killed)

    assert (ends, "touched" in recovered) == ([2 * INTENT], False)


def test_a_mark_that_another_log_wrote_does_not_count(killed: Log) -> None:
    signer = killed.book._signer
    other = type(signer)("berlin/node1/w1", killed.key)
    (killed.folder / mark.NAME).write_bytes(mark.text(other, 999))

    assert found_on_restart(killed)[1]["touched"] == ["open"]


def test_a_running_log_stops_when_its_mark_is_rewritten(log: Log) -> None:
    log.intent(1)
    path = log.folder / mark.NAME
    assert within(3.0, path.exists)

    path.write_bytes(path.read_bytes().replace(b"0\n", b"9\n", 1))

    assert within(2.0, lambda: not log.book.ready())
    ((_, note),) = notes(log.base)
    assert (note.code, note.what) == (TAMPERED, "open is not what was written")
