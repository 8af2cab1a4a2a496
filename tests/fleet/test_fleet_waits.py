"""How long one would wait for a slot: foretold from who holds the slots, and from how fast the engine was seen to be.

The stand is one target of one slot; its clock stands still, so that nothing is known but what the engine told.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain import Choice, Chunk, Timings, Usage
from gateway.errors import LimitExceeded
from gateway.fleet.desk import Terms
from gateway.fleet.local import LocalFleet, Member
from gateway.fleet.ranking import Ranking

NONE: frozenset[str] = frozenset()
PER_TOKEN = 0.05  # seconds, that the engine takes to read or to write one


class Said:
    """A request that says how long its answer may be, and whose prompt nobody should have to look at."""

    generates = True

    def __init__(self, max_tokens: int | None = None) -> None:
        self.max_tokens = max_tokens

    def profile(self, grant: Any) -> str:
        raise AssertionError("where there is nothing to choose, nobody is to look at the prompt")

    def turns(self, grant: Any) -> list[tuple[str, str]]:
        raise AssertionError("where there is nothing to choose, nobody is to look at the prompt")


class Stand:
    """One target, and callers named by their keys."""

    def __init__(self, world: Any, monkeypatch: pytest.MonkeyPatch, slots: int = 1, queue: int = 8) -> None:
        self.now = [0.0]
        for module in ("desk", "local", "placement"):
            monkeypatch.setattr(f"gateway.fleet.{module}.monotonic", lambda: self.now[0])
        self.world, self.place, self.engine = world, world.target("w0"), world.engine(slots=slots)
        self.fleet = LocalFleet(
            [Member(self.place, self.engine)],
            queue=queue,
            find_model=lambda name: name,
            model_names=lambda: ["tiny"],
            terms=Terms(),
            ranking=Ranking(clock=lambda: self.now[0]),
        )

    async def take(self, key: str, seconds: float = 1e9, most: int | None = None) -> Any:
        caller, decision = replace(self.world.caller(), key_id=key), self.world.decision(self.place)
        return await self.fleet.choose(decision, caller, NONE, self.now[0] + seconds, Said(most))

    async def answered(self, key: str, tokens: int, prompt: Any, told: bool = True) -> None:
        """Have one answered with so many tokens, a prompt of 100 before them."""
        times = Timings(100, 100 * PER_TOKEN, tokens, tokens * PER_TOKEN) if told else None
        end = Chunk((Choice(0, finish_reason="stop"),), Usage(100, tokens), timings=times)
        self.engine.chunks = [Chunk((Choice(0, content="a"),)), end]
        placement = await self.take(key)
        assert [chunk async for chunk in placement.answer(prompt)]
        placement.release()


@pytest.fixture
def stand(world: Any, monkeypatch: pytest.MonkeyPatch) -> Stand:
    return Stand(world, monkeypatch)


async def test_who_holds_the_slot_decides_how_long_the_next_one_would_wait(stand: Stand, prompt: Any) -> None:
    """Long answers are 500 tokens, 25 s; short ones 10, half a second; reading is 5 s."""
    for _ in range(12):
        await stand.answered("long", 500, prompt)
        await stand.answered("short", 10, prompt)

    held = await stand.take("long")
    with pytest.raises(LimitExceeded) as told:
        await stand.take("anybody", seconds=10)
    held.release()

    assert told.value.code == "fleet.wait_too_long"
    assert 10 <= (told.value.retry_after_seconds or 0) <= 30  # 30 s, of which it would wait 10
    held = await stand.take("short")
    waiting = asyncio.ensure_future(stand.take("anybody", seconds=10))
    await asyncio.sleep(0)
    held.release()
    (await waiting).release()


async def test_what_was_answered_already_is_not_waited_for(stand: Stand, prompt: Any) -> None:
    for _ in range(12):
        await stand.answered("long", 500, prompt)
    held = await stand.take("long", most=500)
    said = Chunk((Choice(0, content="a"),))
    stand.engine.chunks = [said] * 490
    assert len([chunk async for chunk in held.answer(prompt)]) == 490

    waiting = asyncio.ensure_future(stand.take("anybody", seconds=2))
    await asyncio.sleep(0)

    assert not waiting.done()  # ten tokens are half a second
    held.release()
    (await waiting).release()


async def test_a_bound_of_the_answer_is_a_bound_of_the_wait(stand: Stand, prompt: Any) -> None:
    for _ in range(12):
        await stand.answered("long", 500, prompt)
    held = await stand.take("long", most=20)  # 1 s of writing, 5 s of reading

    waiting = asyncio.ensure_future(stand.take("anybody", seconds=10))
    await asyncio.sleep(0)

    assert not waiting.done()
    held.release()
    (await waiting).release()


async def test_a_full_queue_says_when_those_in_it_will_have_been_served(
    world: Any, monkeypatch: pytest.MonkeyPatch, prompt: Any
) -> None:
    stand = Stand(world, monkeypatch, queue=2)
    for _ in range(12):
        await stand.answered("short", 10, prompt)
    held = await stand.take("short", most=10)
    waiting = [asyncio.ensure_future(stand.take("short", most=10)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(LimitExceeded) as told:
        await stand.take("short", most=10)

    assert told.value.code == "fleet.queue_full"
    assert told.value.retry_after_seconds == pytest.approx(3 * 5.5, rel=0.25)  # three before it, 5.5 s each
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    held.release()


async def test_before_the_engine_told_its_times_what_requests_took_counts(stand: Stand, prompt: Any) -> None:
    """Of a plain answer without times nobody can say what was reading and what writing."""
    plain = replace(prompt, stream=False)
    for _ in range(3):
        stand.engine.chunks = [Chunk((Choice(0, content="a", finish_reason="stop"),), Usage(100, 10))]
        placement = await stand.take("short")
        assert [chunk async for chunk in placement.answer(plain)]
        stand.now[0] += 40.0
        placement.release()
    held = await stand.take("short")

    with pytest.raises(LimitExceeded) as told:
        await stand.take("short", seconds=30)

    assert told.value.retry_after_seconds == pytest.approx(10.0)
    held.release()


async def test_eight_at_once_before_two_slots_are_all_answered_never_more_than_two_inside(
    world: Any, monkeypatch: pytest.MonkeyPatch, prompt: Any
) -> None:
    stand, inside, most, waited = Stand(world, monkeypatch, slots=2), 0, 0, 0
    (desk,) = stand.fleet.desks()

    async def one(number: int) -> int:
        nonlocal inside, most, waited
        placement = await stand.take(f"k{number}")
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        waited = max(waited, desk.waiting)
        count = len([chunk async for chunk in placement.answer(prompt)])
        inside -= 1
        placement.release()
        return count

    counts = await asyncio.gather(*(one(number) for number in range(8)))

    assert (counts, most, waited) == ([2] * 8, 2, 6)
    assert (desk.free, desk.waiting) == (2, 0)
