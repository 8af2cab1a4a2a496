"""What HTTP asks about models, of a store with one small embedding model and a fleet that serves it."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
import pytest
import yaml

from gateway.domain import Capability, Target
from gateway.house.models import ServedModels
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore

WORDS = ["[CLS]", "▁press"]


class Fleet:
    """One target that embeds with ``small``, and one that chats with a model of which no file is here."""

    def targets(self) -> list[Target]:
        able = {"small": Capability.EMBED, "elsewhere": Capability.EMBED, "talker": Capability.CHAT}
        return [Target(f"a/b/c:{m}", m, (can,), "a", "b", "DE", True) for m, can in able.items()]


def small(file: Path) -> None:
    writer = gguf.GGUFWriter(file, "bert")
    writer.add_embedding_length(16)
    writer.add_context_length(32)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(WORDS)
    writer.add_token_types([3, 1])
    writer.add_tensor("token_embd.weight", np.zeros((2, 32), "<f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    file = tmp_path / "small.gguf"
    small(file)
    manifest = Manifest(
        name="small",
        file=file.name,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        size_bytes=file.stat().st_size,
        quantisation="F32",
        context_tokens=32,
        capabilities=("embed",),
        licence="MIT",
        origin="made here",
        aliases=("little",),
        dimensions=(8, 4),
    )
    talker = msgspec.structs.replace(manifest, name="talker", sha256="0" * 64, aliases=(), capabilities=("chat",))
    (tmp_path / "models").mkdir()
    for each in (manifest, talker):
        (tmp_path / "models" / f"{each.name}.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(each)))
    store = ContentStore(tmp_path / "models", tmp_path / "store")
    store.add(file, manifest)
    return store


@pytest.fixture
def models(store: ContentStore) -> ServedModels:
    fleet: Any = Fleet()
    return ServedModels(fleet, store)


def test_a_model_is_known_by_every_name_it_has(models: ServedModels) -> None:
    assert [models.serves(name, Capability.EMBED) for name in ("small", "little", "talker", "nobody")] == [
        *(True, True, False, False)
    ]


async def test_sizes_are_its_own_and_those_it_was_trained_for(models: ServedModels) -> None:
    assert await models.sizes("little") == [4, 8, 16]


@pytest.mark.parametrize("model", ["elsewhere", "talker", "nobody"])
async def test_of_what_is_not_here_or_does_not_embed_nothing_is_known(models: ServedModels, model: str) -> None:
    assert not await models.sizes(model)
    with pytest.raises(LookupError):
        await models.text(model, [1])


async def test_ids_are_spelled_by_the_models_own_words(models: ServedModels) -> None:
    assert await models.text("little", [0, 1, 1]) == "press press"
    with pytest.raises(ValueError, match="id"):
        await models.text("small", [2])


async def test_a_file_is_read_once_however_many_ask(
    models: ServedModels, store: ContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    weights = store.weights
    monkeypatch.setattr(store, "weights", lambda manifest: loads.append(manifest.name) or weights(manifest))

    await asyncio.gather(*(models.text("small", [1]) for _ in range(20)), models.sizes("small"))

    assert loads == ["small"]


async def test_of_a_file_that_changed_nothing_is_known_until_it_is_mended(
    models: ServedModels, store: ContentStore
) -> None:
    manifest = store.find("small")
    assert manifest
    path = store.weights(manifest)
    path.chmod(0o644)
    right = path.read_bytes()
    path.write_bytes(right[:-1] + b"x")

    with pytest.raises(LookupError):
        await models.text("small", [1])

    path.write_bytes(right)
    assert await models.text("small", [1]) == "press"
