"""What was predicted is what is then measured: the real child, real files of seven shapes with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_models import RECIPES, smaller, write
from measured_load import MIB, load

from gateway.fleet.fit.memory import Wish

pytestmark = [pytest.mark.real, pytest.mark.slow]

LOADS = {
    "dense": (smaller(RECIPES["dense"], layers=8), Wish(8192, 4)),
    "dense, long batches, small cache": (smaller(RECIPES["dense"], layers=4), Wish(4096, 2, 126, "q8_0")),
    "many-heads": (smaller(RECIPES["many-heads"], layers=6), Wish(2048, 4)),
    "experts": (smaller(RECIPES["experts"], layers=4), Wish(4096, 2, 62)),
    "windows": (smaller(RECIPES["windows"], layers=6), Wish(8192, 4)),
    "embedding": (smaller(RECIPES["embedding"], layers=6), Wish(1024, 2, mode="embed")),
    "state": (smaller(RECIPES["state"], layers=8), Wish(4096, 8)),
    "latent": (RECIPES["latent"], Wish(4096, 2)),
}


@pytest.mark.parametrize("name", LOADS)
async def test_a_load_takes_what_was_predicted(name: str, tmp_path: Path) -> None:
    recipe, wish = LOADS[name]

    found = await load(write(recipe, tmp_path / "m.gguf"), wish)

    assert found.is_within, f"{found.error / MIB:+.0f} MiB of {found.shown / MIB:.0f}: {found.price}"
    assert found.private <= sum(parts.total for parts in found.price.by_device.values())


async def test_the_demonstration_model_takes_what_was_predicted(model_file: Path) -> None:
    found = await load(model_file, Wish(4096, 4))

    assert found.is_within, f"{found.error / MIB:+.0f} MiB of {found.shown / MIB:.0f}: {found.price}"


async def test_a_model_that_guesses_ahead_is_counted_with_the_one_it_guesses_for(tmp_path: Path) -> None:
    file = write(smaller(RECIPES["dense"], layers=6), tmp_path / "m.gguf")
    draft = write(smaller(RECIPES["dense"], layers=3), tmp_path / "d.gguf")

    found = await load(file, Wish(8192, 4), draft)

    assert found.is_within, f"{found.error / MIB:+.0f} MiB of {found.shown / MIB:.0f}: {found.price}"
