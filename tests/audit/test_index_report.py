"""Counts that are handed over give away nobody: few are withheld, and what would tell them too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.index.report import Count, Tally, refused_unknown
from gateway.audit.index.words import Seen, microseconds
from tests.audit.attacker import UNBOUNDED, Attacker

DAY = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)


def decision(tenant: str, how: str = "allowed", day: int = 0, kind: str = "") -> Seen:
    time = microseconds(DAY + timedelta(days=day))
    kind = kind or {"allowed": "intent", "denied": "denial"}[how]
    return Seen(time, 0, (("head", kind, "", ""), ("caller", tenant, "", ""), ("decided", how, "")), ())


def tallied(*parts: tuple[int, Seen], **given: object) -> Tally:
    tally = Tally(**given)  # type: ignore[arg-type]
    for count, seen in parts:
        for _ in range(count):
            tally.add(seen)
    return tally


def test_counts_are_told_where_each_is_large() -> None:
    report = tallied((7, decision("a")), (5, decision("b", "denied"))).report()

    assert report.decisions == Count("total", 12)
    assert report.tables["tenant"] == [Count("a", 7), Count("b", 5)]
    assert [(day.day, day.decisions.count, day.allowed.count, day.denied.count) for day in report.days] == [
        ("2026-03-01", 12, 7, 5)
    ]


def test_a_small_count_is_withheld_and_the_smallest_other_covers_it() -> None:
    report = tallied((30, decision("a")), (20, decision("b")), (3, decision("c"))).report()

    assert report.decisions.count == 53
    assert report.tables["tenant"] == [Count("a", 30), Count("b", None, True), Count("c", None, True)]


def test_two_small_counts_that_add_up_to_few_are_covered_too() -> None:
    report = tallied((30, decision("a")), (2, decision("b")), (2, decision("c"))).report()

    assert [row.withheld for row in report.tables["tenant"]] == [True, True, True]


def test_a_small_total_is_withheld_itself() -> None:
    report = tallied((3, decision("a"))).report()

    assert report.decisions == Count("total", None, True)
    assert report.as_dict()["days"][0]["decisions"] == {"value": "total", "count": None, "withheld": True}


def test_a_small_day_cannot_be_computed_from_days_and_sums() -> None:
    parts = [(20, decision("a", how, day)) for how, day in product(("allowed", "denied"), range(3))]
    report = tallied(*parts, (2, decision("a", "denied", 3)), (20, decision("a", "allowed", 3))).report()

    last = report.days[3]
    assert last.denied.withheld and last.allowed.withheld
    for how in ("allowed", "denied"):
        assert sum(getattr(day, how).count is None for day in report.days) >= 2


def test_few_denials_by_policy_do_not_follow_from_what_was_asked_of_it() -> None:
    """30 were allowed and 33 have a model: three were denied by policy, the other denials never came so far."""
    tally = Tally()
    asked = [("model", "m", 33), ("class", "public", 20), ("class", "internal", 13), ("reason", "residency", 33)]
    codes = [("code", "policy.residency", 3), ("code", "identity.purpose", 12), ("tenant", "a", 45)]
    sums = [("decision", "allowed", 30), ("decision", "denied", 15)]
    tally.add_span(45, [*asked, *codes, *sums], [("2026-03-01", "allowed", 30), ("2026-03-01", "denied", 15)])

    report = tally.report()

    told = {name: [row.count for row in rows] for name, rows in report.tables.items()}
    assert (told["decision"], told["tenant"]) == ([30, 15], [45])
    assert told["model"] == told["reason"] == [None]
    assert told["code"] == [None, None]
    assert told["class"] == [20, None]
    attacker = Attacker()
    attacker.read("internal", None)
    attacker.sums([30, "denied"], [20, "internal"])  # what was allowed has a class, and so has what policy denied
    for count in (20, 30):
        attacker.read(count, count)
    assert attacker.bounds(["denied"]) == {"denied": (0, UNBOUNDED)}


@pytest.mark.parametrize("few", [1, 4])
def test_few_that_policy_was_not_asked_for_do_not_follow_from_classes(few: int) -> None:
    tally = Tally()
    asked = [("class", "public", 20), ("class", "internal", 13), ("tenant", "a", 33 + few)]
    sums = [("decision", "allowed", 10), ("decision", "denied", 23 + few)]
    tally.add_span(33 + few, [*asked, *sums], [("2026-03-01", "allowed", 10), ("2026-03-01", "denied", 23 + few)])

    report = tally.report()

    assert report.decisions.count is None or None in [row.count for row in report.tables["class"]]


def test_what_is_no_decision_is_not_counted() -> None:
    report = tallied((9, decision("a", kind="preview")), (9, decision("a", kind="outcome"))).report()

    assert (report.decisions.count, report.days) == (0, [])


def test_days_are_those_of_the_zone() -> None:
    assert [day.day for day in tallied((5, decision("a")), zone=ZoneInfo("Asia/Tokyo")).report().days] == ["2026-03-02"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5))
def test_in_two_directions_too(days: list[tuple[int, int]]) -> None:
    tally = Tally()
    for number, (allowed, denied) in enumerate(days):
        for count, how in ((allowed, "allowed"), (denied, "denied")):
            for _ in range(count):
                tally.add(decision("a", how, number))

    report = tally.report()

    for day in report.days:
        gone = [cell.count is None for cell in (day.decisions, day.allowed, day.denied) if cell.count != 0]
        assert sum(gone) != 1
    for how in ("allowed", "denied"):
        column = [getattr(day, how) for day in report.days]
        sums = [row for row in report.tables["decision"] if row.value == how]
        assert sum(cell.count is None for cell in (*column, *sums)) != 1


def test_refusals_before_identity_are_withheld_as_others_are() -> None:
    assert refused_unknown({}) == [Count("total", 0)]
    assert refused_unknown({"a": 9, "b": 6}) == [Count("total", 15), Count("a", 9), Count("b", 6)]
    assert refused_unknown({"a": 9, "b": 2}) == [
        Count("total", 11),
        Count("a", None, True),
        Count("b", None, True),
    ]
    assert refused_unknown({"b": 2}) == [Count("total", None, True), Count("b", None, True)]
