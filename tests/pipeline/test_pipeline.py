"""The life of a request: what comes before what, who is told, and what is given back, whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.domain import Choice, Chunk, CounterFacts, Energy, Target
from gateway.errors import (
    AuditUnavailable,
    BadRequest,
    DetectorUnavailable,
    EngineUnavailable,
    LimitExceeded,
    ModelNotFound,
    OutputBlocked,
    PolicyDenied,
    PolicyUnavailable,
    SekishoError,
    Unauthenticated,
)
from gateway.telemetry.energy import EnergyMeter


async def test_a_request_passes_all_rooms_in_order(house: Any, visit: Any) -> None:
    assert await visit() == ["hello"]
    assert house.diary == [
        "identify",
        "reserve",
        "unpack",
        "detect",
        "decide",
        "choose",
        "tokens 22",
        "redact for a",
        "intent 1 a D1",
        "engine a",
        "durable 1",
        "caller reads",
        "caller reads",
        "engine a ends",
        "outcome 1 done",
        "slot back",
        "settled 5+1",
    ]
    assert house.denials == []


async def test_the_prompt_leaves_redacted_and_the_answer_comes_back_restored(
    house: Any, visit: Any, script: Any
) -> None:
    house.engines["a"].script = script("you said <TAG>")

    assert await visit() == ["you said SECRET"]
    assert "SECRET" not in str(house.engines["a"].prompts)
    assert house.outcomes[0].restored == 1
    assert house.outcomes[0].redactions == {"PERSON": 1}


class Stops:
    """A guard that lets chunks pass up to the one with a word."""

    def __init__(self, word: str, error: SekishoError) -> None:
        self.word, self.error, self.counts = word, error, {"PERSON": 1}

    async def feed(self, chunk: Any) -> Any:
        if any(self.word in (choice.content or "") for choice in chunk.choices):
            raise self.error
        return chunk

    async def flush(self) -> None:
        return None


@pytest.mark.parametrize("error", [OutputBlocked(), DetectorUnavailable(code="privacy.detector_timeout")])
@pytest.mark.parametrize("words", [("<TAG>", "bad", "more"), ("bad",)])
async def test_a_guard_that_refuses_ends_the_answer_with_its_code(
    house: Any, visit: Any, script: Any, error: SekishoError, words: tuple[str, ...]
) -> None:
    house.engines["a"].script = script(*words)
    house.guard = Stops("bad", error)

    with pytest.raises(type(error)):
        await visit()

    assert house.diary.count("caller reads") == words.index("bad")
    assert house.diary[-4:-1] == ["engine a ends", f"outcome 1 failed {error.code}", "slot back"]
    assert house.decisions == 1  # it is not tried elsewhere


async def test_a_prompt_leaves_the_machine_only_when_its_intent_is_durable(house: Any, visit: Any) -> None:
    remote = house.engines["a"]
    remote.target = type(remote.target)("a", "m", remote.target.capabilities, "other", "n2", "DE", same_node=False)

    await visit()

    assert house.diary.index("durable 1") < house.diary.index("engine a")


REFUSALS: list[tuple[str, SekishoError]] = [
    ("identify", Unauthenticated()),
    ("reserve", LimitExceeded()),
    ("unpack", BadRequest()),
    ("candidates", ModelNotFound()),
    ("detect", DetectorUnavailable()),
    ("policy", PolicyUnavailable()),
    ("choose", LimitExceeded(code="fleet.queue_full")),
    ("tokens", LimitExceeded(code="limits.tokens")),
    ("intent", AuditUnavailable()),
]


@pytest.mark.parametrize(("room", "error"), REFUSALS, ids=[room for room, _ in REFUSALS])
async def test_whatever_refuses_is_one_denial_and_no_prompt_leaves(
    house: Any, visit: Any, room: str, error: SekishoError
) -> None:
    house.faults[room] = error

    with pytest.raises(type(error)):
        await visit()

    assert house.denials == [error.code]
    assert not house.engines["a"].prompts
    assert house.diary.count("slot back") == sum(line.startswith("tokens") for line in house.diary)
    assert house.diary.count("settled") == int(room not in ("identify", "reserve"))


async def test_what_the_project_declared_raises_the_class(house: Any, visit: Any) -> None:
    house.project_floor = "strict"

    await visit()

    assert [question.data.data_class for question in house.questions] == ["strict"]


async def test_a_decision_that_allows_no_target_is_a_denial_with_its_reason(house: Any, visit: Any) -> None:
    house.allowed = []

    with pytest.raises(PolicyDenied) as refused:
        await visit()

    assert (refused.value.code, refused.value.decision_id) == ("policy.residency", "D1")
    assert house.denials == ["policy.residency"]


async def test_an_engine_that_fails_before_its_first_byte_is_left_for_another(house: Any, visit: Any) -> None:
    house.engines["a"].script = [EngineUnavailable()]

    assert await visit() == ["hello"]
    relay = [line for line in house.diary if line.startswith(("decide", "redact", "intent", "outcome"))]
    assert relay == [
        *("decide", "redact for a", "intent 1 a D1", "outcome 1 failed engine.unavailable"),
        *("decide", "redact for b", "intent 2 b D2", "outcome 2 done"),
    ]


async def test_three_failures_are_enough(house: Any, visit: Any) -> None:
    house.add_engines("c", "d")
    for engine in house.engines.values():
        engine.script = [EngineUnavailable()]

    with pytest.raises(EngineUnavailable):
        await visit()

    assert [outcome.status for outcome in house.outcomes] == ["failed"] * 3
    assert house.diary.count("slot back") == 3
    assert house.questions[-1].env.attempt == 3


async def test_without_another_target_the_failed_attempt_keeps_its_outcome(house: Any, visit: Any) -> None:
    house.allowed = ["a"]
    house.engines["a"].script = [EngineUnavailable()]

    with pytest.raises(EngineUnavailable):
        await visit()

    assert [outcome.status for outcome in house.outcomes] == ["failed"]
    assert house.denials == ["engine.unavailable"]


async def test_after_the_first_byte_nothing_is_tried_again(house: Any, visit: Any) -> None:
    house.engines["a"].script = [Chunk((Choice(0, content="half"),)), EngineUnavailable(code="engine.interrupted")]

    with pytest.raises(EngineUnavailable):
        await visit()

    assert house.diary.count("caller reads") == 1
    assert [line for line in house.diary if line.startswith(("intent", "outcome"))] == [
        "intent 1 a D1",
        "outcome 1 failed engine.interrupted",
    ]


async def test_an_answer_whose_intent_cannot_be_made_durable_is_withheld(house: Any, visit: Any) -> None:
    house.faults["durable"] = AuditUnavailable()

    with pytest.raises(AuditUnavailable):
        await visit()

    assert "caller reads" not in house.diary
    assert house.diary[-4:] == ["engine a ends", "outcome 1 failed audit.unavailable", "slot back", "settled"]


async def test_a_caller_that_hangs_up_mid_stream_frees_the_engine_and_gets_its_outcome(house: Any) -> None:
    async def hang_up_after_one() -> None:
        async with house.checkpoint().passage(house.arrival()) as passage:
            await passage.admit()
            async for _ in passage.answer():
                task.cancel()
                await asyncio.sleep(0)

    task = asyncio.ensure_future(hang_up_after_one())
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)

    assert house.outcomes[0].status == "hung_up"
    assert "slot back" in house.diary


async def test_a_caller_that_hangs_up_in_the_queue_leaves_nothing_behind(house: Any, visit: Any) -> None:
    house.queue_seconds = 30.0
    waiting = asyncio.ensure_future(visit())
    await asyncio.sleep(0.01)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert house.diary[-1] == "settled"
    assert house.denials == house.outcomes == []


async def test_a_decision_that_stood_in_the_queue_is_asked_for_again(house: Any, visit: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway.attempt.DECISION_SECONDS", 0.001)
    house.queue_seconds = 0.01

    await visit()

    assert house.diary.count("decide") == 2
    assert "intent 1 a D2" in house.diary


async def test_a_defect_still_ends_in_an_outcome(house: Any, visit: Any) -> None:
    house.engines["a"].script = [ZeroDivisionError()]

    with pytest.raises(ZeroDivisionError):
        await visit()

    assert (house.outcomes[0].status, house.outcomes[0].code) == ("failed", "internal")
    assert "slot back" in house.diary


async def test_what_a_cut_short_answer_used_is_charged_by_an_upper_bound(house: Any, visit: Any) -> None:
    house.engines["a"].script = [Chunk((Choice(0, content="half"),)), EngineUnavailable()]

    with pytest.raises(EngineUnavailable):
        await visit(text="twelve bytes")

    assert house.diary[-1] == "settled 12+1"


class Crossing:
    """Persons that a fake policy counted in."""

    def __init__(self, house: Any) -> None:
        self.facts = CounterFacts("Beispiel AG", 2026, 1, 0)
        self._house = house

    def settle(self, target: Target, caller: Any) -> None:
        self._house.step(f"persons go with {target.id}", "settle")

    def release(self) -> None:
        self._house.step("persons given back")


async def test_persons_are_counted_before_the_decision_and_written_before_the_intent(house: Any, visit: Any) -> None:
    house.crossing = lambda values: Crossing(house)

    await visit()

    diary = [line for line in house.diary if line.startswith(("decide", "persons", "intent", "outcome"))]
    assert diary == ["decide", "persons go with a", "intent 1 a D1", "outcome 1 done", "persons given back"]
    assert house.questions[0].counters.all == 1


async def test_persons_that_cannot_be_written_keep_the_prompt_here(house: Any, visit: Any) -> None:
    house.crossing = lambda values: Crossing(house)
    house.faults["settle"] = AuditUnavailable()

    with pytest.raises(AuditUnavailable):
        await visit()

    assert not [line for line in house.diary if line.startswith(("intent", "engine"))]
    assert "persons given back" in house.diary


class Counted:
    """A processor's counter that moves by 90 mJ with each look."""

    def wake(self) -> None: ...

    def rest(self) -> None: ...

    def read(self) -> float:
        return 90_000.0


async def test_what_an_answer_used_is_on_record_and_learned(house: Any, visit: Any) -> None:
    house.meter = EnergyMeter({"cpu": [Counted()]})

    await visit()

    (learned,) = house.drawn
    assert house.outcomes[0].energy_mj == learned.own_mj == 90
    assert house.outcomes[0].energy_beside_mj is None


async def test_what_another_machine_measured_is_on_record_and_learned(house: Any, visit: Any) -> None:
    house.energy = Energy(own_mj=700, target_mj=1400, seconds=2.0, beside_mj=30)
    for engine in house.engines.values():
        engine.target = msgspec.structs.replace(engine.target, same_node=False)

    await visit()

    assert (house.outcomes[0].energy_mj, house.outcomes[0].energy_beside_mj) == (700, 30)
    assert house.drawn == [house.energy]


async def test_where_nothing_measures_there_is_no_figure(house: Any, visit: Any) -> None:
    await visit()

    assert house.outcomes[0].energy_mj is None
    assert house.drawn == [None]
