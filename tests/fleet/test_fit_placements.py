"""Models come and go on a machine that holds few of them: the planner never places more than the kernel gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured_load import MIB
from placements import place

pytestmark = [pytest.mark.real, pytest.mark.slow]


async def test_ten_placements_and_the_kernel_ends_none(tmp_path: Path) -> None:
    found = await place(10, seed=11, folder=tmp_path, machine_bytes=900 * MIB)

    assert (found.killed, found.failed) == (0, [])
    assert found.placed >= 10
    assert found.left > 0  # the machine was full
    assert found.most_used <= 900 * MIB
