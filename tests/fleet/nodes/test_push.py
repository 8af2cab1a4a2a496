"""Pushing: in ranges, on from where it was cut, one file once at a time; and a heartbeat that knows slow from gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.fleet.nodes.push import LEAST_BYTES, MOST_BYTES, Pusher, next_bytes
from gateway.fleet.nodes.watch import Watch


class Cut(Exception):
    pass


@dataclass
class Took:
    held: int
    whole: bool


class Files:
    """A node's files. ``breaks_at``: the link breaks once so much is there."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.content = b""
        self.breaks_at = total + 1
        self.calls = 0

    async def held(self, digest: str) -> tuple[int, bool]:
        return len(self.content), len(self.content) == self.total

    async def put(self, digest: str, offset: int, total: int, piece: bytes) -> Took:
        assert (offset, total) == (len(self.content), self.total)
        self.calls += 1
        await asyncio.sleep(0)
        if offset + len(piece) >= self.breaks_at:
            raise Cut
        self.content += piece
        return Took(len(self.content), len(self.content) == total)


CONTENT = bytes(range(256)) * 4096 * 5  # 5 MiB


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(CONTENT)
    return path


async def test_a_push_that_was_cut_goes_on_where_it_ended(file: Path) -> None:
    files = Files(len(CONTENT))
    files.breaks_at = files.total // 2
    pusher = Pusher(files)
    with pytest.raises(Cut):
        await pusher.push("d", file)
    before = len(files.content)
    assert before
    assert pusher.progress == {}

    files.breaks_at = files.total + 1
    sent = pusher.sent_bytes
    await pusher.push("d", file)

    assert files.content == CONTENT
    assert pusher.sent_bytes - sent == files.total - before


async def test_one_file_goes_once_whoever_wants_it(file: Path) -> None:
    files = Files(len(CONTENT))
    pusher = Pusher(files)
    await asyncio.gather(pusher.push("d", file), pusher.push("d", file))
    assert pusher.sent_bytes == files.total


async def test_a_file_that_cannot_be_read_is_the_gateways_fault(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        await Pusher(Files(10)).push("d", tmp_path / "none")


async def test_a_node_that_has_all_and_never_calls_it_whole_is_not_asked_for_ever(file: Path) -> None:
    class Forgetful(Files):
        async def put(self, digest: str, offset: int, total: int, piece: bytes) -> Took:
            self.calls += 1
            return Took(0, False)

    files = Forgetful(len(CONTENT))
    with pytest.raises(SetupError, match="does not count"):
        await Pusher(files).push("d", file)
    assert files.calls == 1


@given(st.integers(1, MOST_BYTES), st.floats(0, 1e6))
def test_a_range_is_neither_too_small_nor_too_large(length: int, seconds: float) -> None:
    assert min(LEAST_BYTES, 2 * length) <= next_bytes(length, seconds) <= MOST_BYTES


def test_ranges_take_half_a_second_each() -> None:
    assert next_bytes(1_000_000, 1.0) == 500_000
    assert next_bytes(1_000_000, 0.4) == 1_250_000
    assert next_bytes(1_000_000, 0.001) == 2_000_000


class Silent(Exception):
    pass


class Beating:
    """A node that answers, or does not, on a clock of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard_at = float("-inf")
        self.answers = True
        self.seen: list[float] = []
        self.lost: list[str] = []
        self.watch = Watch[str](self, Silent, seen=self._seen, lost=self._lost, clock=lambda: self.now)

    async def state(self) -> str:
        if not self.answers:
            raise Silent("nothing comes")
        return "here"

    async def _seen(self, state: str, asked_at: float) -> None:
        self.seen.append(asked_at)

    async def _lost(self, problem: str) -> None:
        self.lost.append(problem)

    async def at(self, now: float) -> bool:
        self.now = now
        await self.watch.beat()
        return self.watch.is_here


async def test_a_node_is_away_after_two_seconds_of_silence() -> None:
    node = Beating()
    assert await node.at(0.0)
    node.answers = False
    assert await node.at(1.9)
    assert not await node.at(2.0)
    assert not await node.at(2.5)
    assert node.lost == ["nothing comes"]

    node.answers = True
    assert await node.at(3.0)
    assert node.seen == [0.0, 3.0]


async def test_whatever_comes_from_a_node_is_a_sign_of_life() -> None:
    node = Beating()
    await node.at(0.0)
    node.answers = False
    node.heard_at = 1.5
    assert await node.at(3.4)
    assert not await node.at(3.5)


async def test_time_in_which_we_did_not_run_is_not_the_nodes() -> None:
    node = Beating()
    await node.at(0.0)
    node.answers = False
    node.now = 3.0
    node.watch._excuse(2.5)
    assert await node.at(3.0)
    assert not await node.at(4.5)
