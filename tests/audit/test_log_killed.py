"""Writers killed under load, with torn tails between: nothing that was acknowledged is lost, and the log verifies.

The soak has the long form: a thousand times.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.log.reader import search
from gateway.audit.verify import verify

Log = Any  # conftest.OpenLog
KILLER = Path(__file__).with_name("killer.py")
LOGS, CYCLES = 4, 13


def kill(folder: Path, cycles: int, seed: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, KILLER, folder, str(cycles), str(seed)], stdout=subprocess.PIPE)


def lost(log: Log, acknowledged: list[list[int]]) -> list[list[int]]:
    """Return what was acknowledged and is not in the log, at its place and with its request."""
    found = {record["sequence"]: record["request"] for record in search(log.folder) if record["type"] == "intent"}
    return [each for each in acknowledged if found.get(each[0]) != f"01J{each[1]:023d}"]


def open_intents(log: Log) -> set[int]:
    records = list(search(log.folder))
    closed = {record["intent"] for record in records if record["type"] == "outcome"}
    return {record["sequence"] for record in records if record["type"] == "intent"} - closed


def check(log: Log, acknowledged: list[list[int]], cycles: int) -> None:
    log.book.close()
    assert len(acknowledged) >= cycles
    assert lost(log, acknowledged) == []
    assert open_intents(log) == set()
    assert verify(log.folder, log.vkey).problems == []


@pytest.mark.real
def test_fifty_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path, new_log: Callable[..., Log]) -> None:
    running = [kill(tmp_path / f"log-{number}", CYCLES, number) for number in range(LOGS)]
    told = [process.communicate()[0] for process in running]

    assert [process.returncode for process in running] == [0] * LOGS
    for number, said in enumerate(told):
        check(new_log(tmp_path / f"log-{number}"), json.loads(said), CYCLES)
