"""Removing an installation: its own units, versions and parts go; what the site made, and what it trusted, stay."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from gateway.bundle.install import removal
from gateway.bundle.install.prefix import Accepted, Prefix
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.update import link
from gateway.bundle.update.journal import Entry, Journal
from gateway.bundle.update.told import Spool

PART = b"a part" * 1000


@pytest.fixture
def place(tmp_path: Path) -> Prefix:
    """Two versions of one installation that share a part, with configuration and data below the same prefix."""
    root = tmp_path / "sekisho"
    prefix = Prefix(root)
    prefix.store.mkdir(parents=True)
    (prefix.store / "ab").write_bytes(PART)
    for name in ("1-1.0", "2-1.1"):
        folder = prefix.versions / name / "bin"
        folder.mkdir(parents=True)
        os.link(prefix.store / "ab", folder / "part")
    link.point(root, "2-1.1")
    for path in ("etc/sekisho.yaml", "data/keys/log.pem", "data/audit/plant/checkpoint", "state/accepted/1.root.json"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path, encoding="utf-8")
    said = Accepted(version="1.1", folder="2-1.1", release_sha256="0" * 64, snapshot=7, at="2026-11-01T12:00:00Z")
    (root / "state" / "accepted.json").write_bytes(msgspec.json.encode(said))
    (root / "state" / "receipt.json").write_text("{}", encoding="utf-8")
    return prefix


@pytest.fixture
def units(tmp_path: Path, place: Prefix) -> Path:
    """Unit files of this installation and of another."""
    folder = tmp_path / "system"
    folder.mkdir()
    for name, root in (("sekisho.service", place.root), ("sekisho-other.service", "/opt/other")):
        (folder / name).write_text(f"[Service]\nExecStart={root}/current/bin/sekisho serve\n", encoding="utf-8")
    return folder


def kept(place: Prefix) -> tuple[Path, Path]:
    return place.root / "etc", place.root / "data"


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink()}


def test_what_the_site_made_stays_and_nothing_else(place: Prefix, units: Path) -> None:
    ran: list[Sequence[str]] = []

    removal.remove(place, removal.plan(place, kept(place), units), "olga", ran.append)

    told = [f"state/events/{id}.json" for id in Spool.of(place.root).ids()]
    assert len(told) == 1
    assert files(place.root) == {
        "etc/sekisho.yaml", "data/keys/log.pem", "data/audit/plant/checkpoint", "state/accepted/1.root.json",
        "state/accepted.json", *told,
    }  # fmt: skip
    assert ran == [["systemctl", "disable", "--now", "sekisho.service"], ["systemctl", "daemon-reload"]]
    assert files(units) == {"sekisho-other.service"}


def test_it_is_told_to_the_log_of_whoever_installs_here_again(place: Prefix, units: Path) -> None:
    removal.remove(place, removal.plan(place, kept(place), units), "olga", lambda words: None)

    (id,) = Spool.of(place.root).ids()
    told = Spool.of(place.root).read(id)
    assert told is not None
    assert (told.type, dict(told.details)) == ("update.removed", {"by": "olga", "from": "2-1.1"})


def test_a_part_with_several_names_counts_once(place: Prefix, units: Path) -> None:
    planned = removal.plan(place, kept(place), units)

    assert len(PART) <= planned.bytes < 2 * len(PART)


@pytest.mark.parametrize("gone", ["current", "versions", "store"])
def test_one_that_was_interrupted_goes_on(place: Prefix, units: Path, gone: str) -> None:
    removal.remove(place, removal.Plan((), (place.root / gone,), ()), "olga", lambda words: None)

    removal.remove(place, removal.plan(place, kept(place), units), "olga", lambda words: None)

    assert not {path.split("/")[0] for path in files(place.root)} & {"current", "versions", "store"}
    assert (place.root / "data/audit/plant/checkpoint").exists()


def test_nothing_goes_while_an_update_is_half_done(place: Prefix, units: Path) -> None:
    before = files(place.root)
    Journal(place.root).write(Entry(step="stage", fresh="3-1.2", old="2-1.1", snapshot=8))

    with pytest.raises(BundleRefused) as refused:
        removal.plan(place, kept(place), units)

    assert refused.value.code == "bundle.busy"
    assert files(place.root) == before | {"state/update.json"}


@pytest.mark.parametrize("where", ["versions/2-1.1/data", "store/data"])
def test_data_among_what_would_go_is_refused(place: Prefix, units: Path, where: str) -> None:
    (place.root / where).mkdir()

    with pytest.raises(BundleRefused) as refused:
        removal.plan(place, (place.root / "etc", place.root / where), units)

    assert refused.value.code == "bundle.permission"


def test_a_unit_that_does_not_stop_keeps_everything(place: Prefix, units: Path) -> None:
    before = files(place.root)

    def fails(words: Sequence[str]) -> None:
        raise OSError("systemctl said no")

    with pytest.raises(OSError, match="said no"):
        removal.remove(place, removal.plan(place, kept(place), units), "olga", fails)

    assert files(place.root) == before
