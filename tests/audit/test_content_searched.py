"""Answers are searched for whom they name once they are kept, and hang on those persons' keys from then on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.content import searching
from gateway.audit.content.door import About
from gateway.audit.content.seal import Head, Noise
from gateway.audit.content.searching import Held, finish_destroyed, search_answers, take
from gateway.audit.content.store import MOST_PERSONS, Sealed, SideStore
from gateway.audit.persons.key_file import PersonKey
from gateway.audit.persons.keys import PersonKeys
from gateway.domain import Kept
from gateway.errors import DetectorUnavailable

ANNA, BEN, CARL = "found:anna", "found:ben", "found:carl"
ABOUT = About("01JREQUEST", "acme", "support", 30)
CONTENT = b'{"choices":[{"index":0,"content":"ask ben"}]}'


def store_in(folder: Path) -> SideStore:
    keys = PersonKeys(folder / "persons", lambda tenant: (b"s" * 32,))
    return SideStore(folder / "content", keys, folder / "audit")


@pytest.fixture
def side(tmp_path: Path) -> SideStore:
    return store_in(tmp_path)


def sealed(side: SideStore, *persons: str) -> Sealed:
    keys = side.keys_for(ABOUT, persons)
    return side.seal("answer", ABOUT, "berlin/n1/w0", keys, CONTENT, to_search=True)


def keep(side: SideStore, *persons: str) -> Kept:
    one = sealed(side, *persons)
    side.put(one)
    return one.kept


def place(side: SideStore, kept: Kept) -> Path:
    path = side.find(kept.item)
    assert path is not None
    return path


def hangs_on(side: SideStore, kept: Kept) -> set[str]:
    """Return the names whose keys an item needs, of those that tests use; its content must be as it was."""
    head, content, digest = side.open(place(side, kept))
    assert (content, digest) == (CONTENT, kept.sha256)
    ids = {key.id: name for name in (ANNA, BEN, CARL) if (key := side.keys.find("acme", name))}
    assert len(head.persons) == len(set(head.persons))
    return {ids[id_] for id_ in head.persons}


def held(side: SideStore, kept: Kept) -> Held:
    found = take(side, kept.item)
    assert found is not None
    return found


def grow_old(side: SideStore, item: str, seconds: float = searching.WRITTEN_SECONDS + 1) -> None:
    then = (datetime.now(UTC) - timedelta(seconds=seconds)).timestamp()
    os.utime(side.unsearched.folder / f"{item}.mark", (then, then))


def beside(side: SideStore) -> set[str]:
    """Return what lies beside the items, but for the lock."""
    return {path.name for path in side.unsearched.folder.iterdir()} - {"lock"}


# --- one item


def test_it_is_marked_before_it_is_there_and_the_digest_outlives_the_search(side: SideStore) -> None:
    kept = keep(side, ANNA)
    assert side.unsearched.waiting() == [kept.item]
    assert hangs_on(side, kept) == {ANNA}

    held(side, kept).hang_on({ANNA, BEN, CARL})

    assert hangs_on(side, kept) == {ANNA, BEN, CARL}
    assert beside(side) == set()


def test_the_key_of_whom_only_the_answer_names_ends_it(side: SideStore) -> None:
    kept = keep(side, ANNA)
    held(side, kept).hang_on([BEN])

    (ben,) = side.keys.find_all("acme", BEN)
    side.keys.destroy("acme", ben.id)

    with pytest.raises(Noise):
        side.open(place(side, kept))


def test_the_bytes_under_fewer_keys_are_written_over(side: SideStore) -> None:
    kept = keep(side, ANNA)
    path = place(side, kept)
    with path.open("rb") as before:
        length = len(path.read_bytes())
        held(side, kept).hang_on([BEN])
        assert before.read() == bytes(length)
    assert path.read_bytes() != bytes(length)


@pytest.mark.parametrize("names", [(), (ANNA,)])
def test_where_nobody_else_is_named_it_stays_as_it_was_written(side: SideStore, names: tuple[str, ...]) -> None:
    kept = keep(side, ANNA)
    before = place(side, kept).stat()

    held(side, kept).hang_on(names)

    after = place(side, kept).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert side.unsearched.waiting() == []


def test_of_too_many_persons_as_many_as_fit(side: SideStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST_PERSONS", 3)
    assert MOST_PERSONS > 3
    kept = keep(side, CARL)

    held(side, kept).hang_on([ANNA, BEN, "found:dora", "found:emil"])

    assert hangs_on(side, kept) == {ANNA, BEN, CARL}


def test_only_one_at_a_time_has_it(side: SideStore) -> None:
    kept = keep(side)
    first = held(side, kept)

    assert take(side, kept.item) is None
    first.let_go()
    held(side, kept).hang_on([])
    assert take(side, kept.item) is None


# --- what comes between


def test_what_is_written_just_now_keeps_its_mark_and_what_never_came_loses_it(side: SideStore) -> None:
    one = sealed(side)
    side.write(one)
    one.place.write_bytes(one.raw[: len(one.raw) // 2])
    side.unsearched.mark("0" * 26)

    for item in (one.place.name, "0" * 26):
        assert take(side, item) is None
        assert side.unsearched.has(item)
        grow_old(side, item)
        assert take(side, item) is None
        assert not side.unsearched.has(item)


def test_a_full_disk_leaves_neither_item_nor_mark(side: SideStore, monkeypatch: pytest.MonkeyPatch) -> None:
    one = sealed(side)

    def full(*_: Any) -> Any:
        raise OSError(28, "full")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError, match="full"):
        side.write(one)
    assert not one.place.exists()
    assert beside(side) == set()


def test_an_erased_one_is_searched_no_more(side: SideStore) -> None:
    kept = keep(side, ANNA)
    (anna,) = side.keys.find_all("acme", ANNA)
    side.keys.destroy("acme", anna.id)

    assert take(side, kept.item) is None
    assert side.unsearched.waiting() == []


def test_one_whose_prompts_person_is_erased_while_it_is_searched_stays_noise(side: SideStore) -> None:
    kept = keep(side, ANNA)
    one = held(side, kept)
    (anna,) = side.keys.find_all("acme", ANNA)
    side.keys.destroy("acme", anna.id)

    one.hang_on([BEN])

    with pytest.raises(Noise):
        side.open(place(side, kept))
    assert beside(side) == set()


def test_what_is_destroyed_while_it_is_searched_does_not_come_back(side: SideStore) -> None:
    kept = keep(side, ANNA)
    one = held(side, kept)
    side.destroy([place(side, kept)])

    one.hang_on([BEN])

    assert side.find(kept.item) is None
    assert beside(side) == set()


@pytest.mark.parametrize("step", ["link", "replace"])
def test_nor_where_it_is_destroyed_right_before_it_is_put_in_place(
    side: SideStore, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    kept = keep(side, ANNA)
    one, path = held(side, kept), place(side, kept)
    owner, name = (os, "link") if step == "link" else (Path, "replace")
    really = getattr(owner, name)

    def after_the_owner(*given: Any) -> Any:
        monkeypatch.undo()
        side.destroy([path])
        return really(*given)

    monkeypatch.setattr(owner, name, after_the_owner)
    one.hang_on([BEN])

    assert side.find(kept.item) is None
    assert beside(side) == set()


def test_an_erasure_waits_for_what_is_just_being_sealed(side: SideStore) -> None:
    kept = keep(side, ANNA)
    said: list[str] = []

    def erase() -> None:
        with side.unsearched.erasing():
            said.append("erases")

    with side.unsearched.sealing():
        thread = threading.Thread(target=erase)
        thread.start()
        thread.join(0.2)
        said.append("sealed")
    thread.join(5)

    assert said == ["sealed", "erases"]
    held(side, kept).hang_on([BEN])  # and the lock is free again


@pytest.mark.parametrize("there", [True, False])
def test_what_a_kill_left_of_a_destroyed_one_is_destroyed(side: SideStore, there: bool) -> None:
    kept = keep(side, ANNA)
    path = place(side, kept)
    for left in side.unsearched.beside(kept.item):
        left.write_bytes(path.read_bytes())
    side.unsearched.remove(kept.item)
    if not there:
        path.unlink()

    finish_destroyed(side)

    assert side.find(kept.item) is None
    assert beside(side) == set()


# --- killed

WORK = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.audit.test_content_searched import BEN, store_in
from gateway.audit.content.searching import take

side, left = store_in(Path({folder!r})), {step}

def hook(event, arguments):
    global left
    if event not in ("open", "os.link", "os.rename", "os.remove"):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    if str(arguments[0]).startswith({folder!r}):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

held = take(side, {item!r})
sys.addaudithook(hook)
held.hang_on([BEN])
"""
STEPS = 30


