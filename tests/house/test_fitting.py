"""What the house plans loads with: the settings of each model, the engine that is there, the machine as it is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import yaml
from made_models import RECIPES, smaller, write

from gateway.engines.shelf import BuiltEngine
from gateway.errors import SetupError
from gateway.fleet.fit.devices import Device, Machine
from gateway.fleet.fit.memory import Price
from gateway.house.fitting import Fitting
from gateway.house.prices import Prices
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, FleetSettings, ModelSettings, Settings

MIB, GIB = 1024**2, 1024**3
TINY = smaller(RECIPES["dense"], layers=2, width=256, heads=4, kv_heads=2, inner=256, vocabulary=512)
MODEL = ModelSettings(model="tiny")


def a_machine(*gpus: int) -> Machine:
    found = tuple(Device(f"gpu:{number}", "GPU", free, free) for number, free in enumerate(gpus))
    return Machine(Device("ram", "CPU", 8 * GIB, 8 * GIB), found, frozenset({"avx2"}))


def built(cuda: str = "", repack: bool = True) -> BuiltEngine:
    return BuiltEngine("d", "llama-server", "source", "0" * 64, (), "cc", "x86_64", ("avx2",), cuda, repack=repack)


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    """A store with one model, two layers in Q8_0."""
    folder = tmp_path / "store" / "sha256"
    folder.mkdir(parents=True)
    file = write(TINY, tmp_path / "tiny.gguf")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    size = file.stat().st_size
    file.rename(folder / digest)
    said = {"name": "tiny", "file": "tiny.gguf", "sha256": digest, "size_bytes": size, "quantisation": "Q8_0"}
    more = {"context_tokens": 2048, "capabilities": ["chat"], "licence": "MIT", "origin": "made for a test"}
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "tiny.yaml").write_text(yaml.safe_dump(said | more))
    return ContentStore(tmp_path / "manifests", tmp_path / "store")


def desk(store: ContentStore, machine: Machine, engine: BuiltEngine | None = None, **settings: object) -> Fitting:
    made = Fitting(Settings(engine=EngineSettings(slots=2, context_tokens=2048), **settings), store)  # type: ignore[arg-type]
    made.machine = machine
    made.__dict__["_engine"] = engine
    return made


def test_a_model_is_planned_as_the_settings_have_it(store: ContentStore) -> None:
    wish = desk(store, a_machine()).plan(ModelSettings(model="tiny", slots=3)).wish

    assert (wish.context_tokens, wish.slots, wish.mode) == (2048, 3, "chat")


def test_a_question_may_ask_for_something_else(store: ContentStore) -> None:
    assert desk(store, a_machine()).plan(MODEL, context_tokens=512).wish.context_tokens == 512


def test_adapters_lie_beside_the_model(store: ContentStore, tmp_path: Path) -> None:
    said = {"name": "tone", "file": "t.gguf", "sha256": "b" * 64, "size_bytes": 7 * MIB, "quantisation": "F16"}
    more = {"context_tokens": 0, "capabilities": [], "licence": "MIT", "origin": "a test", "kind": "adapter"}
    (tmp_path / "manifests" / "tone.yaml").write_text(yaml.safe_dump(said | more | {"lineage": {"base": "tiny"}}))
    adapted = ContentStore(tmp_path / "manifests", tmp_path / "store")

    alone, beside = (desk(each, a_machine()).plan(MODEL).price.by_device["ram"].weights for each in (store, adapted))

    assert beside - alone == 7 * MIB


def test_the_wheel_plans_without_gpus(store: ContentStore) -> None:
    made = desk(store, a_machine(8 * GIB))

    assert not made.uses_gpus
    assert [place.name for place in made.places(MODEL)] == ["ram"]


def test_an_engine_for_gpus_takes_all_layers_there(store: ContentStore) -> None:
    ram, gpu = desk(store, a_machine(8 * GIB), built(cuda="13.0")).places(MODEL)

    assert (ram.plan.price.gpu_layers, gpu.plan.price.gpu_layers) == (0, 3)
    assert set(gpu.plan.price.by_device) == {"ram", "gpu:0"}


def test_what_is_kept_free_is_a_share_and_at_least_something(store: ContentStore) -> None:
    kept = desk(store, a_machine(20 * GIB)).kept_free

    assert kept == {"ram": int(8 * GIB * 0.05), "gpu:0": GIB}
    small = Machine(Device("ram", "CPU", GIB, GIB), (), frozenset())
    assert desk(store, small).kept_free == {"ram": 256 * MIB}


def test_a_budget_of_the_settings_is_all_that_there_is(store: ContentStore) -> None:
    made = desk(store, a_machine(), fleet=FleetSettings(memory_mib=100))

    assert made.plan(MODEL).free == {"ram": 100 * MIB}


def test_the_longest_context_is_no_longer_than_the_model_was_trained_for(store: ContentStore) -> None:
    (place,) = desk(store, a_machine()).places(MODEL)

    assert place.longest_context == 131072
    assert place.most_slots == 64


def test_a_file_that_is_not_there_is_refused_with_the_mend(store: ContentStore, tmp_path: Path) -> None:
    next((tmp_path / "store" / "sha256").iterdir()).unlink()

    with pytest.raises(SetupError, match="not in the store"):
        desk(store, a_machine()).plan(MODEL)


def test_spare_pages_of_loaded_models_are_free(store: ContentStore) -> None:
    prices = Prices(Settings(), store)
    prices._running = {os.getpid(): Price({}, 0, spare=1, rough=False), 2**22 - 1: Price({}, 0, spare=1, rough=False)}

    assert prices.free()["ram"] > 0
    assert list(prices._running) == [os.getpid()]  # the other one has ended


def test_a_model_is_loaded_with_the_layers_that_its_price_counts(store: ContentStore) -> None:
    prices = Prices(Settings(), store)
    prices._fitting = desk(store, a_machine(8 * GIB), built(cuda="13.0"))

    before = prices.settled(MODEL)
    prices.of(MODEL)

    assert (before.gpu_layers, prices.settled(MODEL).gpu_layers) == (None, 3)
