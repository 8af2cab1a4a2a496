"""A process of the index that is given up while it starts: nobody waits for ever, and none is left."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from gateway.audit.index import spawn


@pytest.mark.parametrize("steps", range(6))
async def test_whoever_gives_up_while_it_starts_is_let_go(steps: int, tmp_path: Path) -> None:
    said = tmp_path / "said"
    command = (sys.executable, "-c", f"import time; time.sleep(30); open({str(said)!r}, 'w')")
    starting = asyncio.get_running_loop().create_task(spawn.spawn(*command, cwd=tmp_path, env={}))
    for _ in range(steps):
        await asyncio.sleep(0)
    starting.cancel()

    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await starting

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await spawn.spawn(str(tmp_path / "none"), cwd=tmp_path, env={})


async def test_pipes_lead_there_and_back(tmp_path: Path) -> None:
    process = await spawn.spawn(sys.executable, "-c", "print(input()[::-1])", cwd=tmp_path, env={})

    said, _ = await process.communicate(b"abc\n")

    assert said == b"cba\n"


async def test_a_start_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", never)
    monkeypatch.setattr(spawn, "START_SECONDS", 0.05)

    with pytest.raises(TimeoutError):
        await spawn.spawn(sys.executable, cwd=tmp_path, env={})
