"""The simulated fleet itself: its engines, machines, traces and figures. Whoever chooses well is in the next file."""

import json
from math import inf

import pytest
from fleet.asks import BLOCK_TOKENS, Ask, blocks_of
from fleet.engine import Engine, Pace
from fleet.figures import KIND, ORACLE, OURS, Mean, from_data, markdown, mean, part, row
from fleet.machine import TURN_SECONDS, Build, Machine
from fleet.plot import svg
from fleet.rules import SIMPLE, KindOracle, LeastBusy, Oracle, PrefixHash
from fleet.traces import CODE, GENERAL, KINDS, trace
from fleet.world import FLEETS, View, asks_of, fleet_for, run
from hypothesis import given, settings
from hypothesis import strategies as st

PACE = Pace(slots=2, read_rate=100.0, step=0.1, more=0.05, chunk=10, long_tokens=10**12)


def ask(number: int = 1, at: float = 0.0, prompt: int = 200, output: int = 11, **others) -> Ask:
    pieces = others.pop("pieces", ((number, prompt),))
    return Ask(number, at, **{"tenant": "a", "app": "x", "model": GENERAL, **others}, pieces=pieces, output=output)


def answered(engine: Engine) -> dict[int, float]:
    found = {}
    while engine.next_at != inf:
        done = engine.happen()
        if done is not None:
            found[done.held.ask.number] = done.at
    return found


def test_one_alone_takes_its_reading_and_a_step_for_each_further_token():
    engine = Engine(PACE)
    engine.put(ask(prompt=200, output=11), 0.0)

    assert answered(engine) == {1: pytest.approx(2.0 + 10 * 0.1)}


def test_a_prompt_slows_the_answers_beside_it_and_they_slow_it():
    engine = Engine(PACE)
    engine.put(ask(1, prompt=100, output=11), 0.0)
    while engine.next_at < 1.5:
        engine.happen()
    engine.put(ask(2, prompt=100, output=11), 1.5)  # the first has answered 1 + 5 tokens by then

    found = answered(engine)

    # A step with 10 tokens of a prompt beside one answer takes 0.2 s: 5 steps end the answer, when half is read.
    assert found[1] == pytest.approx(1.5 + 5 * 0.2)
    assert found[2] == pytest.approx(2.5 + 0.5 + 10 * 0.1)


def test_who_finds_no_slot_waits_for_the_first_that_is_free():
    engine = Engine(PACE)
    for number in (1, 2, 3):
        engine.put(ask(number, prompt=100, output=1), 0.0)

    assert (engine.inside, len(engine.queue)) == (2, 1)
    assert answered(engine) == {1: pytest.approx(1.0), 2: pytest.approx(2.0), 3: pytest.approx(3.0)}


@pytest.mark.parametrize(("tenant", "seconds"), [("a", 0.5), ("b", 2.5)])
def test_a_prompt_that_begins_alike_is_read_from_where_they_part_by_its_own_tenant_alone(tenant, seconds):
    engine = Engine(PACE)
    engine.put(ask(1, prompt=200, output=1), 0.0)
    began = answered(engine)[1]
    engine.put(ask(2, began, tenant=tenant, pieces=((1, 200), (9, 50)), output=1), began)

    assert answered(engine)[2] - began == pytest.approx(seconds)


def test_a_prompt_gets_the_slot_that_holds_most_of_it_else_a_fresh_one_else_the_oldest():
    engine = Engine(Pace(slots=3, read_rate=100, step=0.1, more=0.05, chunk=10))
    for number in (1, 2):
        engine.put(ask(number, prompt=10, output=1), engine.now)
    answered(engine)

    assert engine.slot_for(ask(3, pieces=((2, 10), (3, 5)))) == (1, 10)
    assert engine.slot_for(ask(4)) == (2, 0)
    engine.put(ask(5, prompt=10, output=1), engine.now)
    answered(engine)
    assert engine.slot_for(ask(6)) == (0, 0)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 300), st.integers(1, 40)), min_size=1, max_size=20))
def test_everybody_is_answered_once_and_no_slot_is_held_twice(wanted):
    engine, at, found = Engine(PACE), 0.0, []
    for number, (gap, prompt, output) in enumerate(wanted):
        at += gap
        while engine.next_at <= at:
            done = engine.happen()
            found += [done.held.ask.number] if done else []
        engine.put(ask(number, at, prompt, output), at)
        slots = [held.slot for held in engine.reading] + [held.slot for _, _, held in engine.answering]
        assert len(slots) == len(set(slots)) <= PACE.slots
        assert engine.free.isdisjoint(slots)

    assert sorted(found + list(answered(engine))) == list(range(len(wanted)))


def test_a_copy_has_the_same_future_and_its_future_changes_nothing():
    engine = Engine(PACE)
    for number in (1, 2, 3):
        engine.put(ask(number), 0.0)

    assert answered(engine.copy()) == answered(engine.copy()) == answered(engine)


def machine() -> Machine:
    return Machine(Build("m", {GENERAL: PACE, CODE: PACE}, 4.0, GENERAL))


def test_an_absent_model_is_loaded_at_once_where_nobody_is_inside():
    found = machine()
    found.put(ask(1, 2.0, prompt=100, output=1, model=CODE), 2.0)

    assert found.next_at == 6.0
    assert found.happen() is None
    done = found.happen()
    assert done is not None
    assert (found.resident, done.at) == (CODE, pytest.approx(7.0))


