"""Models come and go on a machine that holds few of them: the planner never places more than the kernel gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_models import RECIPES, smaller, write
from measured_load import MIB, predicted, running
from placements import forget, group, place

from gateway.fleet.fit.memory import Wish

pytestmark = [pytest.mark.real, pytest.mark.slow]


async def test_ten_placements_and_the_kernel_ends_none(tmp_path: Path) -> None:
    found = await place(10, seed=11, folder=tmp_path, machine_bytes=900 * MIB)

    assert (found.killed, found.failed) == (0, [])
    assert found.placed >= 10
    assert found.left > 0  # the machine was full
    assert found.most_used <= 900 * MIB


async def test_spare_pages_are_given_back_when_there_is_no_room_for_them(tmp_path: Path) -> None:
    """A model whose file is twice what it needs answers where there is room for what it needs alone."""
    wish = Wish(1024, 2)
    file = forget(write(smaller(RECIPES["experts"], vocabulary=4000), tmp_path / "m.gguf"))
    price = predicted(file, wish)
    assert price.spare > 150 * MIB

    with group(price.total()) as kernel:
        async with running(file, wish, kernel.take) as worker:
            assert worker.ready()
        assert kernel.kills == 0