def work(folder: Path, item: str, step: int) -> int:
    given = {"folder": str(folder), "item": item, "step": step}
    code = WORK.format(tests=str(Path(__file__).parents[2]), **given)
    return subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_killed_at_any_step_it_is_whole_and_the_next_search_ends_the_work(side: SideStore, tmp_path: Path) -> None:
    killed = 0
    for step in range(1, STEPS):
        kept = keep(side, ANNA)
        done = work(tmp_path, kept.item, step)
        assert done in (0, -signal.SIGKILL)
        if not done:
            break
        killed += 1
        assert hangs_on(side, kept) in ({ANNA}, {ANNA, BEN})
        finish_destroyed(side)
        for item in side.unsearched.waiting():
            held(side, Kept(item, "")).hang_on([BEN])
        assert hangs_on(side, kept) == {ANNA, BEN}
        assert beside(side) == set()
    assert killed >= 6
    assert not done


# --- the task


class Names:
    """Says whom an answer names, or why nobody can."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.fails = 0
        self.asked: list[tuple[str, bytes]] = []

    async def __call__(self, head: Head, content: bytes) -> Collection[str]:
        self.asked.append((head.item, content))
        if self.fails:
            self.fails -= 1
            raise DetectorUnavailable
        return self.names


@asynccontextmanager
async def searched(side: SideStore, names: Callable[[Head, bytes], Awaitable[Collection[str]]]) -> Any:
    task = asyncio.create_task(search_answers(side, names, 0.01, 0.02))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def all_searched(side: SideStore) -> None:
    async with asyncio.timeout(10):
        while side.unsearched.waiting():  # noqa: ASYNC110 - threads take the marks away
            await asyncio.sleep(0.005)


async def test_everything_that_waits_is_searched_whoever_kept_it_and_what_comes_later_too(side: SideStore) -> None:
    before = [keep(side, ANNA) for _ in range(3)]
    names = Names(BEN)

    async with searched(side, names):
        await all_searched(side)
        later = keep(side)
        await all_searched(side)

    assert [hangs_on(side, kept) for kept in before] == [{ANNA, BEN}] * 3
    assert hangs_on(side, later) == {BEN}
    assert names.asked == [(kept.item, CONTENT) for kept in (*before, later)]


async def test_while_detectors_fail_the_mark_stays_and_it_is_said_once(
    side: SideStore, caplog: pytest.LogCaptureFixture
) -> None:
    kept = keep(side, ANNA)
    names = Names(BEN)
    names.fails = 3

    async with searched(side, names):
        await all_searched(side)

    assert hangs_on(side, kept) == {ANNA, BEN}
    assert len(names.asked) == 4
    said = [record.message for record in caplog.records if "searched for persons" in record.message]
    assert said == ["an answer that is kept cannot be searched for persons now: privacy.detector_error"]


@pytest.mark.parametrize("error", [DetectorUnavailable(), ValueError(), RecursionError()])
async def test_one_that_cannot_be_searched_keeps_nobody_else_back(side: SideStore, error: Exception) -> None:
    bad, good = keep(side, ANNA), keep(side, ANNA)

    async def names(head: Head, content: bytes) -> Collection[str]:
        if head.item == bad.item:
            raise error
        return [BEN]

    async with searched(side, names), asyncio.timeout(10):
        while side.unsearched.waiting() != [bad.item]:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    assert (hangs_on(side, bad), hangs_on(side, good)) == ({ANNA}, {ANNA, BEN})


async def test_a_folder_that_cannot_be_read_for_a_while_ends_nothing(
    side: SideStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept, really, failed = keep(side, ANNA), os.listdir, []

    def listed(path: Any) -> list[str]:
        if not failed:
            failed.append(path)
            raise OSError(5, "broken")
        return really(path)

    monkeypatch.setattr(os, "listdir", listed)
    async with searched(side, Names(BEN)), asyncio.timeout(10):
        while hangs_on(side, kept) != {ANNA, BEN}:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    assert failed
    assert "cannot be listed: OSError" in caplog.text


async def test_cancelled_while_it_searches_it_lets_go(side: SideStore) -> None:
    kept, begun = keep(side), asyncio.Event()

    async def names(head: Head, content: bytes) -> Collection[str]:
        begun.set()
        await asyncio.Event().wait()
        return ()

    async with searched(side, names):
        await begun.wait()

    assert side.unsearched.waiting() == [kept.item]
    held(side, kept).let_go()


async def test_a_key_that_cannot_be_made_leaves_it_for_later(side: SideStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep(side, ANNA)
    really, failed = PersonKeys.of, []

    def of(keys: PersonKeys, tenant: str, names: Collection[str]) -> list[PersonKey]:
        if not failed:
            failed.append(names)
            raise OSError(28, "full")
        return really(keys, tenant, list(names))

    monkeypatch.setattr(PersonKeys, "of", of)
    async with searched(side, Names(BEN)):
        await all_searched(side)

    assert failed
    assert hangs_on(side, kept) == {ANNA, BEN}
