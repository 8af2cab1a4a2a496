"""Facts of the past go with the last record that names them, and not before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.book import LogBook
from gateway.audit.log.layout import tile_path
from gateway.audit.log.succession import OneKey
from gateway.domain import (
    Caller,
    CallerFacts,
    Capability,
    DataFacts,
    Decision,
    EnvFacts,
    Outcome,
    PolicyInput,
    RequestFacts,
    Role,
    Target,
)
from gateway.house.leftovers import forget_data_sets
from gateway.policy.datasets import DataSets
from gateway.settings import Settings

CALLER = Caller("k1", "acme", "p1", (Role.APP,), "help", "muc", "DE", "DE", "DE")
TARGET = Target("muc/n/w0:m", "m", (Capability.CHAT,), "muc", "n", "DE", same_node=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path / "data"))


@pytest.fixture
def sets(settings: Settings) -> DataSets:
    return DataSets(settings.state / "policy" / "data")


def old(sets: DataSets, word: str) -> str:
    """Keep facts that were pushed long ago."""
    revision = sets.keep({"word": word})
    os.utime(sets.folder / f"{revision}.json", (0, 0))
    return revision


def decide_under(settings: Settings, *revisions: str) -> Path:
    """Write a log with one decision under each; return its folder."""
    key = OneKey(Ed25519PrivateKey.generate())
    book = LogBook(settings.data / "audit", origin="muc/n/w0", log_key=key, settings=settings.audit)
    book.open()
    for number, revision in enumerate(revisions):
        request = f"01J{number:023d}"
        asked = PolicyInput(
            RequestFacts(request, "chat", Capability.CHAT, "m", stream=False, tools=False, purpose="help"),
            CallerFacts("k1", "acme", "p1", (Role.APP,), "muc", "DE", "DE"),
            DataFacts("internal", "DE"),
            (TARGET.id,),
            EnvFacts("muc", "n", "2026-01-01T00:00:00Z", 1),
        )
        decision = Decision(request, True, (), (), "r1", "b" * 64, revision, "opa/1")
        book.intent(CALLER, asked, decision, TARGET, {}).close(Outcome("done"))
    book.close()
    return book.folder


def test_what_a_record_names_stays_and_the_rest_goes(settings: Settings, sets: DataSets) -> None:
    named, unnamed, newest = old(sets, "named"), old(sets, "unnamed"), sets.keep({"word": "newest"})
    decide_under(settings, named)

    assert forget_data_sets(settings) == [unnamed]
    assert sets.read(named) == {"word": "named"}
    assert sets.newest() == newest


def test_where_a_log_cannot_be_read_whole_all_stay(settings: Settings, sets: DataSets) -> None:
    revisions = [old(sets, str(number)) for number in range(3)]
    sets.keep({"word": "newest"})
    bundle = decide_under(settings, *revisions) / tile_path("entries", 0)
    os.truncate(bundle, bundle.stat().st_size // 2)

    assert forget_data_sets(settings) == []
    assert all(sets.read(revision) for revision in revisions)


def test_young_ones_stay(settings: Settings, sets: DataSets) -> None:
    revision = sets.keep({"word": "young"})
    sets.keep({"word": "newest"})
    decide_under(settings)

    assert forget_data_sets(settings) == []
    assert sets.read(revision)


def test_one_that_cannot_be_removed_ends_nothing(settings: Settings, sets: DataSets) -> None:
    unnamed = old(sets, "unnamed")
    sets.keep({"word": "newest"})
    decide_under(settings)
    path = sets.folder / f"{unnamed}.json"
    path.unlink()
    path.mkdir()  # no file: it cannot be removed like one, whoever asks
    os.utime(path, (0, 0))

    assert forget_data_sets(settings) == []
