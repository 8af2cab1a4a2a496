"""The chooser: what was learned decides; nothing it says is ever no number; other tenants' prompts do not move it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.fleet.choose.chooser import Chooser
from gateway.fleet.choose.prefix import Hasher
from gateway.fleet.choose.terms import Ask, Candidate, Objective, Place, Score, Seen

FEW = settings(max_examples=40, deadline=None)
COUNTS = st.integers(0, 10**7)
SECONDS = st.floats(0.0, 1e5)
CANDIDATES = st.builds(
    Candidate,
    target=st.just("a"),
    model=st.just("m"),
    slots=st.integers(1, 64),
    held=st.integers(0, 64),
    waiting=st.integers(0, 300),
    waiting_prompt_tokens=COUNTS,
    waiting_output_tokens=SECONDS,
    unread_tokens=COUNTS,
    frees_in=st.lists(SECONDS, max_size=8).map(tuple),
    opens_in_seconds=SECONDS,
    place=st.builds(Place, device=st.sampled_from(["", "cpu: x", "gpu: y"]), weights_bytes=st.integers(0, 10**12)),
)
ASKS = st.builds(Ask, model=st.just("m"), prompt_tokens=COUNTS, max_tokens=st.none() | st.integers(0, 10**6))
SEENS = st.builds(
    Seen,
    batch=st.floats(1.0, 128.0),
    prompt_tokens=COUNTS,
    prompt_seconds=SECONDS,
    output_tokens=COUNTS,
    output_seconds=SECONDS,
    cached_tokens=COUNTS,
    expected_cached_tokens=COUNTS,
    first_seconds=SECONDS,
    cut=st.booleans(),
    told=st.booleans(),
)


def numbers(score: Score) -> Sequence[float]:
    return (score.first_seconds, score.total_seconds, score.wait_seconds, score.output_tokens, score.energy)


def taught(*seen: Seen) -> Chooser:
    chooser = Chooser()
    for each in seen:
        chooser.observe("a", "m", each)
    return chooser


@FEW
@given(CANDIDATES, ASKS, st.lists(SEENS, max_size=12))
def test_whatever_was_seen_what_is_predicted_is_a_number(candidate: Candidate, ask: Ask, seen: list[Seen]) -> None:
    (score,) = taught(*seen).rank([candidate], ask, now=0.0)

    assert all(math.isfinite(number) and number >= 0.0 for number in numbers(score))
    assert score.first_seconds <= score.total_seconds
    assert 0 <= score.cached_tokens <= ask.prompt_tokens


@FEW
@given(CANDIDATES, ASKS, st.lists(SEENS, max_size=6), st.integers(1, 300))
def test_a_longer_queue_never_looks_sooner(candidate: Candidate, ask: Ask, seen: list[Seen], more: int) -> None:
    chooser = taught(*seen)
    each = replace(candidate, waiting_prompt_tokens=0, waiting_output_tokens=0.0)
    longer = replace(each, waiting=each.waiting + more)

    (short,), (long,) = chooser.rank([each], ask, 0.0), chooser.rank([longer], ask, 0.0)

    assert long.wait_seconds >= short.wait_seconds


@FEW
@given(st.lists(st.tuples(st.integers(0, 3), st.text(min_size=1, max_size=4)), min_size=1, max_size=4))
def test_other_tenants_prompts_change_nothing(held: list[tuple[int, str]]) -> None:
    hasher, chooser = Hasher(), Chooser()
    text = "".join(text * 300 for _, text in held)
    blocks, ends = hasher.blocks_of("acme", "p", text)
    ask = Ask("m", prompt_tokens=len(text), blocks=blocks, block_tokens=ends)
    candidates = [Candidate("a", "m", slots=4), Candidate("b", "m", slots=4)]
    before = chooser.rank(candidates, ask, 0.0)

    for slot, other in held:
        chooser.ended("b", slot, hasher.blocks_of("other", "p", other * 300)[0])
        chooser.ended("b", slot + 4, hasher.blocks_of("other", "p", text)[0])
        chooser.ended("b", slot + 8, hasher.blocks_of("acme", "another profile", text)[0])

    assert chooser.rank(candidates, ask, 0.0) == before


def test_the_faster_target_is_chosen_once_it_was_seen() -> None:
    chooser = Chooser()
    candidates = [Candidate("slow", "m", slots=4), Candidate("fast", "m", slots=4)]
    assert chooser.rank(candidates, Ask("m", 500), 0.0)[0].target == "slow"

    chooser.observe("slow", "m", Seen(prompt_tokens=500, prompt_seconds=5.0, output_tokens=50, output_seconds=5.0))
    chooser.observe("fast", "m", Seen(prompt_tokens=500, prompt_seconds=0.1, output_tokens=50, output_seconds=0.5))

    first = chooser.rank(candidates, Ask("m", 500), 0.0)[0]
    assert (first.target, first.why) == ("fast", "soonest")


def test_the_target_that_holds_the_beginning_of_a_long_prompt_is_chosen() -> None:
    hasher, chooser = Hasher(), Chooser()
    text = "What the board said. " * 500
    blocks, ends = hasher.blocks_of("acme", "p", text)
    ask = Ask("m", prompt_tokens=len(text), blocks=blocks, block_tokens=ends)
    candidates = [Candidate("a", "m", slots=4), Candidate("b", "m", slots=4)]

    chooser.ended("b", 0, blocks[:-2])

    first = chooser.rank(candidates, ask, 0.0)[0]
    assert (first.target, first.cached_tokens) == ("b", ends[-3])
    chooser.began("b", 0, 0.0)
    assert chooser.rank(candidates, ask, 0.0)[0].target == "a"


def test_a_target_whose_cache_never_hits_is_not_trusted() -> None:
    hasher, chooser = Hasher(), Chooser()
    blocks, ends = hasher.blocks_of("acme", "p", "x" * 5000)
    ask = Ask("m", prompt_tokens=5000, blocks=blocks, block_tokens=ends)
    chooser.ended("a", 0, blocks)
    for _ in range(20):
        chooser.observe("a", "m", Seen(expected_cached_tokens=5000, cached_tokens=0))

    assert chooser.rank([Candidate("a", "m", slots=1)], ask, 0.0)[0].cached_tokens < 100


def test_the_cheapest_within_the_limit_is_chosen_and_the_soonest_where_none_is() -> None:
    chooser = Chooser()
    dear = Candidate("dear", "m", slots=4, place=Place("gpu", 10**9, cost=10.0))
    cheap = Candidate("cheap", "m", slots=4, place=Place("cpu", 10**9, cost=1.0))
    ask = Ask("m", 1000, max_tokens=100)

    def first(limit: float) -> Score:
        return chooser.rank([dear, cheap], ask, 0.0, Objective("cheapest", limit_seconds=limit))[0]

    assert (first(0.0).target, first(0.0).why) == ("cheap", "cheapest")
    assert first(1000.0).target == "cheap"
    assert first(3.0).target == "dear"
    assert (first(1e-9).target, first(1e-9).why) == ("dear", "over-limit")


def test_an_energy_that_nobody_knows_is_not_taken_for_none() -> None:
    chooser, ask = Chooser(), Ask("m", 1000, max_tokens=100)
    slow = Candidate("slow", "m", slots=4, place=Place("cpu", 10**9))
    thrifty = Candidate("thrifty", "m", slots=4, place=Place("cpu", 10**9, watts=10.0))
    quick = Candidate("quick", "m", slots=4, place=Place("gpu", 10**9, watts=3000.0))
    cheapest = Objective("cheapest")

    scores = chooser.rank([slow, quick], ask, 0.0, cheapest)

    assert [(score.target, score.energy > 0.0) for score in scores] == [("quick", True), ("slow", False)]
    (frugal, wasteful) = chooser.rank([quick, thrifty], ask, 0.0, cheapest)
    assert (frugal.target, wasteful.target) == ("thrifty", "quick")
    assert frugal.energy < wasteful.energy
    assert frugal.total_seconds > wasteful.total_seconds


def test_equals_stay_in_the_decisions_order() -> None:
    chooser = Chooser()
    names = ["c", "a", "b"]

    scores = chooser.rank([Candidate(name, "m", slots=2) for name in names], Ask("m"), 0.0)

    assert [score.target for score in scores] == names
