"""The process that follows the logs: at the lowest priority, as long as its server lives, whatever befalls it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from many_records import SITE, Logs

from gateway.audit.index import build, child, follow, state, store
from gateway.audit.index.child import IndexFollower
from gateway.audit.index.follow import Follower
from gateway.audit.log import layout

LOG = "node1/w0/default"


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    made = Logs(tmp_path)
    made.write(300, LOG)
    return made


def sign(logs: Logs) -> None:
    """Let the log's history of heads grow, as it does when records were written."""
    with (logs.audit / SITE / LOG / layout.HISTORY).open("a") as file:
        file.write("head\n")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  another process makes it so
            await asyncio.sleep(0.05)


def indexed(logs: Logs) -> int:
    return state.state_of(logs.audit, logs.index, SITE).records


async def test_it_follows_at_the_lowest_priority_and_ends_with_its_server(logs: Logs) -> None:
    follower = IndexFollower(logs.audit, logs.index)
    await follower.start()
    await until(lambda: indexed(logs) == 300)
    pid = follower.pid
    assert pid
    assert (os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid)) == (19, os.SCHED_IDLE)

    logs.write(50, LOG)
    sign(logs)
    await until(lambda: indexed(logs) == 350)
    await follower.stop()

    assert str(pid) not in os.listdir("/proc")


async def test_one_that_was_killed_is_started_again(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_AGAIN_SECONDS", 0.1)
    follower = IndexFollower(logs.audit, logs.index)
    await follower.start()
    await until(lambda: indexed(logs) == 300)
    killed = follower.pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    logs.write(10, LOG)

    await until(lambda: indexed(logs) == 310)

    assert follower.pid != killed
    await follower.stop()


def test_it_ends_when_its_server_was_killed(logs: Logs) -> None:
    command = [sys.executable, "-m", "gateway.audit.index.follow", str(logs.audit), str(logs.index)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    out, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert out in (b"", b"the index of berlin is made from the log: there was none\n")


def test_a_step_does_nothing_where_nothing_is_new(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = Follower(logs.audit, logs.index)
    updates = []
    monkeypatch.setattr(build, "update", lambda *args, **_: updates.append(args) or build.Done(0, True))

    assert [follower.step(), follower.step()] == [follow.POLL_SECONDS] * 2
    sign(logs)
    follower.step()

    assert len(updates) == 2


def test_a_long_log_is_taken_in_steps_without_a_pause(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "STEP_SECONDS", 0.0)
    follower = Follower(logs.audit, logs.index)

    pauses = [follower.step() for _ in range(4)]

    assert 0.0 in pauses
    assert pauses[-1] == follow.POLL_SECONDS
    assert indexed(logs) == 300


def test_trouble_is_said_once_and_waited_out(logs: Logs, capfd: pytest.CaptureFixture[str]) -> None:
    logs.index.write_text("in the way")
    follower = Follower(logs.audit, logs.index)

    pauses = {follower.step(), follower.step()}
    said = capfd.readouterr().out
    logs.index.unlink()
    follower.step()

    assert pauses == {30.0}
    assert said.count("cannot be indexed") == 1
    assert indexed(logs) == 300


def test_an_index_killed_in_the_middle_goes_on(logs: Logs) -> None:
    """What was committed stays, what was not is read again."""
    logs.write(3000, LOG)
    command = [sys.executable, "-m", "gateway.audit.index.follow", str(logs.audit), str(logs.index)]
    for _ in range(4):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.4)
        process.kill()
        process.wait()
        process.stdin.close()  # type: ignore[union-attr]

    assert logs.update().rebuilt in ("", "there was none")
    assert indexed(logs) == 3300
    with store.locked(logs.index, SITE) as free:
        assert free
