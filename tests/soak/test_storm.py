"""The short form of the storm; ``make soak`` is the long one."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from running import Running, install
from storm import blow


@pytest.mark.real
@pytest.mark.slow
async def test_a_short_storm_leaves_everything_in_order(model_file: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    install(folder, model_file)
    running = Running(folder)
    try:
        weather = await blow(running.start(), seed=1, seconds=20)
        assert weather.kills
        assert running.stop() == 0
    finally:
        running.stop()
        shutil.rmtree(folder)
