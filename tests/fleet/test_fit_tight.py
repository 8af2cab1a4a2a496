"""A load has what it was priced at, and not a page more: the kernel ends none, and the price was near what it took."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured_load import MIB
from tight_placements import SHAPES, tight

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]


async def test_loads_of_any_kind_stay_within_their_price(tmp_path: Path) -> None:
    """Three of two hundred: ``tests/soak/tight_placements.py`` is the long form."""
    found = [one async for one in tight(3, seed=5, folder=tmp_path, most_bytes=150 * MIB)]

    assert all(one.shape in SHAPES for one in found)
    for one in found:
        assert (one.killed, one.failed) == (0, ""), one
        assert one.is_within, f"{one.error / MIB:+.0f} MiB of {one.shown / MIB:.0f}: {one}"
        assert one.keeps_its_weights, one
