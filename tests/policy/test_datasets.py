"""Data sets: on stable storage before they are pushed, read as their name says, kept while a record names them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain import PolicyInput, Target
from gateway.errors import SetupError
from gateway.policy.client import OpaPolicy, rulebook
from gateway.policy.datasets import DataSets, under
from gateway.policy.facts import Rulebook, build_facts, encode, revision_of
from gateway.policy.organisation import Organisation
from gateway.policy.table.read import parse, preset
from gateway.settings import Settings

FACTS = {"site": "muc", "targets": {}}
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def datasets(tmp_path: Path) -> DataSets:
    return DataSets(tmp_path / "data")


def test_a_data_set_lies_under_its_digest(datasets: DataSets) -> None:
    revision = datasets.keep(FACTS)

    assert revision == revision_of(FACTS)
    assert (datasets.folder / f"{revision}.json").read_bytes() == encode(FACTS)
    assert datasets.read(revision) == FACTS


def test_one_that_was_cut_off_is_written_again(datasets: DataSets) -> None:
    path = datasets.folder / f"{datasets.keep(FACTS)}.json"
    path.write_bytes(b"{")

    assert datasets.read(datasets.keep(FACTS)) == FACTS


def test_one_that_was_changed_is_refused(datasets: DataSets) -> None:
    revision = datasets.keep(FACTS)
    (datasets.folder / f"{revision}.json").write_bytes(encode({"site": "pek", "targets": {}}))

    with pytest.raises(SetupError, match="was changed"):
        datasets.read(revision)


@pytest.mark.parametrize("revision", ["0" * 64, "../../keys/pepper", ""])
def test_one_that_is_not_there_is_refused(datasets: DataSets, revision: str) -> None:
    with pytest.raises(SetupError):
        datasets.read(revision)


def test_the_newest_is_the_one_pushed_last(datasets: DataSets) -> None:
    first, second = datasets.keep(FACTS), datasets.keep({"site": "ber"})
    os.utime(datasets.folder / f"{first}.json", (1, 1))
    assert datasets.newest() == second

    datasets.keep(FACTS)

    assert datasets.newest() == first


def test_what_a_record_names_is_kept(datasets: DataSets) -> None:
    named, unnamed, newest = (datasets.keep({"site": name}) for name in ("a", "b", "c"))
    os.utime(datasets.folder / f"{newest}.json", (2**31, 2**31))

    assert datasets.prune({named}, LATER) == [unnamed]

    assert datasets.read(named) == {"site": "a"}
    assert datasets.newest() == newest


def test_a_young_one_is_kept_whoever_names_it(datasets: DataSets) -> None:
    for name in ("a", "b"):
        datasets.keep({"site": name})

    assert datasets.prune(()) == []


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder must be")

    with pytest.raises(SetupError, match="cannot be written"):
        DataSets(tmp_path / "data").keep(FACTS)


@pytest.mark.parametrize("table", ["demo", "balanced", "strict"])
def test_another_table_compiles_as_if_it_had_been_in_force(
    settings: Settings, targets: tuple[Target, ...], table: str
) -> None:
    then = rulebook(settings)
    other = Rulebook(parse(preset(table), "t.csv", frozenset().union(*then.groups.values())), then.groups)

    facts = under(build_facts(settings.site, Organisation(), targets, then), other)

    assert facts == build_facts(settings.site, Organisation(), targets, other)


@pytest.mark.real
async def test_what_decided_can_be_read_again(
    policy: OpaPolicy, settings: Settings, ask: Callable[..., PolicyInput]
) -> None:
    decision = await policy.decide(ask())

    facts = DataSets(settings.state / "policy" / "data").read(decision.data_revision)
    assert set(facts["targets"]) == set(ask().candidates)


@pytest.mark.real
async def test_facts_that_cannot_be_kept_are_not_pushed(
    policy: OpaPolicy, settings: Settings, ask: Callable[..., PolicyInput], targets: tuple[Target, ...]
) -> None:
    before = (await policy.decide(ask())).data_revision
    folder = settings.state / "policy" / "data"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("in the way")

    with pytest.raises(SetupError):
        await policy.push_facts(targets[:1])

    assert (await policy.decide(ask())).data_revision == before


def test_a_set_of_an_earlier_release_is_one_that_asked_for_no_signatures(datasets: DataSets) -> None:
    strict = {**FACTS, "preset": "strict"}
    assert datasets.facts_of(datasets.keep(FACTS)) == {**FACTS, "preset": "demo"}
    assert datasets.facts_of(datasets.keep(strict)) == strict
