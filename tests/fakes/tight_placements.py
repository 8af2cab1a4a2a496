"""Loads with no room to spare: each in a control group of its own, as large as its price and no larger.

What :mod:`placements` tries with a mild mix on one machine, this tries with a harsh one: nine shapes, any context,
slots, batch and type of cache, each load alone, so that no neighbour's slack helps it. A price that is too low ends in
an out-of-memory kill, or in an engine whose weights are thrown out of memory, which its own pages show. ::

    async for one in tight(10, seed=1, folder=tmp_path, most_bytes=700 * MIB):
        one.killed, one.failed, one.is_within
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path

from gguf import GGMLQuantizationType as Kind
from made_models import RECIPES, Recipe, smaller, write
from measured_load import MIB, predicted, private_bytes, running
from placements import forget, group

from gateway.errors import EngineUnavailable
from gateway.fleet.fit.memory import Price, Wish
from gateway.fleet.fit.taken import resident_bytes

SHAPES: dict[str, Recipe] = {
    "as many heads for keys": smaller(RECIPES["many-heads"], layers=3, inner=1024, vocabulary=4000),
    "grouped heads": Recipe(layers=6, kv_heads=2, inner=1024, vocabulary=8000),
    "experts": smaller(RECIPES["experts"], layers=4, inner=256, experts=8, vocabulary=4000),
    "wide heads": Recipe(layers=4, heads=4, kv_heads=2, head=256, inner=1024, vocabulary=4000, kind=Kind.F16),
    "tied, many words": Recipe(layers=4, width=512, heads=8, inner=1024, vocabulary=64000, tied=True),
    "narrow, for long contexts": Recipe(layers=2, width=256, heads=4, kv_heads=1, inner=512, vocabulary=4000),
    "windows": smaller(RECIPES["windows"], layers=12, inner=512, vocabulary=4000),
    "recurrent": smaller(RECIPES["state"], layers=6, vocabulary=4000),
    "latent attention": smaller(RECIPES["latent"], inner=512, vocabulary=4000),  # 27 layers: else it is another model
}

_CACHES = ("f16", "f16", "bf16", "f32", "q8_0", "q5_1", "q4_0")
_WHOLE_CACHES = ("f16", "bf16", "f32")  # of latent attention: its kernels read no quantised keys
_BATCHES = (0, 0, 30, 126)
_LEAST_CONTEXT, _MOST_CONTEXT, _MOST_SLOTS = 256, 131072, 8


@dataclass(frozen=True)
class Tight:
    """One load. ``shown`` are bytes of the process while it served, ``private`` those that no file backs."""

    shape: str
    wish: Wish
    price: Price
    shown: int = 0
    private: int = 0
    killed: int = 0
    failed: str = ""
    held: bool = False  # by a control group

    @property
    def error(self) -> int:
        """How far the price is above what was measured. Pages that are spare may be there or not (rule 2 of fit)."""
        if self.shown <= self.price.total():
            return self.price.total() - self.shown
        return min(0, self.price.resident - self.shown)

    @property
    def is_within(self) -> bool:
        return abs(self.error) <= max(100 * MIB, self.shown // 20)

    @property
    def keeps_its_weights(self) -> bool:
        """Whether what the process made itself left room for the weights that it reads where they are mapped."""
        return self.private <= self.price.total() - self.price.mapped


async def tight(count: int, *, seed: int, folder: Path, most_bytes: int) -> AsyncIterator[Tight]:
    """Load so many, none of a price above ``most_bytes``, and yield what became of each."""
    dice = random.Random(seed)
    names: list[str] = []
    for _ in range(count):
        names = names or dice.sample(list(SHAPES), len(SHAPES))  # every shape comes as often
        name = names.pop()
        file = folder / f"{name}.gguf"
        if not file.exists():
            write(SHAPES[name], file)
        yield await _load(name, forget(file), _wish(dice, name, file, most_bytes))


def _wish(dice: random.Random, name: str, file: Path, most_bytes: int) -> Wish:
    """Return a load of any kind whose price is within the bound: the context is halved until it is."""
    caches = _WHOLE_CACHES if name.startswith("latent") else _CACHES
    context = round(2 ** dice.uniform(log2(_LEAST_CONTEXT), log2(_MOST_CONTEXT)))
    wish = Wish(context, dice.randint(1, _MOST_SLOTS), dice.choice(_BATCHES), dice.choice(caches))
    while predicted(file, wish).total() > most_bytes and wish.context_tokens > _LEAST_CONTEXT:
        wish = replace(wish, context_tokens=wish.context_tokens // 2)
    return wish


async def _load(name: str, file: Path, wish: Wish) -> Tight:
    price = predicted(file, wish)
    shown, private, failed = 0, 0, ""
    with group(price.total()) as kernel:
        try:
            async with running(file, wish, kernel.take) as worker:
                assert worker.pid is not None
                with suppress(OSError):  # it was ended
                    shown, private = resident_bytes(worker.pid), private_bytes(worker.pid)
        except EngineUnavailable as error:
            failed = error.code
        return Tight(name, wish, price, shown, private, kernel.kills, failed, kernel.folder is not None)
