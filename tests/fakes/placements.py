"""Models placed on a machine again and again, by the planner alone, while the kernel holds them to the machine's size.

The machine is a control group of its own with that much memory and no more, so that a price which is too low ends in
an out-of-memory kill, as it would on a real machine. Where this process may not make control groups, only the sums
are checked. Two models load at once; before a load that does not fit, the oldest resident leaves. ::

    found = await place(10, seed=1, folder=tmp_path, machine_bytes=900 * MIB)
    found.placed, found.killed, found.most_used
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from made_models import RECIPES, smaller, write
from measured_load import predicted, private_bytes, running

from gateway.errors import EngineUnavailable
from gateway.fleet.fit.devices import Device, Machine, features
from gateway.fleet.fit.memory import RAM, Wish
from gateway.fleet.fit.plan import plan
from gateway.fleet.fit.shape import shape_of
from gateway.registry.gguf import read_layout

_SMALL = {
    "dense": {"layers": 8, "inner": 512, "vocabulary": 4000},
    "many-heads": {"layers": 2, "inner": 512, "vocabulary": 4000},
    "experts": {"layers": 4, "inner": 256, "experts": 4, "vocabulary": 4000},
    "windows": {"layers": 6, "inner": 512, "vocabulary": 4000},
    "state": {"layers": 4, "vocabulary": 4000},
}
"""Little weight, so that most of what is placed is cache: pages that the kernel cannot take back."""

_CONTEXTS = [2048, 8192, 32768, 131072]
"""The longest fits seldom: then as much is loaded as the machine holds, to the brim."""


class Group:
    """A control group with a limit; ``kills`` counts what the kernel ended in it. No folder: it was not allowed."""

    def __init__(self, folder: Path | None, old: bool) -> None:
        self.folder = folder
        self._old = old

    def take(self, pid: int) -> None:
        if self.folder is not None:
            with suppress(ProcessLookupError):
                (self.folder / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self) -> int:
        if self.folder is None:
            return 0
        file = self.folder / ("memory.oom_control" if self._old else "memory.events")
        words = dict(line.split() for line in file.read_text().splitlines())
        return int(words.get("oom_kill", 0))


@contextmanager
def group(limit: int) -> Iterator[Group]:
    """Make a control group of this test's own, beside all others, and remove it."""
    old = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists()
    folder = Path("/sys/fs/cgroup/memory" if old else "/sys/fs/cgroup") / f"sekisho-placements-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(limit))
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        yield Group(None, old)
        return
    try:
        yield Group(folder, old)
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), 9)  # an engine of ours that was not stopped
        folder.rmdir()


def forget(file: Path) -> Path:
    """Have the kernel forget a file's pages, so that whoever reads it next is charged for them; return it."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return file


@dataclass
class Found:
    placed: int = 0
    left: int = 0
    too_large: int = 0
    failed: list[str] = field(default_factory=list)
    killed: int = 0
    most_used: int = 0  # bytes of all engines' own pages at once
    held: bool = False  # by a control group


@dataclass
class _Resident:
    price: int
    held: AbstractAsyncContextManager[Any]
    pid: int


class _Machine:
    """The ledger of the test: what is there, and who has what of it."""

    def __init__(self, size: int, files: list[Path], kernel: Group) -> None:
        self.size = size
        self.shapes = {file: shape_of(read_layout(file)) for file in files}
        self.kernel = kernel
        self.residents: list[_Resident] = []
        self.loading = 0
        self.found = Found(held=kernel.folder is not None)

    @property
    def free(self) -> int:
        return self.size - self.loading - sum(resident.price for resident in self.residents)

    def _as_planned_with(self, free: int) -> Machine:
        return Machine(Device(RAM, "test", self.size, free), (), features())

    async def admit(self, file: Path, wish: Wish) -> Wish | None:
        """Reserve room for a load, sending the oldest out; return what may be loaded, ``None`` for nothing."""
        whole = plan(self.shapes[file], wish, self._as_planned_with(self.size))
        if not whole.fits:
            self.found.too_large += 1
            if not whole.most_context:
                return None
            wish = replace(wish, context_tokens=whole.most_context)
        while not (now := plan(self.shapes[file], wish, self._as_planned_with(self.free))).fits:
            if not self.residents:
                return None  # the other load has the room
            oldest = self.residents.pop(0)
            await oldest.held.__aexit__(None, None, None)
            self.found.left += 1
        self.loading += now.price.total()
        return wish

    async def load(self, file: Path, wish: Wish) -> None:
        price = predicted(file, wish).total()
        held = running(file, wish, self.kernel.take)
        try:
            worker = await held.__aenter__()
        except EngineUnavailable as error:
            self.found.failed.append(f"{file.name} {wish}: {error.code}")
            return
        finally:
            self.loading -= price
        assert worker.pid is not None
        self.residents.append(_Resident(price, held, worker.pid))
        self.found.placed += 1
        used = sum(private_bytes(resident.pid) for resident in self.residents)
        self.found.most_used = max(self.found.most_used, used)

    async def close(self) -> None:
        for resident in self.residents:
            await resident.held.__aexit__(None, None, None)


async def place(count: int, *, seed: int, folder: Path, machine_bytes: int) -> Found:
    """Place so many models, two at a time, and return what happened."""
    chance = random.Random(seed)
    made = {folder / f"{name}.gguf": smaller(RECIPES[name], **sizes) for name, sizes in _SMALL.items()}
    files = [forget(write(recipe, file)) for file, recipe in made.items()]
    with group(machine_bytes) as kernel:
        machine = _Machine(machine_bytes, files, kernel)
        try:
            while machine.found.placed + len(machine.found.failed) < count:
                wanted = []
                for _ in range(2):
                    file = chance.choice(files)
                    wish = Wish(chance.choice(_CONTEXTS), chance.randint(1, 4), chance.choice([0, 30]))
                    admitted = await machine.admit(file, wish)
                    wanted += [machine.load(file, admitted)] if admitted else []
                await asyncio.gather(*wanted)
            machine.found.killed = kernel.kills
        finally:
            await machine.close()
    return machine.found
