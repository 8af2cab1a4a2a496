"""Manifests of the site's own, beside those that ship."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.errors import SetupError
from gateway.registry.store import ContentStore

SHIPPED: dict[str, Any] = {
    "name": "small",
    "file": "small.gguf",
    "sha256": "a" * 64,
    "size_bytes": 10,
    "quantisation": "Q4_1",
    "context_tokens": 512,
    "capabilities": ["chat"],
    "licence": "Apache-2.0",
    "origin": "a wheel",
    "aliases": ["tiny"],
}
OWN = {**SHIPPED, "name": "large", "sha256": "b" * 64, "aliases": ["big"]}


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return open_store(tmp_path)


def open_store(folder: Path) -> ContentStore:
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "small.yaml").write_text(yaml.safe_dump(SHIPPED))
    return ContentStore(folder / "models", folder / "store", folder / "aliases.yaml", folder / "own")


def test_a_registered_model_is_known_at_once_and_after_a_restart(store: ContentStore, tmp_path: Path) -> None:
    store.register(OWN)
    for known in (store, open_store(tmp_path)):
        assert known.canonical("big") == "large"
        assert [manifest.name for manifest in known.manifests()] == ["large", "small"]


def test_registering_again_changes_nothing(store: ContentStore) -> None:
    store.register(OWN)
    store.register(OWN)
    assert len(store.manifests()) == 2


@pytest.mark.parametrize("change", [{"name": "small"}, {"aliases": ["tiny"]}, {"sha256": "x"}, {"surprise": 1}])
def test_a_manifest_that_takes_a_name_or_is_not_valid_is_refused(store: ContentStore, change: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        store.register({**OWN, **change})
    assert [manifest.name for manifest in store.manifests()] == ["small"]


def test_an_alias_may_stand_for_a_model_of_the_sites_own(store: ContentStore, tmp_path: Path) -> None:
    store.register(OWN)
    store.set_alias("gpt-4o", "large")
    assert open_store(tmp_path).canonical("gpt-4o") == "large"


def test_models_are_described_as_plain_data(store: ContentStore) -> None:
    store.set_alias("gpt-4o", "small")
    (described,) = store.describe()
    assert (described["name"], described["site_aliases"], described["present"]) == ("small", ["gpt-4o"], False)


def test_without_a_folder_for_them_no_manifest_is_taken(tmp_path: Path) -> None:
    open_store(tmp_path)
    with pytest.raises(SetupError, match="no folder"):
        ContentStore(tmp_path / "models", tmp_path / "store").register(OWN)
