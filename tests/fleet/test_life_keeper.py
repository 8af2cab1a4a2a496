"""Engines that come and go under requests: started once, on record, never ended in an answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from life_house import Node

from gateway.errors import AuditUnavailable, EngineUnavailable, LimitExceeded, SetupError


@pytest.fixture
async def node() -> AsyncIterator[Callable[..., Node]]:
    """Make nodes; what runs in them at the end is ended."""
    made: list[Node] = []

    def make(*args: Any, **said: Any) -> Node:
        made.append(Node(*args, **said))
        return made[-1]

    yield make
    for each in made:
        await each.keeper.stop()


async def test_the_first_model_is_there_after_the_start_and_others_when_asked(node: Any) -> None:
    place = node({"a": 40, "b": 40})
    await place.keeper.start()

    assert (place.state("a"), place.state("b")) == ("serving", "absent")
    assert await place.ask("b") == "ab"
    assert place.diary == ["start a", "model.loaded a", "start b", "model.loaded b"]


async def test_requests_for_an_absent_model_share_one_load(node: Any) -> None:
    place = node({"a": 40})

    answers = await asyncio.gather(*(place.ask("a") for _ in range(5)))

    assert answers == ["ab"] * 5
    assert place.diary == ["start a", "model.loaded a"]


async def test_a_model_makes_room_only_after_its_last_answer(node: Any) -> None:
    place = node({"a": 60, "b": 60}, turn_seconds=0.0)
    held = await place.choose("a")
    waiting = asyncio.ensure_future(place.ask("b"))
    await place.settle()
    assert (place.state("a"), place.state("b")) == ("draining", "reserved")

    held.release()

    assert await waiting == "ab"
    assert place.diary[2:] == ["stop a", "model.unloaded a", "start b", "model.loaded b"]


async def test_who_waits_for_a_slot_of_a_draining_model_is_served_when_it_is_back(node: Any) -> None:
    place = node({"a": 60, "b": 60}, turn_seconds=0.0)
    held = await place.choose("a")
    for_a = asyncio.ensure_future(place.ask("a"))
    await place.settle()
    for_b = asyncio.ensure_future(place.ask("b"))
    await place.settle()
    held.release()

    assert await asyncio.gather(for_a, for_b) == ["ab", "ab"]
    assert [line for line in place.diary if "start" in line] == ["start a", "start b", "start a"]


async def test_those_who_wait_for_a_load_that_fails_are_told_and_nothing_is_kept(node: Any) -> None:
    place = node({"a": 40})
    place.faults["a"] = EngineUnavailable("It did not start.", code="engine.start_failed")

    ends = await asyncio.gather(*(place.ask("a") for _ in range(3)), return_exceptions=True)

    assert {getattr(end, "code", end) for end in ends} == {"engine.start_failed"}
    assert place.keeper.rules.ledger.taken() == {"ram": 0}
    assert place.diary == ["start a", "stop a", "model.failed a"]
    with pytest.raises(EngineUnavailable) as refusal:  # at once, until the pause is over
        await place.ask("a")
    assert refusal.value.retry_after_seconds == 1
    assert place.diary == ["start a", "stop a", "model.failed a"]


async def test_after_the_pause_a_failed_load_is_tried_again(node: Any) -> None:
    place = node({"a": 40})
    place.faults["a"] = [EngineUnavailable(), None]
    with pytest.raises(EngineUnavailable):
        await place.ask("a")

    place.clock[0] = 1.0

    assert await place.ask("a") == "ab"


async def test_a_file_that_is_not_what_it_should_be_takes_no_other_model_along(node: Any) -> None:
    place = node({"a": 40, "b": 40})
    place.faults["a"] = SetupError("/secret/place is not what the manifest says.", "Mend it.")

    with pytest.raises(EngineUnavailable) as refusal:
        await place.ask("a")

    assert (refusal.value.code, "/secret" in refusal.value.message) == ("fleet.model_unfit", False)
    assert await place.ask("b") == "ab"
    assert "/secret/place" in dict(place.records)["model.failed"]["problem"]


async def test_another_target_is_chosen_when_the_load_of_the_first_fails(node: Any) -> None:
    place = node({"a": 40, "b": 40})
    place.faults["a"] = EngineUnavailable()

    assert (await place.choose("a", "b")).target.model == "b"


async def test_a_house_whose_only_model_fails_does_not_open(node: Any) -> None:
    place = node({"a": 40})
    place.faults["a"] = SetupError("Not there.", "Add it.")

    with pytest.raises(SetupError, match="Not there"):
        await place.keeper.start()


async def test_a_house_opens_while_one_of_its_models_answers(node: Any) -> None:
    place = node({"a": 40, "b": 40}, b={"pinned": True})
    place.faults["a"] = SetupError("Not there.", "Add it.")

    await place.keeper.start()

    assert await place.ask("b") == "ab"
    assert place.fleet.ready()


async def test_the_queue_for_a_load_is_bounded_and_tells_when_to_come_back(node: Any) -> None:
    place = node({"a": 60, "b": 60}, queue=2)
    await place.keeper.start()
    place.keeper.rules.residents["b"].load_seconds = 7.0
    place.gates["b"] = asyncio.Event()
    waiting = [asyncio.ensure_future(place.ask("b")) for _ in range(3)]  # one slot, and two who may wait
    await place.settle()
    place.clock[0] = 2.0

    with pytest.raises(LimitExceeded) as refusal:
        await place.ask("b")

    assert (refusal.value.code, refusal.value.retry_after_seconds) == ("fleet.queue_full", 5.0)
    place.gates["b"].set()
    assert await asyncio.gather(*waiting) == ["ab"] * 3


async def test_a_device_with_less_than_it_said_refuses_the_load_and_nobody_is_sent_out(node: Any) -> None:
    place = node({"a": 40, "b": 40})
    await place.keeper.start()
    place.free = {"ram": 39}

    with pytest.raises(EngineUnavailable) as refusal:
        await place.ask("b")

    assert (refusal.value.code, "39" in refusal.value.message) == ("fleet.no_room", False)
    assert place.keeper.rules.residents["b"].problem == "It needs 40 MiB of ram, free are 39."
    assert place.state("a") == "serving"


async def test_what_cannot_be_put_on_record_does_not_serve(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = node({"a": 40})

    def refuse(type: str, details: Any) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(place, "_tell", refuse)
    object.__setattr__(place.keeper._hands, "tell", refuse)  # the loader's own, too

    with pytest.raises(EngineUnavailable):
        await place.ask("a")

    assert place.diary == ["start a", "stop a"]


async def test_a_cancelled_wait_gives_the_claim_back(node: Any) -> None:
    place = node({"a": 60, "b": 60})
    held = await place.choose("a")
    waiting = asyncio.ensure_future(place.ask("b"))
    await place.settle()

    waiting.cancel()
    await place.settle()

    assert (place.state("b"), place.keeper.rules.ledger.claimed()) == ("absent", {"ram": 0})
    held.release()
    assert place.state("a") == "serving"


async def test_operators_load_send_out_and_pin(node: Any) -> None:
    place = node({"a": 60, "b": 60})
    await place.keeper.start()

    await place.keeper.ordered("b")
    assert (place.state("a"), place.state("b")) == ("absent", "serving")
    await place.keeper.dismissed("b")
    assert place.state("b") == "absent"
    place.keeper.pin("a", True)
    await place.settle()

    assert place.state("a") == "serving"
    with pytest.raises(EngineUnavailable) as refusal:
        await place.keeper.ordered("b")
    assert refusal.value.code == "fleet.no_room"


async def test_an_order_that_another_operator_takes_back_ends(node: Any) -> None:
    place = node({"a": 60, "b": 60})
    held = await place.choose("a")
    ordered = asyncio.ensure_future(place.keeper.ordered("b"))
    await place.settle()

    await place.keeper.dismissed("b")

    with pytest.raises(EngineUnavailable):
        await ordered
    await place.settle()
    assert place.keeper.rules.ledger.claimed() == {"ram": 0}
    held.release()


async def test_an_order_for_what_was_to_leave_and_may_stay_ends(node: Any) -> None:
    place = node({"a": 60, "b": 60}, turn_seconds=0.0)
    held = await place.choose("a")
    waiting = asyncio.ensure_future(place.ask("b"))
    await place.settle()
    ordered = asyncio.ensure_future(place.keeper.ordered("a"))
    await place.settle()
    assert place.state("a") == "draining"

    waiting.cancel()
    await ordered

    assert place.state("a") == "serving"
    held.release()


async def test_what_an_operator_sends_out_while_it_makes_room_leaves_in_any_case(node: Any) -> None:
    place = node({"a": 60, "b": 60}, turn_seconds=0.0)
    held = await place.choose("a")
    waiting = asyncio.ensure_future(place.ask("b"))
    await place.settle()
    sent_out = asyncio.ensure_future(place.keeper.dismissed("a"))
    waiting.cancel()
    await place.settle()

    held.release()
    await sent_out

    assert place.state("a") == "absent"


async def test_an_engine_that_is_restarting_is_unavailable_for_a_moment(node: Any) -> None:
    place = node({"a": 60})
    await place.keeper.start()
    place.engines["a"][0].up = False

    with pytest.raises(EngineUnavailable) as refusal:
        await place.ask("a")

    assert (refusal.value.code, refusal.value.retry_after_seconds) == ("engine.unavailable", 2)
    assert not place.fleet.ready()
    place.engines["a"][0].up = True
    assert await place.ask("a") == "ab"


async def test_an_engine_that_gives_no_token_any_more_is_started_anew(node: Any) -> None:
    place = node({"a": 40}, a={"pinned": True})
    await place.keeper.start()
    place.engines["a"][0].mute = True
    place.clock[0] = 60.0

    await place.keeper.check_health()
    await place.settle()

    assert await place.ask("a") == "ab"
    assert place.diary[2:] == ["stop a", "model.unloaded a", "start a", "model.loaded a"]


@pytest.mark.parametrize(("asked", "proofs"), [(True, 0), (False, 1)])
async def test_an_answer_is_proof_enough_and_a_proof_is_no_use(node: Any, asked: bool, proofs: int) -> None:
    place = node({"a": 40}, a={"ttl_seconds": 90.0})
    await place.keeper.start()
    engine, before = place.engines["a"][0], place.engines["a"][0].answered
    place.clock[0] = 59.0
    if asked:
        await place.ask("a")
        before += 1
    place.clock[0] = 60.0

    await place.keeper.check_health()

    assert engine.answered - before == proofs
    place.clock[0] = 90.0
    place.keeper.look()
    await place.settle()
    assert place.state("a") == ("serving" if asked else "absent")


async def test_an_engine_in_use_is_not_asked_for_a_proof(node: Any) -> None:
    place = node({"a": 40})
    held = await place.choose("a")
    before, place.clock[0] = place.engines["a"][0].answered, 60.0

    await place.keeper.check_health()

    assert place.engines["a"][0].answered == before
    held.release()


async def test_a_new_engine_holds_nobodys_prompt(node: Any) -> None:
    place = node({"a": 40})
    await place.ask("a")
    await place.keeper.dismissed("a")

    placement = await place.choose("a")

    assert not placement.reuse_cache
    placement.release()


async def test_the_record_of_a_load_says_what_was_loaded_and_what_it_took(node: Any) -> None:
    place = node({"a": 40})
    place.took = {"ram": 44}

    await place.ask("a")

    (type, said), *_ = place.records
    assert type == "model.loaded"
    assert said == {
        "model": "a", "digest": "", "device": "cpu: scripted", "engine": "scripted/1", "load_ms": 0,
        "reserved_mib": {"ram": 40}, "measured_mib": {"ram": 44},
    }  # fmt: skip
    assert place.keeper.rules.ledger.of("a") == {"ram": 44}
    assert place.fleet.targets()[0].build == "scripted/1"


@given(seed=st.integers(0, 2**32), slots=st.integers(1, 2), turn=st.sampled_from([0.0, 1.0]))
def test_for_all_storms_nobody_fails_and_no_answer_is_cut(seed: int, slots: int, turn: float) -> None:
    async def storm() -> None:
        chance = random.Random(seed)
        place = Node({"a": 60, "b": 60, "c": 90}, slots=slots, queue=100, turn_seconds=turn)
        tasks = []
        for _ in range(60):
            tasks.append(asyncio.ensure_future(place.ask(chance.choice("aabc"))))
            if chance.random() < 0.2:
                chance.choice(tasks).cancel()
            if chance.random() < 0.7:
                await asyncio.sleep(0)
        while not all(task.done() for task in tasks):
            place.clock[0] += 0.5
            place.keeper.look()  # its timer keeps the loop's time, not the test's
            await asyncio.sleep(0)
        failed = [task for task in tasks if not task.cancelled() and task.exception()]
        await place.keeper.stop()

        assert failed == []
        assert {task.result() for task in tasks if not task.cancelled()} <= {"ab"}
        residents = place.keeper.rules.residents.values()
        assert [(each.held, each.waiting) for each in residents] == [(0, 0)] * 3

    asyncio.run(asyncio.wait_for(storm(), 60))
