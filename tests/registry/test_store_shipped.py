"""Weights that came with the installed version are found, and never written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gateway.registry import store as store_module
from gateway.registry.store import ContentStore


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(store_module, "SHIPPED", folder)
    return folder


@pytest.fixture
def store(tmp_path: Path, repository: Path) -> ContentStore:
    return ContentStore(repository / "models", tmp_path / "store")


def test_what_came_with_the_version_is_there(shipped, store):
    manifest = store.find("smollm2")
    (shipped / manifest.sha256).write_bytes(b"not the weights")
    assert manifest not in store.missing()
    found = store.verify("smollm2")
    assert (found.path, found.status) == (shipped / manifest.sha256, "wrong size")


def test_the_sites_own_comes_first(shipped, store, tmp_path):
    manifest = store.find("smollm2")
    for folder in (shipped, tmp_path / "store" / "sha256"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / manifest.sha256).write_bytes(b"x")
    assert store.verify("smollm2").path == tmp_path / "store" / "sha256" / manifest.sha256


@pytest.mark.real
def test_what_is_added_goes_into_the_sites_own(shipped, store, tmp_path, model_file):
    manifest = store.find("smollm2")
    damaged = shipped / manifest.sha256
    damaged.write_bytes(b"damaged")
    place = store.add(model_file, manifest)
    assert place == tmp_path / "store" / "sha256" / manifest.sha256
    assert hashlib.sha256(damaged.read_bytes()).digest() == hashlib.sha256(b"damaged").digest()
    assert store.verify("smollm2").status == "ok"
