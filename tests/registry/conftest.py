"""A folder of manifests, a small file that passes for weights, and the store over them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from gguf_files import model

from gateway.registry.store import ContentStore

WEIGHTS = model(fill=7, general__name="made for a test" + "." * 16000)


@pytest.fixture
def weights() -> bytes:
    return WEIGHTS


@pytest.fixture
def write_manifest(tmp_path: Path) -> Callable[..., Path]:
    """Write ``models/<name>.yaml`` for the small file, with any field replaced."""
    folder = tmp_path / "models"
    folder.mkdir()

    def write(name: str = "tiny", /, **changes: Any) -> Path:
        fields = {
            "name": name,
            "file": f"{name}.gguf",
            "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
            "size_bytes": len(WEIGHTS),
            "quantisation": "Q4_1",
            "context_tokens": 512,
            "capabilities": ["chat", "complete"],
            "licence": "Apache-2.0",
            "origin": "made for a test",
            "aliases": [f"{name}-alias"],
        }
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(fields | changes))
        return path

    return write


@pytest.fixture
def open_store(tmp_path: Path, write_manifest: Callable[..., Path]) -> Callable[[], ContentStore]:
    """Open the store as a new process would, with one manifest ``tiny`` unless others are written."""
    write_manifest()
    state = tmp_path / "state" / "aliases.yaml"
    return lambda: ContentStore(tmp_path / "models", tmp_path / "store", aliases=state)


@pytest.fixture
def store(open_store: Callable[[], ContentStore]) -> ContentStore:
    return open_store()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "download.gguf"
    path.write_bytes(WEIGHTS)
    return path
