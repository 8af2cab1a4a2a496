"""How a worker is born, dies and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.engines import sandbox
from gateway.engines.supervised import _delay_seconds
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import EngineUnavailable, SetupError
from gateway.settings import EngineSettings

pytestmark = [pytest.mark.real, pytest.mark.slow]

SMALL = EngineSettings(threads=2, context_tokens=512, slots=2)


async def until(condition: Callable[[], bool], seconds: float = 20) -> float:
    """Wait for it; return how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.005)
    return time.monotonic() - began


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def test_killed_worker_is_back_within_two_seconds(model_file: Path, worker_on: Any) -> None:
    changes: list[bool] = []
    taken = []
    async with worker_on(model_file, SMALL) as worker:
        worker._on_change = lambda: changes.append(worker.ready())
        for _ in range(2):  # the better of two: other processes share these cores
            os.kill(worker.pid, signal.SIGKILL)
            await until(lambda: not worker.ready(), 1)
            taken.append(await until(worker.ready))

    assert min(taken) < 2
    assert changes == [False, True, False, True, False]


async def test_prompts_in_flight_get_a_clean_error(model_file: Path, worker_on: Any, chat: Any, collect: Any) -> None:
    async with worker_on(model_file, SMALL) as worker:
        prompts = [chat("Tell a story.", stream=slot == 0, slot=slot, max_tokens=400) for slot in (0, 1)]
        tasks = [asyncio.ensure_future(collect(worker, prompt)) for prompt in prompts]
        await asyncio.sleep(0.5)
        os.kill(worker.pid, signal.SIGKILL)
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises(EngineUnavailable) as meanwhile:
            await collect(worker, prompts[0])
        await until(worker.ready)
        again = await collect(worker, chat("Hi"))

    assert [error.code for error in errors] == ["engine.crashed"] * 2  # type: ignore[union-attr]
    assert meanwhile.value.code == "engine.restarting"
    assert again


async def test_stopping_leaves_nothing_behind(model_file: Path, worker_on: Any, chat: Any, collect: Any) -> None:
    async with worker_on(model_file, SMALL) as worker:
        pid, socket = worker.pid, worker._socket
        await worker.stop()
        await worker.stop()

        assert not is_running(pid)
        assert not socket.exists()
        assert not worker.ready()
        with pytest.raises(EngineUnavailable):
            await collect(worker, chat("hi"))


async def test_worker_dies_with_its_gateway(model_file: Path, short_dir: Path, repository: Path) -> None:
    program = f"""
import asyncio
from pathlib import Path
from gateway.engines.xllamacpp import ManagedWorker
from gateway.settings import EngineSettings
async def main():
    settings = EngineSettings(threads=1, context_tokens=256, slots=1)
    worker = ManagedWorker(settings, weights=Path("{model_file}"), model="m", run_dir=Path("{short_dir}"))
    await worker.start()
    print(worker.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=repository, stdout=subprocess.PIPE) as gateway:  # noqa: ASYNC220
        assert gateway.stdout is not None
        pid = int(await asyncio.to_thread(gateway.stdout.readline))
        assert is_running(pid)
        gateway.kill()

        await until(lambda: not is_running(pid), 5)


async def test_unreadable_weights_are_told(short_dir: Path) -> None:
    broken = short_dir / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    worker = ManagedWorker(SMALL, weights=broken, model="m", run_dir=short_dir)

    with pytest.raises(EngineUnavailable) as caught:
        await worker.start()

    assert caught.value.code == "engine.start_failed"
    assert worker.pid is None


async def test_late_start_is_told_and_cleaned_up(model_file: Path, short_dir: Path) -> None:
    settings = msgspec.structs.replace(SMALL, start_timeout_seconds=0.05)
    worker = ManagedWorker(settings, weights=model_file, model="m", run_dir=short_dir)

    with pytest.raises(EngineUnavailable, match="in time"):
        await worker.start()

    assert worker.pid is None


def test_socket_path_that_is_too_long_names_the_mend(tmp_path: Path) -> None:
    worker = ManagedWorker(SMALL, weights=tmp_path, model="m", run_dir=tmp_path / ("x" * 90))

    with pytest.raises(SetupError, match="run_dir"):
        asyncio.run(worker.start())


@pytest.mark.parametrize(("choice", "starts"), [("required", False), ("best-effort", True)])
async def test_worker_without_locks_starts_only_where_that_is_accepted(
    model_file: Path, short_dir: Path, monkeypatch: pytest.MonkeyPatch, choice: Any, starts: bool
) -> None:
    shim = short_dir / "sitecustomize.py"
    shim.write_text("from gateway.engines import sandbox\nsandbox.lock_in = lambda rules: {'seccomp': 'off: barred'}\n")
    monkeypatch.setattr("gateway.engines.child._ENVIRONMENT", {"PYTHONPATH": f"{short_dir}:."})
    settings = msgspec.structs.replace(SMALL, sandbox=choice)
    worker = ManagedWorker(settings, weights=model_file, model="m", run_dir=short_dir)

    try:
        await worker.start()
        outcome = ""
    except EngineUnavailable as error:
        outcome = error.code
    await worker.stop()

    assert outcome == ("" if starts else "engine.sandbox")
    assert worker.locks == {"seccomp": "off: barred"}
    assert sandbox.unmet(worker.locks)


def test_restarts_come_slower_but_never_rarely() -> None:
    assert [_delay_seconds(failures) for failures in range(9)] == [0.0, 0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0]
