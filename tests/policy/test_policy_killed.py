"""Killed at every step of its life, with the real log and the real OPA: one whole revision is in force, and the log
tells which."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from policy_house import PolicyHouse

from gateway.audit.log.reader import logs, search
from gateway.policy.life.revisions import KEPT, Revisions, replace_file

pytestmark = [pytest.mark.real, pytest.mark.slow]

PROCESS = Path(__file__).with_name("life_process.py")
ACTIVATING = (
    *("prepared", "recorded", "in-force.written", "in-force.replaced", "in-force.synced"),
    *("in_force", "switched"),
)
DROPPING = ("old.dropping", "old.renamed")
BUILDING = ("revision.written", "revision.kept")


def _run(house: PolicyHouse, at: str, *command: str) -> int:
    arguments = (sys.executable, str(PROCESS), str(house.folder), "demo", at, *command)
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def _records(house: PolicyHouse) -> list[dict[str, object]]:
    (log,) = logs(house.settings.data / "audit")
    return list(search(log))


@pytest.fixture
def house(short_dir: Path) -> PolicyHouse:
    """A demonstration with mark ``a`` in force and mark ``b`` built."""
    house = PolicyHouse(short_dir, "demo")
    assert _run(house, "-", "build") == 0
    first = house.life().revisions.list()[0].id
    assert _run(house, "-", "activate", first) == 0
    house.mark("b")
    assert _run(house, "-", "build") == 0
    return house


@pytest.mark.parametrize("command", ["activate", "rollback"])
def test_killed_while_it_is_put_in_force(house: PolicyHouse, command: str) -> None:
    shelf = Revisions(house.settings.state / "policy")
    first = shelf.note().revision  # type: ignore[union-attr]
    second = next(one.id for one in shelf.list() if one.id != first)
    if command == "rollback":
        assert _run(house, "-", "activate", second) == 0
        first, second = second, first

    for at in ACTIVATING:
        before = shelf.note().revision  # type: ignore[union-attr]
        argument = [second] if command == "activate" else []
        assert _run(house, at, command, *argument) == -signal.SIGKILL, at

        now = shelf.in_force()  # whole, or this raises
        assert now is not None
        assert now.id in (first, second), at
        assert (now.id == second) == (ACTIVATING.index(at) >= ACTIVATING.index("in-force.replaced")), at
        assert _run(house, "-", "announce") == 0, at  # OPA takes it, and it is on record
        assert _records(house)[-1]["type"] == "policy.in_force"
        assert _records(house)[-1]["details"]["revision"] == now.id  # type: ignore[index]
        if now.id == second:
            shelf.put_in_force(shelf.get(before), "2026-11-22T09:00:00Z")
            if command == "rollback":
                shelf.put_in_force(shelf.get(second), "2026-11-22T09:00:00Z")
                shelf.put_in_force(shelf.get(first), "2026-11-22T09:00:00Z")


def test_killed_while_old_ones_are_dropped(house: PolicyHouse) -> None:
    """The new one is in force by then; the ten before it stay whole, and what was left over goes the next time."""
    life, shelf = house.life(), Revisions(house.settings.state / "policy")
    for _ in range(KEPT):
        house.now += timedelta(days=1)
        asyncio.run(life.build("ana"))

    for at in DROPPING:
        house.now += timedelta(days=1)
        newest = asyncio.run(life.build("ana"))["revision"]
        before = shelf.note().revision  # type: ignore[union-attr]
        assert _run(house, at, "activate", newest) == -signal.SIGKILL, at
        assert shelf.in_force().id == newest, at  # type: ignore[union-attr]
        assert {newest, before} <= {one.id for one in shelf.list()}, at
    assert _run(house, "-", "rollback") == 0
    assert shelf.in_force().id == before  # type: ignore[union-attr]
    house.mark("z")
    assert _run(house, "-", "build") == 0
    assert not [path for path in (shelf.folder / "revisions").iterdir() if path.name.startswith(".")]


def test_nothing_gets_its_name_before_its_content_is_on_stable_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What kill -9 cannot show, a power cut would: the file is synced, then renamed, then its folder is synced."""
    seen: list[str] = []
    sync, rename = os.fsync, Path.replace

    def told_sync(descriptor: int) -> None:
        seen.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        sync(descriptor)

    def told_rename(path: Path, to: Path) -> Path:
        seen.append(f"rename {path.name} {to.name}")
        return rename(path, to)

    monkeypatch.setattr(os, "fsync", told_sync)
    monkeypatch.setattr(Path, "replace", told_rename)
    replace_file(tmp_path / "in-force", b"{}")

    assert seen == ["sync .in-force.new", "rename .in-force.new in-force", f"sync {tmp_path.name}"]


def test_killed_while_it_is_built(house: PolicyHouse) -> None:
    shelf = Revisions(house.settings.state / "policy")
    in_force, known = shelf.in_force(), {one.id for one in shelf.list()}
    house.mark("c")

    for at in BUILDING:
        assert _run(house, at, "build") == -signal.SIGKILL
        assert shelf.in_force() == in_force
        fresh = {one.id for one in shelf.list()} - known
        assert len(fresh) == (at == "revision.kept"), at
    assert _run(house, "-", "build") == 0
    assert len(shelf.list()) == len(known) + 1
    assert not [path for path in (shelf.folder / "revisions").iterdir() if path.name.startswith(".")]
