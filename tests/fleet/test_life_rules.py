"""How models come and go: the rules alone, case by case, and then for all interleavings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.fleet.life.ledger import Ledger
from gateway.fleet.life.resident import Resident, State
from gateway.fleet.life.rules import Rules, Step

BUDGET, TURN = 100, 10.0


def the_rules(*prices: int, budget: int = BUDGET, **said: Any) -> Rules:
    """Rules for models named a, b, c … of these prices."""
    residents = [Resident(name, {"ram": price}, **said) for name, price in zip("abcdef", prices, strict=False)]
    return Rules(Ledger({"ram": budget}), residents, turn_seconds=TURN)


def load(rules: Rules, name: str, now: float = 0.0, measured: int = 0) -> None:
    """Have somebody ask for a model and leave again once it is loaded."""
    rules.wait(name, now)
    assert Step("load", name) in rules.next(now)
    rules.warming(name)
    rules.loaded(name, {"ram": measured}, now)
    rules.unwait(name)


def states(rules: Rules) -> str:
    return " ".join(each.state for each in rules.residents.values())


def test_all_who_ask_for_an_absent_model_share_one_load() -> None:
    rules = the_rules(60)
    rules.wait("a", 0.0)
    rules.wait("a", 0.1)

    assert rules.next(0.2) == [Step("load", "a")]
    assert rules.next(0.3) == []


def test_the_one_used_longest_ago_is_sent_out_before_a_load_starts() -> None:
    rules = the_rules(40, 40, 60)
    load(rules, "a", 1.0)
    load(rules, "b", 2.0)
    rules.enter("a")
    rules.leave("a", 3.0)
    rules.wait("c", 4.0)

    assert rules.next(4.0) == [Step("unload", "b")]
    assert rules.next(4.1) == []
    rules.gone("b", 5.0)
    assert rules.next(5.0) == [Step("load", "c")]
    assert states(rules) == "serving absent loading"


def test_no_more_are_sent_out_than_is_needed() -> None:
    rules = the_rules(10, 60, 70)
    load(rules, "a", 1.0)
    load(rules, "b", 2.0)
    rules.wait("c", 3.0)

    assert rules.next(3.0) == [Step("unload", "b")]


def test_who_is_inside_is_never_cut_off() -> None:
    rules = the_rules(60, 60)
    load(rules, "a", 0.0)
    rules.enter("a")
    rules.wait("b", 1.0)

    assert rules.next(1.0) == []  # in use, and its turn not over
    assert rules.next_at() == TURN
    assert rules.next(TURN) == []  # it drains, and one is inside
    assert states(rules) == "draining reserved"
    assert rules.leave("a", 12.0)
    assert rules.next(12.0) == [Step("unload", "a")]


def test_a_turn_is_no_shorter_than_the_load_before_it() -> None:
    rules = the_rules(60, 60)
    rules.wait("a", 0.0)
    rules.next(0.0)
    rules.loaded("a", {}, 30.0, seconds=30.0)
    rules.wait("b", 31.0)

    assert rules.next(59.9) == []
    assert rules.next_at() == 60.0
    assert rules.next(60.0) == [Step("unload", "a")]


def test_a_pinned_model_stays_and_what_cannot_fit_beside_it_is_refused() -> None:
    rules = the_rules(60, 60)
    rules.pin("a", True, 0.0)
    assert rules.next(0.0) == [Step("load", "a")]
    rules.loaded("a", {}, 1.0)
    rules.wait("b", 100.0)

    assert rules.next(100.0) == [Step("refuse", "b")]
    assert rules.residents["b"].problem == "It needs 60 MiB of ram; there is 100 MiB of ram, less what is pinned (a)."


def test_what_is_refused_stands_in_nobodys_way() -> None:
    rules = the_rules(101, 60)
    rules.wait("a", 0.0)
    rules.wait("b", 1.0)

    assert rules.next(1.0) == [Step("refuse", "a"), Step("load", "b")]


def test_nobody_overtakes_who_waits_for_room() -> None:
    rules = the_rules(60, 90, 30)
    load(rules, "a", 0.0)
    rules.enter("a")
    rules.wait("b", 1.0)
    rules.wait("c", 2.0)

    assert rules.next(2.0) == []  # c would fit beside a, and b would then wait for both


def test_who_asked_first_is_loaded_first() -> None:
    rules = the_rules(60, 60, 60)
    load(rules, "c", 0.0)
    rules.enter("c")
    rules.wait("b", 1.0)
    rules.wait("a", 2.0)
    rules.next(2.0)
    rules.leave("c", 3.0)

    assert rules.next(3.0) == [Step("unload", "c")]
    assert states(rules) == "absent reserved draining"


def test_a_pinned_model_is_not_sent_out_though_it_was_used_longest_ago() -> None:
    rules = the_rules(40, 40, 60)
    load(rules, "a", 1.0)
    load(rules, "b", 2.0)
    rules.pin("a", True, 3.0)
    rules.wait("c", 4.0)

    assert rules.next(4.0) == [Step("unload", "b")]


def test_a_claim_that_another_load_spoilt_is_made_anew() -> None:
    rules = the_rules(50, 80, 20)
    load(rules, "a", 0.0)
    rules.enter("a")
    rules.wait("c", 1.0)
    rules.next(1.0)
    rules.wait("b", TURN)
    assert rules.next(TURN) == []
    assert states(rules) == "draining reserved loading"
    rules.loaded("c", {"ram": 25}, 11.0)
    rules.unwait("c")
    rules.leave("a", 12.0)
    rules.next(12.0)
    rules.gone("a", 13.0)

    assert rules.next(13.0) == [Step("unload", "c")]
    rules.gone("c", 14.0)
    assert rules.next(14.0) == [Step("load", "b")]


def test_models_that_all_wait_take_turns() -> None:
    rules, served = the_rules(60, 60, 60), ""
    for name in "abc":
        rules.wait(name, 0.0)
    now = 0.0
    for _ in range(6):
        (step,) = [step for step in rules.next(now) if step.what == "load"]
        rules.loaded(step.name, {}, now)
        served += step.name
        now += TURN
        assert [each.what for each in rules.next(now)] == ["unload"]
        rules.gone(step.name, now)

    assert served == "abcabc"


def test_an_idle_model_goes_when_its_time_is_over() -> None:
    rules = the_rules(60, ttl_seconds=30.0)
    load(rules, "a", 5.0)

    assert rules.next_at() == 35.0
    assert rules.next(34.9) == []
    assert rules.next(35.0) == [Step("unload", "a")]


def test_a_failed_load_gives_its_price_back_and_is_tried_again_later_and_later() -> None:
    rules, now, pauses = the_rules(60), 0.0, []
    rules.wait("a", 0.0)
    for _ in range(9):
        assert rules.next(now) == [Step("load", "a")]
        rules.failed("a", now, "no")
        assert rules.ledger.taken() == {"ram": 0}
        assert not rules.is_coming("a", now)
        again = rules.next_at()
        assert again is not None
        pauses.append(again - now)
        now = again

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_claim_that_nobody_waits_for_any_more_is_given_back_and_a_drained_one_stays() -> None:
    rules = the_rules(60, 60)
    load(rules, "a", 0.0)
    rules.enter("a")
    rules.wait("b", 1.0)
    rules.next(TURN)
    assert states(rules) == "draining reserved"

    rules.unwait("b")

    assert rules.next(11.0) == []
    assert states(rules) == "serving absent"
    assert rules.ledger.claimed() == {"ram": 0}


def test_a_load_that_took_more_than_there_is_has_room_made_for_it() -> None:
    rules = the_rules(40, 40)
    load(rules, "a", 0.0)
    load(rules, "b", 1.0, measured=70)

    assert rules.ledger.over
    assert rules.next(1.0) == [Step("unload", "a")]
    assert rules.residents["b"].price == {"ram": 70}


def test_what_an_operator_sends_out_while_it_loads_goes_once_it_is_loaded() -> None:
    rules = the_rules(60)
    rules.order("a", 0.0)
    rules.next(0.0)
    rules.dismiss("a")
    rules.loaded("a", {}, 1.0)

    assert rules.next(1.0) == [Step("unload", "a")]


def test_an_engine_that_gives_no_token_is_started_anew_even_when_pinned() -> None:
    rules = the_rules(60)
    rules.pin("a", True, 0.0)
    rules.next(0.0)
    rules.loaded("a", {}, 0.0)

    rules.broke("a", "no token")

    assert rules.next(1.0) == [Step("unload", "a")]
    rules.gone("a", 2.0)
    assert rules.next(2.0) == [Step("load", "a")]


def test_nobody_enters_what_does_not_serve() -> None:
    with pytest.raises(ValueError, match="absent"):
        the_rules(60).enter("a")


NAMES = st.sampled_from("abcd")


class Lives(RuleBasedStateMachine):
    """Every order of requests, operators, loads and failures. Prices are 1 to 100 of a budget of 100."""

    @initialize(prices=st.lists(st.integers(1, 100), min_size=4, max_size=4), ttl=st.sampled_from([0.0, 5.0]))
    def build(self, prices: list[int], ttl: float) -> None:
        self.rules = the_rules(*prices, ttl_seconds=ttl)
        self.now = 0.0
        self.loading: set[str] = set()
        self.ending: set[str] = set()
        self.told: set[str] = set()  # who may go though it is pinned

    def look(self) -> None:
        """Ask for steps, and hold each of them against what must be true of it."""
        for step in self.rules.next(self.now):
            resident = self.rules.residents[step.name]
            if step.what == "load":
                assert step.name not in self.loading | self.ending  # single flight
                self.loading.add(step.name)
            elif step.what == "unload":
                assert resident.held == 0  # nobody is cut off
                assert step.name not in self.loading | self.ending
                assert not resident.pinned or step.name in self.told
                self.ending.add(step.name)

    @rule(name=NAMES)
    def ask(self, name: str) -> None:
        if self.rules.residents[name].state is State.SERVING:
            self.rules.enter(name)
        else:
            self.rules.wait(name, self.now)
        self.look()

    @rule(name=NAMES)
    def queue(self, name: str) -> None:
        self.rules.wait(name, self.now)
        self.look()

    @rule(name=NAMES)
    def served_or_cancelled(self, name: str) -> None:
        resident = self.rules.residents[name]
        if resident.waiting:
            if resident.state is State.SERVING:
                self.rules.enter(name)
            self.rules.unwait(name)
            self.look()

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        if self.rules.residents[name].held and self.rules.leave(name, self.now):
            self.look()

    @rule(name=NAMES, what=st.sampled_from(["order", "dismiss", "pin", "unpin", "broke"]))
    def operate(self, name: str, what: str) -> None:
        if what == "order":
            self.rules.order(name, self.now)
        elif what == "broke":
            self.rules.broke(name, "no token")
            self.told.add(name)
        elif what == "dismiss" and not self.rules.residents[name].pinned:
            self.rules.dismiss(name)
            self.told.add(name)
        elif what in ("pin", "unpin"):
            self.rules.pin(name, what == "pin", self.now)
        self.look()

    @precondition(lambda self: self.loading)
    @rule(data=st.data(), works=st.booleans(), more=st.sampled_from([0, 0, 3]))
    def load_ends(self, data: st.DataObject, works: bool, more: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.loading)))
        self.loading.remove(name)
        if works:
            self.rules.loaded(name, {"ram": self.rules.residents[name].price["ram"] + more}, self.now)
        else:
            self.rules.failed(name, self.now, "no")
        self.look()

    @precondition(lambda self: self.ending)
    @rule(data=st.data())
    def unload_ends(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.ending)))
        self.ending.remove(name)
        self.told.discard(name)
        self.rules.gone(name, self.now)
        self.look()

    @rule(seconds=st.sampled_from([0.5, 4.0, 11.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.look()

    @invariant()
    def who_is_used_is_there(self) -> None:
        for each in getattr(self, "rules", the_rules()).residents.values():
            assert not each.held or each.state in (State.SERVING, State.DRAINING)
            assert each.name not in getattr(self, "ending", ()) or not each.held

    @invariant()
    def the_ledger_holds_what_is_there_and_nothing_else(self) -> None:
        if not hasattr(self, "rules"):
            return
        there = {State.LOADING, State.WARMING, State.SERVING, State.DRAINING}
        for each in self.rules.residents.values():
            assert bool(self.rules.ledger.of(each.name)) == (each.state in there)
        assert sum(self.rules.ledger.claimed().values()) <= BUDGET

    @invariant()
    def no_more_is_taken_than_there_is_unless_loads_took_more_than_their_price(self) -> None:
        if not hasattr(self, "rules"):
            return
        taken = self.rules.ledger.taken()["ram"]
        loading = [self.rules.residents[name].price["ram"] for name in self.loading]
        assert taken <= BUDGET + 3 * len(self.rules.residents)
        assert sum(loading) <= BUDGET

    def teardown(self) -> None:
        """In the end everything is given back; and who waits for what can fit gets it."""
        if not hasattr(self, "rules"):
            return
        for name in "abcd":
            self.rules.pin(name, False, self.now)
        for _ in range(80):
            self.now += TURN
            self.settle()
            if all(not each.waiting and not each.held for each in self.rules.residents.values()):
                break
        else:
            raise AssertionError(f"somebody waits for ever: {self.rules.residents}")
        for name in "abcd":
            self.rules.residents[name].ordered = False
            self.rules.dismiss(name)
        for _ in range(8):
            self.settle()
        assert self.rules.ledger.taken() == {"ram": 0}
        assert self.rules.ledger.claimed() == {"ram": 0}

    def settle(self) -> None:
        """End what was begun; let those inside leave, and serve those who wait where that can be."""
        self.look()
        for name in sorted(self.loading):
            self.rules.loaded(name, {}, self.now)
        for name in sorted(self.ending):
            self.rules.gone(name, self.now)
        self.loading.clear()
        self.ending.clear()
        for each in self.rules.residents.values():
            while each.held:
                self.rules.leave(each.name, self.now)
            there_or_refused = each.state is State.SERVING or each.price["ram"] > BUDGET
            while each.waiting and there_or_refused:
                self.rules.unwait(each.name)


Lives.TestCase.settings = profile(stateful_step_count=40, deadline=None)
test_for_all_interleavings = Lives.TestCase


def test_whom_a_load_would_send_out_is_told_without_sending_anybody() -> None:
    rules = the_rules(40, 40, 60)
    load(rules, "a", 1.0)
    load(rules, "b", 2.0)
    rules.enter("a")
    rules.enter("b")

    leave = rules.sends_out("c")

    assert [each.name for each in leave] == ["a"]
    assert rules.makes_room_in(leave, 4.0) == TURN - 3.0
    assert rules.makes_room_in(rules.sends_out("b"), 4.0) == 0.0
    assert states(rules) == "serving serving absent"
    rules.leave("b", 5.0)
    assert [each.name for each in rules.sends_out("c")] == ["b"]
    assert rules.makes_room_in(rules.sends_out("c"), 6.0) == 0.0
