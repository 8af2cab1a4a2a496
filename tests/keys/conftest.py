"""Parts of the tests of keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keys.installation import Installation


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    """A started installation with plain files."""
    made = Installation(tmp_path)
    made.start()
    yield made
    made.stop()
