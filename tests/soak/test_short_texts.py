"""The short form of ``tests/soak/texts.py``."""

import runpy
from pathlib import Path

import pytest


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_texts_that_are_all_different(repository: Path) -> None:
    texts = runpy.run_path(str(repository / "tests" / "soak" / "texts.py"))
    windows = list(texts["_windows"](6_400, 7))
    assert len({text for window in windows for text in window}) == 6_400

    part = texts["grow"](6_400, 7)

    assert part["texts"] == 6_400
    assert part["growth"] < texts["MOST_GROWTH"]