def test_who_serves_has_a_turn_while_others_wait_and_then_answers_who_is_inside():
    found = machine()
    for number in range(1, 40):
        found.put(ask(number, prompt=100, output=1), 0.0)
    found.put(ask(40, 0.0, prompt=100, output=1, model=CODE), 0.0)
    order = []
    while found.next_at != inf:
        done = found.happen()
        if done is not None:
            order.append((done.held.ask.number, done.at))

    place = [number for number, _ in order].index(40)
    assert TURN_SECONDS <= order[place - 1][1] <= TURN_SECONDS + 2 * 1.0 + 1e-6
    assert order[place][1] == pytest.approx(order[place - 1][1] + 4.0 + 1.0)
    assert sorted(number for number, _ in order) == list(range(1, 41))


def test_what_the_oracle_foresees_is_what_happens_when_nobody_comes_later():
    found = machine()
    for number, model in enumerate((GENERAL, CODE, GENERAL, GENERAL)):
        found.put(ask(number, prompt=70, model=model), 0.0)
    last = ask(9, 1.0, model=CODE)
    foreseen = found.ends(last, 1.0)
    found.put(last, 1.0)

    ends = {}
    while found.next_at != inf:
        done = found.happen()
        if done is not None:
            ends[done.held.ask.number] = done.at
    assert ends[9] == foreseen


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_seed_gives_the_same_requests_in_order_at_about_the_rate_that_was_asked_for(kind):
    found = trace(kind, 3, 1200, 5.0)

    assert found == trace(kind, 3, 1200, 5.0) != trace(kind, 4, 1200, 5.0)
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert [each.number for each in found] == list(range(1200))
    assert 3.0 < len(found) / found[-1].at < 8.0


def test_a_later_turn_contains_what_was_said_before():
    found = trace("chat", 1, 400, 2.0)
    answers = {each.answer: each for each in found}
    later = [each for each in found if any(number in answers for number, _ in each.pieces)]

    assert len(later) > 100
    for each in later:
        before = answers[[number for number, _ in each.pieces if number in answers][-1]]
        assert each.shares(before.after) == before.prompt + before.output


def test_blocks_are_equal_as_far_as_all_before_them_is():
    first = blocks_of(((1, 70), (2, 100)))
    other = blocks_of(((1, 70), (3, 100)))

    assert len(first) == 170 // BLOCK_TOKENS
    assert [a == b for a, b in zip(first, other, strict=True)] == [True, True, False, False, False]
    assert blocks_of(((4, 70), (2, 100)))[2:] != first[2:]


def test_the_hash_ring_keeps_a_conversation_together_until_its_target_has_its_bound():
    views = [View(name, 8, 0, 0, 0.0) for name in ("a", "b", "c")]
    ring, one = PrefixHash(), ask(7)
    chosen = ring.choose(one, views, {}, 0.0)

    assert {ring.choose(one, views, {}, 0.0) for _ in range(5)} == {chosen}
    full = [View(view.id, 8, 8 if view.id == chosen else 0, 0, 0.0) for view in views]
    assert ring.choose(one, full, {}, 0.0) != chosen


def test_simple_rules_load_nothing_where_a_target_has_the_model():
    views = [View("absent", 8, 0, 0, 6.0), View("there", 8, 8, 9, 0.0)]

    assert {rule().choose(ask(), views, {}, 0.0) for rule in SIMPLE.values()} == {"there"}


@pytest.mark.parametrize("rule", [Oracle, KindOracle, LeastBusy])
def test_a_run_answers_everybody_and_does_so_again_to_the_digit(rule):
    fleet = fleet_for("plant", "mixed")
    asks = asks_of(fleet, "mixed", 0.7, 5, 80)

    first = run(fleet, asks, rule())

    assert sorted(each.ask.number for each in first) == list(range(80))
    assert all(0 <= each.waited <= each.first <= each.end for each in first)
    assert first == run(fleet, asks, rule())


def test_every_fleet_serves_every_model():
    for fleet in FLEETS.values():
        assert {model for build in fleet for model in build.paces} == {GENERAL, CODE}
        assert all(build.first in build.paces for build in fleet)


def test_the_excess_is_the_part_of_the_best_rules_that_is_left():
    assert part(1.1, 1.4, 1.0) == pytest.approx(0.25)
    assert part(0.9, 1.4, 1.0) == pytest.approx(-0.25)
    assert part(1.1, 0.9, 1.0) == inf
    assert part(0.9, 0.8, 1.0) == 0.0


def test_a_mean_has_the_interval_of_students_t():
    assert mean([1.0]) == Mean(1.0, 0.0)
    assert mean([1.0, 2.0, 3.0]).within == pytest.approx(4.30 / 3**0.5)


def test_a_row_compares_seed_by_seed_and_its_table_and_picture_are_whole():
    found = row(
        "chat", 0.5, {OURS: [1.1, 2.2], ORACLE: [1.0, 2.0], KIND: [1.0, 1.9], **{key: [2.0, 3.0] for key in SIMPLE}}
    )

    assert (found.ratio.value, found.ratio.within) == (pytest.approx(1.1), pytest.approx(0.0, abs=1e-9))
    assert found.is_reached
    assert "| chat | 50% | 2 | 1.50 | 1.10 ± 0.00 |" in markdown([found])
    assert svg([found]).count("<polyline") == 2 * 6


def test_the_page_shows_the_table_and_the_picture_of_the_figures_beside_it(repository):
    found = json.loads((repository / "docs" / "assets" / "choosing.json").read_text(encoding="utf-8"))
    rows = from_data(found["rows"])
    page = (repository / "docs" / "explanation" / "choosing-simulated.md").read_text(encoding="utf-8")

    assert markdown(rows) in page
    assert f"{found['requests']} requests" in page
    assert (repository / "docs" / "assets" / "choosing.svg").read_text(encoding="utf-8") == svg(rows)
