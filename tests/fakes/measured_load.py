"""Starts the real child with a model, has it read and answer as much as its buffers hold, and counts its memory.

found = await load(file, Wish(context_tokens=4096, slots=4))
found.shown, found.price.resident, found.is_within   # bytes, bytes, within max(100 MiB, 5 %)
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.domain import Capability, Prompt
from gateway.engines.config import Extras
from gateway.engines.xllamacpp import ManagedWorker
from gateway.fleet.fit.devices import look
from gateway.fleet.fit.memory import Price, Wish, batch_of, price_of, together
from gateway.fleet.fit.plan import WHEEL
from gateway.fleet.fit.shape import shape_of
from gateway.fleet.fit.taken import resident_bytes
from gateway.registry.gguf import read_layout
from gateway.settings import EngineSettings

MIB = 1024 * 1024


@dataclass(frozen=True)
class Measured:
    """``shown``: bytes of the process's own pages and of its mapped files, which count in full though another process
    may have mapped them, too; ``private``: of its own pages alone."""

    price: Price
    shown: int
    private: int

    @property
    def error(self) -> int:
        """How far the prediction is above what was measured, in bytes."""
        return self.price.resident - self.shown

    @property
    def is_within(self) -> bool:
        return abs(self.error) <= max(100 * MIB, self.shown // 20)


def predicted(file: Path, wish: Wish, draft: Path | None = None) -> Price:
    build = WHEEL & look().features
    price = price_of(shape_of(read_layout(file)), wish, build=build)
    return together(price, price_of(shape_of(read_layout(draft)), wish, build=build)) if draft else price


def settings_for(wish: Wish) -> EngineSettings:
    return EngineSettings(
        threads=2,
        context_tokens=wish.context_tokens,
        slots=wish.slots,
        batch_tokens=wish.batch_tokens,
        gpu_layers=0,
        kv_type=wish.cache_type,  # type: ignore[arg-type]
        start_timeout_seconds=100.0,
        read_timeout_seconds=100.0,
    )


async def load(file: Path, wish: Wish, draft: Path | None = None) -> Measured:
    """Load a model, perhaps with one that guesses ahead, and measure it once every slot has answered.

    Raises:
        EngineUnavailable: it did not load, or did not answer.
    """
    async with running(file, wish, draft=draft) as worker:
        assert worker.pid is not None
        return Measured(predicted(file, wish, draft), resident_bytes(worker.pid), private_bytes(worker.pid))


@asynccontextmanager
async def running(
    file: Path, wish: Wish, into: Callable[[int], None] | None = None, draft: Path | None = None
) -> AsyncIterator[ManagedWorker]:
    """Run a model whose slots have all answered. ``into`` is given the process's id before it reads any weights."""
    folder = Path(tempfile.mkdtemp(prefix="fit-", dir="/tmp"))
    extras = Extras(mode=wish.mode, draft=draft)
    worker = ManagedWorker(settings_for(wish), weights=file, model="m", run_dir=folder, extras=extras)
    told = asyncio.ensure_future(_tell(worker, into)) if into else None
    try:
        await worker.start()
        for slot in range(wish.slots):
            await _use(worker, wish, slot)
        yield worker
    finally:
        if told is not None:
            told.cancel()
        await worker.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _tell(worker: ManagedWorker, into: Callable[[int], None]) -> None:
    """Look for the process every millisecond: its interpreter alone takes fifty to start."""
    while (pid := worker.pid) is None:  # noqa: ASYNC110 - the worker has no event for it
        await asyncio.sleep(0.001)
    into(pid)


async def _use(worker: ManagedWorker, wish: Wish, slot: int) -> None:
    """Have one slot read a batch, and answer two tokens or a vector."""
    words = " ".join(["a"] * max(1, min(batch_of(wish, has_gpu=False), wish.context_tokens) // 4))
    if wish.mode == "chat":
        body = {"prompt": words, "max_tokens": 2, "temperature": 0}
        prompt = Prompt("r", Capability.COMPLETE, body, stream=True, slot=slot)
    else:
        prompt = Prompt("r", Capability.EMBED, {"input": words}, stream=False, slot=None)
    async with aclosing(worker.answer(prompt)) as chunks:
        async for _ in chunks:
            pass


def private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))
