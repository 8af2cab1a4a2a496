"""Which tests may run beside others: every real one is run exactly once, beside others or alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import conftest


@pytest.mark.parametrize("name", [*conftest.ALONE, *conftest.BESIDE_OTHERS])
def test_each_beginning_is_that_of_a_file(repository: Path, name: str) -> None:
    assert list((repository / "tests").glob(f"{name}*"))


@pytest.mark.parametrize("name", conftest.BESIDE_OTHERS)
def test_an_exception_is_one(name: str) -> None:
    assert name.startswith(conftest.ALONE)


def test_make_test_chooses_each_real_test_once(repository: Path) -> None:
    text = (repository / "Makefile").read_text(encoding="utf-8")
    chosen = [line.partition('-m "')[2].partition('"')[0] for line in text.splitlines() if ':= -m "' in line]

    assert chosen == ["not real and not slow", "(real or slow) and not alone", "(real or slow) and alone"]
