"""The gateway's chooser on the simulated fleet, in short: fixed seeds, no clock, so the same figures on any machine."""

import pytest
from fleet.figures import KIND, ORACLE, OURS, row
from fleet.ours import Knows, Ours
from fleet.rules import LeastBusy, PrefixHash, RoundRobin
from fleet.simulate import RULES, measure
from fleet.world import asks_of, fleet_for, run

SEEDS, REQUESTS, LOAD = (0, 1, 2), 350, 0.6


@pytest.mark.slow
@pytest.mark.timeout(900)  # four seconds of a core, which others may need, too
def test_mixed_requests_take_hardly_longer_than_with_an_oracle_and_far_less_than_with_a_simple_rule():
    """At most a tenth above the oracle, at most a third of the best simple rule's excess: what is aimed at."""
    found = row("mixed", LOAD, measure("plant", "mixed", LOAD, SEEDS, REQUESTS, RULES))

    assert found.ratio.value <= 1.10
    assert found.excess <= 1 / 3
    assert found.best_ratio.value > 1.2  # else there was nothing to be won
    assert found.times[OURS].value <= 1.25 * found.times[KIND].value


@pytest.mark.slow
def test_under_load_a_model_that_is_asked_for_is_not_sent_out_for_somebody_elses_shorter_wait():
    """At 90 %, where a model that leaves is missed by many: sooner than who loads nothing where a target has it."""
    found = measure("plant", "mixed", 0.9, SEEDS[:2], REQUESTS, {OURS: Ours, "least-busy": LeastBusy})

    assert sum(found[OURS]) < 0.9 * sum(found["least-busy"])


def test_the_chooser_says_the_same_to_the_digit_when_it_is_asked_again():
    fleet = fleet_for("plant", "mixed")
    asks = asks_of(fleet, "mixed", LOAD, 4, 60)

    assert run(fleet, asks, Ours()) == run(fleet, asks, Ours())


def test_what_it_is_told_beyond_a_gateways_knowledge_changes_what_it_asks():
    ask = asks_of(fleet_for("plant", "chat"), "chat", LOAD, 1, 3)[2]

    assert Ours(Knows(lengths=True))._ask(ask).max_tokens == ask.output
    assert Ours()._ask(ask).max_tokens == ask.max_tokens
    assert Ours(Knows(prompts=True))._ask(ask).prompt_tokens == ask.prompt != Ours()._ask(ask).prompt_tokens


def test_each_rule_has_its_name_and_each_run_a_rule_of_its_own():
    assert set(RULES) == {OURS, ORACLE, KIND, "round-robin", "least-busy", "prefix-hash"}
    assert [type(RULES[name]()) for name in ("round-robin", "least-busy", "prefix-hash")] == [
        RoundRobin,
        LeastBusy,
        PrefixHash,
    ]
