"""Set-up's own modules, which run before anything is installed and so are no package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

NAMES = ("embedding", "embedding_take", "environment", "layout", "llama", "model", "nginx", "opa", "progress")


@pytest.fixture
def part(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Import one of set-up's modules; what they write goes to ``tmp_path``, and no trace of them stays."""
    monkeypatch.syspath_prepend(repository / "offline-bundle" / "deps")
    layout = importlib.import_module("layout")
    for name in ("CACHE", "STORE", "LOGS", "DOWNLOADS", "VENV"):
        monkeypatch.setattr(layout, name, tmp_path / name.lower())
    yield importlib.import_module
    for name in NAMES:
        sys.modules.pop(name, None)
