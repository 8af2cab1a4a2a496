"""Decisions are used again for a second at most, and only for the same question."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.domain import CallerFacts, Capability, CounterFacts, DataFacts, EnvFacts, PolicyInput, RequestFacts
from gateway.policy.answer import Answer
from gateway.policy.remembered import MOST, Known, Remembered

NOON = "2026-06-01T12:00:00.000Z"
QUESTION = PolicyInput(
    request=RequestFacts("01A", "chat", Capability.CHAT, "m", stream=False, tools=False, purpose="support"),
    caller=CallerFacts("k1", "t1", "p1", (), "muc", "DE", "DE"),
    data=DataFacts("internal", "DE", {"PERSON": "1"}, "d/1"),
    candidates=("a", "b"),
    env=EnvFacts("muc", "n1", NOON, 1),
)
OTHERS = {
    "model": replace(QUESTION, request=replace(QUESTION.request, model="other")),
    "stream": replace(QUESTION, request=replace(QUESTION.request, stream=True)),
    "tools": replace(QUESTION, request=replace(QUESTION.request, tools=True)),
    "purpose": replace(QUESTION, request=replace(QUESTION.request, purpose="other")),
    "declared class": replace(QUESTION, request=replace(QUESTION.request, declared_class="strict")),
    "endpoint": replace(QUESTION, request=replace(QUESTION.request, endpoint="other")),
    "key": replace(QUESTION, caller=replace(QUESTION.caller, key_id="k2")),
    "project": replace(QUESTION, caller=replace(QUESTION.caller, project="p2")),
    "class": replace(QUESTION, data=replace(QUESTION.data, data_class="strict")),
    "origin": replace(QUESTION, data=replace(QUESTION.data, collected_in="CN")),
    "entities": replace(QUESTION, data=replace(QUESTION.data, entities={"PERSON": "2-4"})),
    "candidates": replace(QUESTION, candidates=("a",)),
    "counters": replace(QUESTION, counters=CounterFacts("Beispiel AG", 2026, 1, 0)),
    "attempt": replace(QUESTION, env=replace(QUESTION.env, attempt=2)),
}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def known(until: str = "2026-06-01T23:59:59Z", facts: str = "r1") -> Known:
    return Known(Answer(True, (), (), facts, until), "D1")


def remembering(answer: Known, question: PolicyInput = QUESTION) -> tuple[Remembered, Clock]:
    clock = Clock()
    remembered = Remembered(clock=clock)
    remembered.put(remembered.key(question), answer, clock.now, question)
    return remembered, clock


def test_the_same_question_of_another_request_and_time_gets_the_same_answer() -> None:
    remembered, _ = remembering(known())
    again = replace(
        QUESTION, request=replace(QUESTION.request, id="01B"), env=replace(QUESTION.env, time="2026-06-01T12:00:00.9Z")
    )
    assert remembered.get(remembered.key(again), ("r1",)) == known()


@pytest.mark.parametrize("name", OTHERS)
def test_another_question_does_not(name: str) -> None:
    remembered, _ = remembering(known())
    assert remembered.get(remembered.key(OTHERS[name]), ("r1",)) is None


def test_every_field_of_the_input_but_two_makes_another_question() -> None:
    plain = {"request.id", "env.time", "version"}
    fields = {
        f"{part}.{field}" if hasattr(getattr(QUESTION, part), "__struct_fields__") else part
        for part in QUESTION.__struct_fields__
        for field in getattr(getattr(QUESTION, part), "__struct_fields__", ("",))
    }
    remembered = Remembered()
    same = set()
    for name in fields - {"version", "candidates", "counters", "data.status"}:
        part, field = name.split(".")
        value = getattr(getattr(QUESTION, part), field)
        other = {"x": "y"} if isinstance(value, dict) else not value if isinstance(value, bool) else f"{value}!"
        changed = replace(QUESTION, **{part: replace(getattr(QUESTION, part), **{field: other})})
        if remembered.key(changed) == remembered.key(QUESTION):
            same.add(name)
    assert same == plain - {"version"}


def test_no_decision_is_used_a_second_after_it_was_asked() -> None:
    remembered, clock = remembering(known())
    key = remembered.key(QUESTION)
    clock.now += 0.999
    assert remembered.get(key, ("r1",))
    clock.now += 0.001
    assert remembered.get(key, ("r1",)) is None


def test_nor_after_its_own_end() -> None:
    remembered, clock = remembering(known("2026-06-01T12:00:00.250Z"))
    key = remembered.key(QUESTION)
    clock.now += 0.249
    assert remembered.get(key, ("r1",))
    clock.now += 0.001
    assert remembered.get(key, ("r1",)) is None


def test_nor_under_other_facts() -> None:
    remembered, _ = remembering(known(facts="r1"))
    assert remembered.get(remembered.key(QUESTION), ("r2",)) is None
    assert remembered.get(remembered.key(QUESTION), ()) is None


@pytest.mark.parametrize("until", ["", NOON, "2026-06-01T11:59:59Z"])
def test_a_decision_that_does_not_say_until_when_or_has_ended_is_not_remembered(until: str) -> None:
    remembered, _ = remembering(known(until))
    assert remembered.get(remembered.key(QUESTION), ("r1",)) is None


def test_settings_can_forbid_it_and_cannot_prolong_it() -> None:
    clock = Clock()
    never, long = Remembered(0.0), Remembered(60.0, clock)
    for remembered in (never, long):
        remembered.put(remembered.key(QUESTION), known(), clock.now, QUESTION)
    assert never.get(never.key(QUESTION), ("r1",)) is None
    clock.now += 1.0
    assert long.get(long.key(QUESTION), ("r1",)) is None


def test_memory_is_bounded() -> None:
    remembered = Remembered(clock=Clock())
    for number in range(MOST + 1):
        remembered.put(b"%d" % number, known(), 100.0, QUESTION)
    assert remembered.get(b"0", ("r1",)) is None
    assert remembered.get(b"1", ("r1",)) and remembered.get(b"%d" % MOST, ("r1",))
