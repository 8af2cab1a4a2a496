"""Names, aliases and the refusal of manifests that say something else than we understand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import SetupError
from gateway.registry.catalogue import read_manifests
from gateway.registry.store import ContentStore

SHIPPED = Path(__file__).resolve().parents[2] / "models"


def test_every_manifest_that_ships_can_be_read() -> None:
    manifests = read_manifests(SHIPPED)

    assert "smollm2-135m-instruct" in [manifest.name for manifest in manifests]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"size_bytes": "many"}, "size_bytes"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"sha256": "../../etc/passwd"}, "sha256"),
        ({"sha256": "A" * 64}, "sha256"),
        ({"name": "a/b"}, "name"),
        ({"aliases": ["a b"]}, "aliases"),
        ({"capabilities": ["fly"]}, "capabilities"),
        ({"capabilities": []}, "capabilities"),
        ({"context_tokens": -1}, "context_tokens"),
    ],
)
def test_a_wrong_manifest_is_refused_naming_file_and_field(
    write_manifest: Callable[..., Path], changes: dict[str, Any], named: str
) -> None:
    path = write_manifest("tiny", **changes)

    with pytest.raises(SetupError) as refusal:
        read_manifests(path.parent)

    assert str(path) in str(refusal.value)
    assert named in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[1, 2]", "name: [", "name: tiny"])
def test_a_file_that_is_no_manifest_is_refused(write_manifest: Callable[..., Path], text: str) -> None:
    path = write_manifest("tiny")
    path.write_text(text)

    with pytest.raises(SetupError, match=r"tiny\.yaml"):
        read_manifests(path.parent)


@pytest.mark.parametrize("claim", [{"name": "tiny"}, {"aliases": ["tiny"]}, {"aliases": ["tiny-alias"]}])
def test_two_models_cannot_claim_one_name(write_manifest: Callable[..., Path], claim: dict[str, Any]) -> None:
    folder = write_manifest("tiny").parent
    write_manifest("other", **claim)

    with pytest.raises(SetupError, match="claim the model name tiny"):
        read_manifests(folder)


def test_a_model_is_found_by_name_and_alias(store: ContentStore) -> None:
    assert store.find("tiny") is store.find("tiny-alias")
    assert store.canonical("tiny-alias") == "tiny"
    assert store.find("TINY") is None
    assert store.names() == ["tiny", "tiny-alias"]


def test_an_alias_counts_at_once_and_after_a_restart(open_store: Callable[[], ContentStore]) -> None:
    store = open_store()

    store.set_alias("openai/gpt-4o-mini", "tiny")

    assert store.canonical("openai/gpt-4o-mini") == "tiny"
    assert open_store().canonical("openai/gpt-4o-mini") == "tiny"
    assert open_store().aliases() == {"openai/gpt-4o-mini": "tiny"}


def test_a_sites_alias_wins_over_a_manifests(
    write_manifest: Callable[..., Path], open_store: Callable[[], ContentStore]
) -> None:
    write_manifest("other")
    store = open_store()

    store.set_alias("tiny-alias", "other")

    assert store.canonical("tiny-alias") == "other"


@pytest.mark.parametrize(
    ("alias", "model"), [("tiny", "tiny"), ("new", "absent"), ("new", "tiny-alias"), ("a b", "tiny")]
)
def test_an_alias_that_would_mislead_is_refused(store: ContentStore, alias: str, model: str) -> None:
    with pytest.raises(SetupError) as refusal:
        store.set_alias(alias, model)

    assert refusal.value.exit_code == 2
    assert store.aliases() == {}


@pytest.mark.parametrize("text", ["- a", "a: 1", "tiny: tiny", "a: absent", "a: {b: c}"])
def test_an_alias_file_of_another_shape_is_refused(
    open_store: Callable[[], ContentStore], tmp_path: Path, text: str
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "aliases.yaml").write_text(text)

    with pytest.raises(SetupError, match=r"aliases\.yaml"):
        open_store()


ADAPTER = {"kind": "adapter", "capabilities": [], "context_tokens": 0, "aliases": [], "lineage": {"base": "tiny"}}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"capabilities": ["chat"]}, "capabilities"),
        ({"context_tokens": 512}, "context_tokens"),
        ({"lineage": {}}, "lineage.base"),
        ({"lineage": {"base": "a/b"}}, "lineage.base"),
        ({"aliases": ["x"]}, "aliases"),
        ({"kind": "projector"}, "kind"),
        ({"chat_template_sha256": "x"}, "chat_template_sha256"),
        ({"lineage": {"base": "tiny", "mother": "x"}}, "mother"),
    ],
)
def test_an_adapter_says_what_it_is_for_and_nothing_more(
    write_manifest: Callable[..., Path], changes: dict[str, Any], named: str
) -> None:
    path = write_manifest("tone", **(ADAPTER | changes))
    with pytest.raises(SetupError, match=re.escape(named)):
        read_manifests(path.parent)


def test_an_adapter_is_asked_for_as_model_and_adapter(
    write_manifest: Callable[..., Path], open_store: Callable[[], ContentStore]
) -> None:
    write_manifest("tone", **ADAPTER)
    write_manifest("other", sha256="b" * 64)
    store = open_store()

    assert [store.canonical(name) for name in ("tiny:tone", "tiny-alias:tone", "other:tone", "tiny:x", ":tone")] == [
        *("tiny", "tiny", None, None, None)
    ]
    assert [store.adapter_of(name) for name in ("tiny:tone", "tiny-alias:tone", "tiny", "other:tone")] == [
        *("tone", "tone", "", "")
    ]
    assert store.names() == ["other", "other-alias", "tiny", "tiny-alias", "tiny:tone"]
    assert [adapter.name for adapter in store.adapters("tiny")] == ["tone"]


def test_an_alias_with_a_colon_is_an_alias(open_store: Callable[[], ContentStore]) -> None:
    store = open_store()
    store.set_alias("tiny:tone", "tiny")
    assert (store.canonical("tiny:tone"), store.adapter_of("tiny:tone")) == ("tiny", "")


def test_a_manifest_as_the_last_release_wrote_it_is_read(write_manifest: Callable[..., Path]) -> None:
    path = write_manifest("tiny")
    path.write_text(
        "name: house\nfile: house.gguf\nsha256: " + "a" * 64 + "\nsize_bytes: 10\nquantisation: Q4_K_M\n"
        "context_tokens: 2048\ncapabilities:\n- chat\n- complete\nlicence: MIT\norigin: added from a file\n"
        "aliases: []\ndescription: ''\ndemonstration: false\nchat_template: ''\n"
    )
    (manifest,) = read_manifests(path.parent)
    assert (manifest.name, manifest.kind, manifest.signature, manifest.lineage.base) == ("house", "model", "", "")
