"""A target that was slow is asked again now and then, at a bounded loss; the clock is the test's own."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.fleet.choose.chooser import Chooser
from gateway.fleet.choose.terms import Ask, Candidate, Objective, Place, Score, Seen
from gateway.fleet.choose.trials import MOST_SECONDS, PAUSE_SECONDS, SHARE

ASK = Ask("m", prompt_tokens=100, max_tokens=100)
CPU = Place("cpu", 1_000_000_000)
USUAL, SLOW = Candidate("usual", "m", slots=4, place=CPU), Candidate("slow", "m", slots=4, place=CPU)


class World:
    """Two targets, the paces at which they really write, and a request each second."""

    def __init__(self, **paces: float) -> None:
        self.paces = paces
        self.chooser, self.now = Chooser(), 0.0
        self.sent: Counter[str] = Counter()
        self.lost = self.took = 0.0
        for target in paces:
            for _ in range(8):
                self._learn(target)

    def ask(self, usual: Candidate = USUAL, slow: Candidate = SLOW, objective: Objective | None = None) -> Score:
        """Choose for one request, have it answered at once, and learn from that."""
        self.now += 1.0
        score = self.chooser.rank([usual, slow], ASK, self.now, objective or Objective())[0]
        self.chooser.began(score.target, 0, self.now)
        self._learn(score.target)
        self.sent[score.target] += 1
        self.took += self.paces["usual"] * 100
        self.lost += max(0.0, self.paces[score.target] - self.paces["usual"]) * 100
        return score

    def _learn(self, target: str) -> None:
        seconds = self.paces[target]
        seen = Seen(
            prompt_tokens=100, prompt_seconds=10 * seconds, output_tokens=100, output_seconds=100 * seconds, cut=True
        )
        self.chooser.observe(target, "m", seen, CPU)


def test_one_that_was_slow_for_a_while_is_found_to_be_fast_again() -> None:
    world = World(usual=0.05, slow=0.2)
    assert [world.ask().target for _ in range(5)] == ["usual"] * 5

    world.paces["slow"] = 0.02
    for _ in range(1500):
        world.ask()

    assert [world.ask().target for _ in range(5)] == ["slow"] * 5


@pytest.mark.parametrize("factor", [1.5, 4.0, 10.0])
def test_one_that_stays_slow_is_asked_at_a_bounded_loss(factor: float) -> None:
    world = World(usual=0.05, slow=0.05 * factor)

    for _ in range(6000):
        world.ask()

    assert world.sent["slow"] >= 1
    assert world.lost <= 1.1 * SHARE * world.took
    assert world.sent["slow"] <= 6000 / PAUSE_SECONDS


def test_that_it_is_tried_is_said() -> None:
    world = World(usual=0.05, slow=0.06)

    why = Counter((score.target, score.why) for score in (world.ask() for _ in range(100)))

    assert set(why) == {("usual", "soonest"), ("slow", "trial")}


def test_nobody_is_kept_from_the_best_for_longer_than_the_most() -> None:
    world = World(usual=0.05, slow=0.05 + 1.1 * MOST_SECONDS / 100)

    for _ in range(200_000 // 100):
        world.now += 99.0
        world.ask()

    assert world.sent["slow"] == 0


@pytest.mark.parametrize(
    ("slow", "objective"),
    [
        (Candidate("slow", "m", slots=4, held=4, place=CPU), Objective()),
        (Candidate("slow", "m", slots=4, opens_in_seconds=1.0, place=CPU), Objective()),
        (Candidate("slow", "m", slots=4, displaces=("other",), place=CPU), Objective()),
        (SLOW, Objective("cheapest", limit_seconds=1000.0)),
        (Candidate("slow", "m", slots=4, place=Place("cpu", 10**9, cost=9.0)), Objective(limit_cost=1e-9)),
    ],
    ids=["full", "to be loaded", "to send another out", "cheapest is wanted", "too dear"],
)
def test_where_others_would_pay_for_it_it_is_not_tried(slow: Candidate, objective: Objective) -> None:
    world = World(usual=0.05, slow=0.06)

    for _ in range(300):
        world.ask(slow=slow, objective=objective)

    assert world.sent["slow"] == 0
