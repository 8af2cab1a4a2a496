"""The process that runs a batch is killed before each step that it takes on disk, and amid each write: nothing is lost.

Steps are counted in the child itself, by an audit hook (PEP 578) and by the two calls that have none. A write on which
it dies is half done, as a kill amid it leaves it. Children are forked by a server that has no other thread: one that is
forked from this process may wait for ever for a lock that a thread of it had.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batch_site import GOOD, BatchSite
from house import CALLER

from gateway.kept.batches import JOURNAL
from gateway.kept.journal import Journal

LINES = 3
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate")
DONE = 0
ANNA = "found:anna"
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "gateway.pipeline", "gateway.http.batches", "gateway.kept.batch_runner"])


class Assassin:
    """Kills its process right before step ``at`` in a folder, or in the middle of it where it is a write; from 1."""

    def __init__(self, at: int, place: Path) -> None:
        self.left, self.place = at, str(place)
        self._write, self._sync = os.write, os.fdatasync

    def strike(self, last: Callable[[], object] = lambda: None) -> None:
        self.left -= 1
        if not self.left:
            last()
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in STEPS or not isinstance(arguments[0], str | os.PathLike):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return  # what is only read changes nothing
        if os.fspath(arguments[0]).startswith(self.place):
            self.strike()

    def write(self, descriptor: int, content: bytes) -> int:
        if os.path.realpath(f"/proc/self/fd/{descriptor}").startswith(self.place):
            self.strike(lambda: self._write(descriptor, content[: len(content) // 2]))
        return self._write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        self.strike()
        self._sync(descriptor)

    def lurk(self) -> None:
        sys.addaudithook(self.hook)
        os.write, os.fdatasync = self.write, self.sync


class Told:
    """What children tell before they die: a line each, in a file that is no part of the site."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(self, line: str) -> None:
        os.write(self._descriptor, line.encode() + b"\n")

    def lines(self) -> Counter[str]:
        return Counter(self.path.read_text().splitlines())


def a_site(folder: Path, told: Told) -> BatchSite:
    site = BatchSite(folder, parallel=1)
    site.answer = lambda body: (400, b'{"error": {}}') if body["user"] == "c2" else (200, GOOD)
    site.persons = lambda body: (ANNA,) if body["user"] == "c1" else ()
    keep = site.event

    def event(type: str, **details: Any) -> None:
        keep(type, **details)
        told.say(f"{type} {details.get('batch', {}).get('line', '')}".strip())

    site.event = event  # type: ignore[method-assign]
    return site


async def live(folder: Path, told: Told, *, begins: bool) -> None:
    """Make a batch, or take up what is there, and run it to its end."""
    site = a_site(folder, told)
    if begins:
        await site.made(LINES)
        told.say("answered")
    async with site.running():
        for batch in await site.batches.listed(CALLER):
            await site.over(batch["id"])


def child(folder: Path, told: Told, step: int) -> int:
    """Return how a process ended that dies before that step; 0: it takes up what is there, and lives."""
    process = FORKS.Process(target=be_child, args=(folder, told.path, step))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def be_child(folder: Path, told: Path, step: int) -> None:
    if step:
        Assassin(step, folder).lurk()
    asyncio.run(live(folder, Told(told), begins=bool(step)))


async def done_already(site: BatchSite) -> set[int]:
    """Return the numbers of the lines that count, as a kill left them."""
    found: set[int] = set()
    for batch, _ in site.batches.unfinished():
        if (path := site.batches.home(batch) / JOURNAL).exists():
            journal = Journal(path, batch.secret, batch.id)
            found |= journal.done
            journal.close()
    return found


async def check(site: BatchSite, told: Told) -> None:
    batches = await site.batches.listed(CALLER)
    assert len(batches) == 1 or not told.lines()["answered"]
    for batch in batches:
        assert (batch["status"], batch["request_counts"]) == (
            "completed",
            {"total": LINES, "completed": LINES - 1, "failed": 1},
        )
        output = await site.lines(batch["output_file_id"])
        errors = await site.lines(batch["error_file_id"])
        assert sorted(line["custom_id"] for line in output) == ["c0", "c1"]
        assert [line["custom_id"] for line in errors] == ["c2"]
        assert told.lines()["batch.ended"] >= 1


@pytest.mark.slow
def test_killed_before_each_step_it_goes_on_and_each_line_is_there_once(tmp_path: Path) -> None:
    step, ended = 0, -signal.SIGKILL
    while ended != DONE:
        step += 1
        folder = tmp_path / str(step) / "site"
        folder.mkdir(parents=True)
        told = Told(folder.parent / "told")
        ended = child(folder, told, step)
        assert ended in (DONE, -signal.SIGKILL)

        site = a_site(folder, told)
        counted = asyncio.run(done_already(site))
        before = told.lines()
        assert child(folder, told, 0) == DONE
        asyncio.run(check(site, told))
        again = {int(line.split(" ")[1]) for line in told.lines() - before if line.startswith("batch.line ")}
        assert not again & counted, "a line that counts is never run again"
    assert step > 50
