"""A running gateway for each test that ends, breaks or searches it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import Running, install


@pytest.fixture
def installed(model_file: Path) -> Iterator[Callable[..., Running]]:
    """Make an installation that is not started; whatever of it runs at the end is ended."""
    made: list[Running] = []

    def make(**change: dict[str, Any]) -> Running:
        folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
        install(folder, model_file, **change)
        made.append(Running(folder))
        return made[-1]

    yield make
    for running in made:
        running.stop()
        shutil.rmtree(running.folder)
