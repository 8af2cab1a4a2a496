"""Killed in the middle of a rotation: the next start leaves things as they were, or carries it out. Nothing between."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.audit.verify import verify
from gateway.keys.generations import PURPOSES, Purpose
from gateway.keys.office import DECIDED, DRAFTED, IN_FORCE, RECORDED, RETIRED
from tests.keys.installation import ORIGIN, Installation

STEPS = (DRAFTED, DECIDED, RECORDED, IN_FORCE)


def killed_at(folder: Path, step: str, work: Callable[[Installation], None]) -> None:
    """Take the installation up in another process, which dies by SIGKILL at that step of ``work``."""
    child = os.fork()
    if not child:
        try:
            house = Installation(
                folder, step=lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == step else None
            )
            house.start()
            work(house)
        finally:
            os._exit(1)  # not killed: that is a failure
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An installation with an API key, left in order."""
    house = Installation(tmp_path)
    house.start()
    (tmp_path / "api-key").write_text(house.new_api_key("ci"))
    house.book.event("model.added", by="mia")
    house.stop()
    return tmp_path


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_happened_wholly_or_not_at_all(folder: Path, purpose: Purpose, step: str) -> None:
    before = Installation(folder)._new_keyring().ids()

    killed_at(folder, step, lambda house: house.run(house.office.rotate(purpose, "mia")) and None)

    house = Installation(folder)
    house.start()
    done = step != DRAFTED
    assert (house.keyring.ids()[purpose] != before[purpose]) is done
    assert [view["under_way"] for view in house.office.show()] == [False] * 3
    said = house.events("key.rotated")
    assert bool(said) is done
    assert len({each["new"] for each in said}) == int(done)
    _is_whole(house)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_killed_when_an_overlap_ends_it_ends_with_the_next_start(folder: Path, purpose: Purpose) -> None:
    house = Installation(folder)
    house.start()
    before = house.keyring.ids()[purpose]
    house.run(house.office.rotate(purpose, "mia", timedelta(days=1)))
    house.register.identify(f"Bearer {(folder / 'api-key').read_text()}")
    house.register.reseal()
    house.stop()

    def end(house: Installation) -> None:
        house.later(days=2)
        house.tick()

    killed_at(folder, RETIRED, end)

    house = Installation(folder)
    house.later(days=2)
    house.start()
    assert house.office.show()[PURPOSES.index(purpose)]["beside"] == []
    assert {tuple(each["ids"]) for each in house.events("key.retired")} == {(before,)}
    _is_whole(house)


def test_killed_in_two_rotations_one_after_the_other(folder: Path) -> None:
    for step in (DECIDED, RECORDED):
        killed_at(folder, step, lambda house: house.run(house.office.rotate("log", "mia", timedelta(0))) and None)
        house = Installation(folder)
        house.later(days=1)
        house.start()
        house.stop()

    house = Installation(folder)
    house.start()
    assert len((house.keyring.folder / "log-vkeys").read_text().splitlines()) == 3
    _is_whole(house)


def _is_whole(house: Installation) -> None:
    """The API key works, every log verifies from every key, no file is left over, and it can be rotated on."""
    key = (house.folder / "api-key").read_text()
    assert house.register.identify(f"Bearer {key}").tenant == "t"
    house.register.reseal()
    known = {each.file for purpose in PURPOSES for each in house.keyring.generations.of(purpose)}
    left = {name for name in house.secret_files() if name.split("-")[0].split(".")[0] in PURPOSES} - known
    assert left <= {"log.vkey", "log-vkeys"}
    for purpose in PURPOSES:
        if house.keyring.generations.older(purpose):
            house.run(house.office.end_overlap(purpose, "ben"))
        house.run(house.office.rotate(purpose, "ben"))
    assert house.register.identify(f"Bearer {key}").tenant == "t"
    house.stop()
    for vkey in (house.keyring.folder / "log-vkeys").read_text().splitlines():
        for name in ("default", "cross-border"):
            report = verify(house.folder / "audit" / ORIGIN / name, vkey)
            assert report.ok, (name, report.problems)
