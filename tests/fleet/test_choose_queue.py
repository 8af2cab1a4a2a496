"""Who is next: bounded, priority first, fair between tenants, then by deadline; and whoever joined leaves once."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.fleet.choose.queue import AGE_SECONDS, NORMAL, Claim, FairQueue, Place

HIGH, LOW = NORMAL - 1, NORMAL + 1
MOST = 8


def a_claim(tenant: str = "a", priority: int = NORMAL, tokens: float = 100.0, deadline: float = math.inf) -> Claim:
    return Claim(tenant, priority, tokens, deadline)


def joined(queue: FairQueue[str], *claims: tuple[str, Claim], now: float = 0.0) -> list[Place[str]]:
    return [queue.join(item, claim, now=now, most=100)[0] for item, claim in claims]


def served(queue: FairQueue[str], now: float = 0.0) -> list[str]:
    """Let all in, one after the other."""
    order = []
    while (place := queue.pop(now)) is not None:
        queue.charge(place.claim, place.priority)
        order.append(place.item)
    return order


def test_one_tenant_is_served_in_the_order_of_arrival() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, *((name, a_claim()) for name in "xyz"))

    assert served(queue) == ["x", "y", "z"]


def test_a_higher_priority_is_served_first_whoever_came_first() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, ("low", a_claim("a", LOW)), ("normal", a_claim("b")), ("high", a_claim("c", HIGH)))

    assert served(queue) == ["high", "normal", "low"]


def test_an_earlier_deadline_is_served_first_within_a_tenant() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, ("late", a_claim(deadline=9.0)), ("early", a_claim(deadline=3.0)), ("any", a_claim()))

    assert served(queue) == ["early", "late", "any"]


def test_a_single_prompt_passes_another_tenants_flood() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, *((f"a{number}", a_claim("a")) for number in range(6)))
    queue.charge(a_claim("a"))
    joined(queue, ("b", a_claim("b")))

    assert served(queue)[:2] == ["b", "a0"]


def test_long_requests_count_for_more() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, *((f"a{n}", a_claim("a", tokens=300)) for n in range(3)))
    joined(queue, *((f"b{n}", a_claim("b", tokens=100)) for n in range(6)))

    assert served(queue)[:8] == ["a0", "b0", "b1", "b2", "a1", "b3", "b4", "b5"]


def test_a_share_of_two_is_served_twice_as_much() -> None:
    queue: FairQueue[str] = FairQueue({"a": 2.0})
    joined(queue, *((f"a{n}", a_claim("a")) for n in range(20)), *((f"b{n}", a_claim("b")) for n in range(20)))

    first = served(queue)[:15]

    assert sum(item.startswith("a") for item in first) == 10


def test_what_a_request_really_took_is_charged_when_it_is_over() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, *((f"a{n}", a_claim("a")) for n in range(3)), *((f"b{n}", a_claim("b")) for n in range(3)))
    place = queue.pop(0.0)
    assert place is not None
    assert place.item == "a0"
    queue.settle(queue.charge(place.claim), 1000.0)  # ten times what was expected

    assert served(queue) == ["b0", "b1", "b2", "a1", "a2"]


def test_who_was_idle_has_saved_nothing_up() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(50):
        queue.charge(a_claim("a"))  # while b was away
    joined(queue, *((f"a{n}", a_claim("a")) for n in range(3)), *((f"b{n}", a_claim("b")) for n in range(3)))

    assert served(queue) == ["b0", "a0", "b1", "a1", "b2", "a2"]


def test_who_waited_long_moves_up_one_class_at_a_time() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, ("low", a_claim("a", LOW)))
    joined(queue, ("normal", a_claim("b")), now=AGE_SECONDS + 1)

    assert served(queue, AGE_SECONDS + 1) == ["low", "normal"]


def test_nobody_starves_below_a_stream_of_high_priorities() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, ("low", a_claim("a", LOW)))
    for second in range(1000):
        joined(queue, ("high", a_claim("b", HIGH)), ("high", a_claim("b", HIGH)), now=second)
        place = queue.pop(second)
        assert place is not None
        queue.charge(place.claim, place.priority)
        if place.item == "low":
            break

    assert second <= 2 * AGE_SECONDS + 2


def test_a_full_queue_has_no_room_for_more_of_one_tenant() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, *((str(n), a_claim()) for n in range(MOST)))

    assert not queue.has_room(a_claim(), MOST)
    assert not queue.has_room(a_claim(priority=LOW), MOST)
    assert queue.has_room(a_claim(), MOST + 1)


def test_in_a_full_queue_another_tenant_gets_the_place_of_the_floods_last() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, *((str(n), a_claim()) for n in range(MOST)))

    _, pushed = queue.join("b", a_claim("b"), now=0.0, most=MOST)

    assert pushed is not None
    assert pushed.item == str(MOST - 1)
    assert len(queue) == MOST


def test_in_a_full_queue_tenants_end_level_and_push_nobody_out_then() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, *((str(n), a_claim()) for n in range(MOST)))
    for _ in range(MOST // 2):
        queue.join("b", a_claim("b"), now=0.0, most=MOST)

    assert not queue.has_room(a_claim("b"), MOST)
    assert not queue.has_room(a_claim("a"), MOST)


def test_in_a_full_queue_a_lower_priority_makes_room() -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, ("low", a_claim("b", LOW)), *((str(n), a_claim()) for n in range(MOST - 1)))

    _, pushed = queue.join("x", a_claim(), now=0.0, most=MOST)

    assert pushed is not None
    assert pushed.item == "low"


def test_leaving_twice_is_leaving_once() -> None:
    queue: FairQueue[str] = FairQueue()
    (place,) = joined(queue, ("x", a_claim()))

    assert [queue.leave(place), queue.leave(place), len(queue)] == [True, False, 0]


def test_tenants_of_the_past_take_no_memory() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(5000):
        queue.charge(a_claim(f"t{number}"))
        queue.charge(a_claim("busy"))

    assert len(queue._classes[NORMAL]._at) < 600


CLAIMS = st.builds(
    Claim,
    st.sampled_from("abcd"),
    st.integers(0, 2),
    st.floats(1, 1000),
    st.one_of(st.just(math.inf), st.floats(0, 100)),
)


@settings(max_examples=40, deadline=None)
@given(claims=st.lists(CLAIMS, min_size=1, max_size=30), newcomer=CLAIMS, done=st.lists(CLAIMS, max_size=10))
def test_for_all_queues_as_many_come_before_a_newcomer_as_is_foretold(
    claims: list[Claim], newcomer: Claim, done: list[Claim]
) -> None:
    queue: FairQueue[str] = FairQueue(age_seconds=math.inf)
    for claim in done:
        queue.charge(claim)
    alike = [Claim(claim.tenant, claim.priority, 100.0) for claim in claims]  # one deadline and size: foretold exactly
    joined(queue, *(("other", claim) for claim in alike))
    last = Claim(newcomer.tenant, newcomer.priority, 100.0)
    foretold = queue.ahead(last)
    joined(queue, ("newcomer", last))

    assert abs(served(queue).index("newcomer") - foretold) <= len(set("abcd"))  # ties, one for each tenant


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.sampled_from("ab"), st.floats(1, 500)), min_size=40, max_size=80),
    share=st.floats(0.25, 4),
)
def test_for_all_backlogs_two_tenants_never_differ_by_more_than_a_request_each(
    sizes: list[tuple[str, float]], share: float
) -> None:
    """The bound of start-time fair queueing: the largest request of one over its share, and of the other over its."""
    queue: FairQueue[float] = FairQueue({"a": share})
    for tenant, size in sizes:
        queue.join(size, Claim(tenant, NORMAL, size), now=0.0, most=100)
    took, left = {"a": 0.0, "b": 0.0}, {who: sum(tenant == who for tenant, _ in sizes) for who in "ab"}
    while all(left.values()):
        place = queue.pop(0.0)
        assert place is not None
        queue.charge(place.claim)
        took[place.claim.tenant] += place.item
        left[place.claim.tenant] -= 1
        assert abs(took["a"] / share - took["b"]) <= 500 / share + 500 + 1e-6


class Joining(RuleBasedStateMachine):
    """Any order of joining, leaving and serving: nobody is lost, nobody is served twice, no more wait than may."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue()
        self.inside: dict[int, Place[int]] = {}
        self.bills: list[Any] = []
        self.now, self.number = 0.0, 0

    @rule(claim=CLAIMS)
    def join(self, claim: Claim) -> None:
        self.number += 1
        if not self.queue.has_room(claim, MOST):
            assert len(self.inside) >= MOST
            return
        place, pushed = self.queue.join(self.number, claim, now=self.now, most=MOST)
        self.inside[self.number] = place
        if pushed is not None:
            assert self.inside.pop(pushed.item) is pushed
            assert (pushed.priority, pushed.claim.tenant) != (claim.priority, claim.tenant)
            assert pushed.priority >= claim.priority

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.inside)))
        assert self.queue.leave(self.inside.pop(number))

    @rule(wait=st.floats(0, 40))
    def serve(self, wait: float) -> None:
        self.now += wait
        place = self.queue.pop(self.now)
        assert (place is None) == (not self.inside)
        if place is not None:
            assert self.inside.pop(place.item) is place
            self.bills.append(self.queue.charge(place.claim, place.priority))

    @precondition(lambda self: self.bills)
    @rule(tokens=st.floats(0, 5000))
    def settle(self, tokens: float) -> None:
        self.queue.settle(self.bills.pop(), tokens)

    @invariant()
    def counted(self) -> None:
        assert len(self.queue) == len(self.inside) <= MOST
        assert sum(len(each) for each in self.queue._classes) == len(self.inside)


TestJoining = Joining.TestCase
TestJoining.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("priority", [HIGH, NORMAL, LOW])
def test_clearing_returns_all_in_the_order_of_arrival(priority: int) -> None:
    queue: FairQueue[str] = FairQueue()
    joined(queue, ("x", a_claim("b")), ("y", a_claim("a", priority)), ("z", a_claim("b", LOW)))

    assert [place.item for place in queue.clear()] == ["x", "y", "z"]
    assert len(queue) == 0
