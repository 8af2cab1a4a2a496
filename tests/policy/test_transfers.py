"""Persons whose data could cross a counted border: reserved to ask, written for what goes, given back otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import Caller, Target
from gateway.policy.persons.counters import Counters
from gateway.policy.persons.tally import yearly_key
from gateway.policy.persons.transfers import Transfers

Make = Callable[..., Any]
NOW = "2026-06-01T12:00:00Z"
PERSONS = [("PERSON", "wang fang"), ("PHONE_NUMBER", "13800138000"), ("LOCATION", "changchun")]


class Written(list[dict[str, Any]]):
    """What the log was given."""

    def __call__(self, type: str, **details: Any) -> None:
        assert type == "policy.subjects"
        self.append(details)


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def transfers(tmp_path: Path, written: Written) -> Transfers:
    counters = Counters(
        key=lambda year: yearly_key(b"k" * 32, year), write=written, logs=dict, snapshot=tmp_path / "subjects"
    )
    counters.open()
    return Transfers(counters, {"acme": "Beispiel AG"}.__getitem__)


def test_what_stays_at_home_is_not_even_looked_at(transfers: Transfers, caller: Make, target: Make) -> None:
    def values() -> Any:
        raise AssertionError("nobody is to be counted")

    assert transfers.count(caller("CN", "CN"), values, (), [target("pek/n/w0:m", "CN")], NOW) is None
    assert transfers.count(caller("DE", "US"), values, (), [target("muc/n/w0:m")], NOW) is None


def test_persons_are_counted_in_for_every_country_they_could_go_to(
    transfers: Transfers, caller: Make, target: Make
) -> None:
    targets = [target("muc/n/w0:m"), target("pek/n/w0:m", "CN"), target("par/n/w0:m", "FR")]

    crossing = transfers.count(caller("CN", "CN"), lambda: PERSONS, (), targets, NOW)

    assert crossing
    facts = crossing.facts
    assert (facts.entity, facts.year, facts.all, facts.sensitive) == ("Beispiel AG", 2026, 2, 0)
    assert facts.by_destination == {"DE": 2, "FR": 2}


def test_what_goes_is_written_for_where_it_goes_and_is_looked_at(
    transfers: Transfers, written: Written, caller: Make, target: Make
) -> None:
    who: Caller = caller("CN", "JP")
    there: Target = target("muc/n/w0:m")
    crossing = transfers.count(who, lambda: PERSONS, (), [there, target("par/n/w0:m", "FR")], NOW)
    assert crossing

    crossing.settle(there, who)

    assert [(record["destination"], record["sensitive"]) for record in written] == [("DE", False), ("JP", False)]
    again = transfers.count(who, lambda: [("PERSON", "li na")], ("health",), [there], NOW)
    assert again
    assert (again.facts.all, again.facts.sensitive) == (3, 1)


def test_what_was_refused_is_given_back(transfers: Transfers, written: Written, caller: Make, target: Make) -> None:
    there = [target("muc/n/w0:m")]
    refused = transfers.count(caller("CN", "CN"), lambda: PERSONS, (), there, NOW)
    assert refused

    refused.release()

    after = transfers.count(caller("CN", "CN"), lambda: PERSONS[:1], (), there, NOW)
    assert after
    assert (after.facts.all, written) == (1, [])


def test_one_of_several_workers_writes_whom_it_sends_abroad_and_tells_no_number(
    tmp_path: Path, written: Written, caller: Make, target: Make
) -> None:
    counters = Counters(key=lambda year: yearly_key(b"k" * 32, year), write=written, logs=dict, snapshot=tmp_path / "s")
    counters.open()
    worker = Transfers(counters, {"acme": "Beispiel AG"}.__getitem__, whole=False)
    who, there = caller("CN", "DE"), target("muc/n/w0:m")

    crossing = worker.count(who, lambda: PERSONS, (), [there], NOW)

    assert crossing
    assert crossing.facts is None
    crossing.settle(there, who)
    assert [record["destination"] for record in written] == ["DE"]
