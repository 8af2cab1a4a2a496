"""Makes the cordon importable to its tests, and what cannot be proven a failure that says so."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cordon.run import Barred, Plan, Report, watch


@pytest.fixture(scope="session")
def observe() -> Callable[..., Report]:
    """Runs a plan behind the cordon; where that cannot stand, nothing is proven and the test fails by that name."""

    def run(plan: Plan, folder: Path, own_folders: Sequence[Path] = ()) -> Report:
        try:
            return watch(plan, folder, own_folders)
        except Barred as barred:
            return pytest.fail(f"not proven: {barred}")

    return run
