"""What a house serves by its settings: its own models at their price, others' engines, and what can never fit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from gguf_files import model
from msgspec.structs import replace

from gateway.domain import Capability
from gateway.errors import SetupError
from gateway.house.gauges import families_of
from gateway.house.residents import Residents
from gateway.registry.store import ContentStore
from gateway.sections import VersionSettings
from gateway.settings import EngineSettings, FleetSettings, ModelSettings, RemoteEngineSettings, Settings, SiteSettings
from gateway.telemetry.metrics import Metrics


class Book:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, type: str, **said: Any) -> None:
        self.events.append((type, said))


async def nobody_asks(targets: Any) -> None:
    raise AssertionError("the policy was told")


SITE = SiteSettings(name="plant", node="n1", worker="w0", jurisdiction="DE")
HEADER = {
    "llama__block_count": 2,
    "llama__embedding_length": 32,
    "llama__attention__head_count": 2,
    "llama__context_length": 2048,
}


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., Residents]:
    """Make the residents of a house that knows the models ``tiny`` (also ``alias``), ``small`` and ``gone``."""
    for name, capabilities in (("tiny", ["chat", "complete"]), ("small", ["embed"]), ("gone", ["chat"])):
        raw = model(fill=len(name), **HEADER)
        digest = hashlib.sha256(raw).hexdigest() if name != "gone" else "0" * 64
        said = {
            "name": name, "file": f"{name}.gguf", "sha256": digest, "size_bytes": len(raw), "quantisation": "F32",
            "context_tokens": 2048, "capabilities": capabilities, "licence": "MIT", "origin": "made for a test",
            "aliases": ["alias"] if name == "tiny" else [],
        }  # fmt: skip
        place = tmp_path / "data" / "store" / "sha256"
        place.mkdir(parents=True, exist_ok=True)
        if name != "gone":
            (place / digest).write_bytes(raw)
        (tmp_path / "manifests").mkdir(exist_ok=True)
        (tmp_path / "manifests" / f"{name}.yaml").write_text(yaml.safe_dump(said))

    ours = EngineSettings(model="tiny", context_tokens=512, slots=2, queue=7)

    def make(
        *models: ModelSettings,
        engine: EngineSettings = ours,
        engines: tuple[RemoteEngineSettings, ...] = (),
        **fleet: Any,
    ) -> Residents:
        its = Settings(
            site=SITE,
            engine=engine,
            fleet=FleetSettings(models=models, engines=engines, **fleet),
            data_dir=str(tmp_path / "data"),
        )
        return Residents(its, ContentStore(tmp_path / "manifests", its.store), Book())  # type: ignore[arg-type]

    return make


def test_without_a_list_the_engines_model_is_served(house: Any) -> None:
    residents = house()

    (target,) = residents.fleet().targets()
    assert (target.id, target.same_node, target.jurisdiction) == ("plant/n1/w0:tiny", True, "DE")
    assert residents.keeper.rules.residents["tiny"].pinned


def test_models_are_named_by_alias_too_and_do_what_their_manifest_says(house: Any) -> None:
    residents = house(ModelSettings(model="alias"), ModelSettings(model="small", ttl_seconds=5, queue=3))

    first, second = residents.fleet().targets()
    assert (first.model, second.model, second.capabilities) == (
        *("tiny", "small"),
        (Capability.EMBED, Capability.TOKENIZE),
    )
    assert residents.keeper.rules.residents["small"].ttl_seconds == 5
    desks = {desk.home.target.model: desk for desk in residents.fleet().desks()}
    assert [desks[name].most_waiting for name in ("tiny", "small")] == [7, 3]


def test_a_longer_context_costs_more(house: Any) -> None:
    short, long = (house(ModelSettings(model="tiny", context_tokens=tokens)) for tokens in (512, 2_000_000))

    prices = [each.keeper.rules.residents["tiny"].price["ram"] for each in (short, long)]
    assert prices[0] + 100 < prices[1]


def test_a_model_that_could_never_fit_is_not_offered_and_told(house: Any) -> None:
    residents = house(ModelSettings(model="tiny"), ModelSettings(model="small", slots=90_000), memory_mib=300)

    assert [target.model for target in residents.fleet().targets()] == ["tiny"]
    (said,) = residents.office(residents.fleet(), nobody_asks).status()["too_big"]
    assert said["model"] == "small"
    assert "there are 300" in said["problem"]


def test_a_new_version_is_known_by_its_own_name_and_shown_as_a_canary(house: Any) -> None:
    models = ModelSettings(model="tiny"), ModelSettings(model="small")
    residents = house(*models, versions=(VersionSettings(model="small", of="alias", share=0.05),))

    shown = residents.office(residents.fleet(), nobody_asks).status()["models"]

    assert [(each["model"], each["canary"], each["canary_of"]) for each in shown] == [
        ("tiny", 0.0, ""),
        ("small", 0.05, "tiny"),
    ]


async def test_a_model_whose_file_is_not_there_is_not_taken_in(house: Any) -> None:
    residents = house(ModelSettings(model="tiny"))
    fleet, store = residents.fleet(), residents._store
    store._path(store.find("small")).unlink()

    with pytest.raises(SetupError, match="small is not in the store"):
        await residents._adopt(fleet, nobody_asks, "small")

    assert [target.model for target in fleet.targets()] == ["tiny"]
    assert "small" not in residents.keeper.homes


@pytest.mark.parametrize(
    ("model", "of", "problem"), [("small", "nowhere", "names nowhere"), ("alias", "tiny", "version of itself")]
)
def test_a_version_of_no_model_or_of_itself_is_refused_in_one_line(
    house: Any, model: str, of: str, problem: str
) -> None:
    residents = house(versions=(VersionSettings(model=model, of=of, share=0.5),))

    with pytest.raises(SetupError, match=problem):
        residents.fleet()


async def test_a_model_is_taken_in_once_the_policy_knows_of_it(house: Any) -> None:
    residents, told = house(ModelSettings(model="tiny")), []
    fleet = residents.fleet()

    async def announce(targets: Any) -> None:
        told.append([target.model for target in targets()])
        assert len(fleet.targets()) == 1

    await residents._adopt(fleet, announce, "small")

    assert told == [["tiny", "small"]]
    assert [desk.most_waiting for desk in fleet.desks()] == [7, 7]
    assert [target.model for target in fleet.targets()] == ["tiny", "small"]


async def test_what_could_never_fit_is_not_taken_in(house: Any) -> None:
    residents = house(ModelSettings(model="tiny"), memory_mib=300)
    residents._budget["ram"] = 1

    with pytest.raises(SetupError, match="small needs"):
        await residents._adopt(residents.fleet(), nobody_asks, "small")

    assert len(residents.fleet().targets()) == 1


def test_a_house_of_nothing_that_fits_does_not_open(house: Any) -> None:
    with pytest.raises(SetupError, match="needs"):
        house(ModelSettings(model="tiny"), memory_mib=1)


def test_a_model_whose_file_is_not_there_keeps_no_other_one_from_being_served(house: Any) -> None:
    residents = house(ModelSettings(model="tiny"), ModelSettings(model="gone"))

    assert [target.model for target in residents.fleet().targets()] == ["tiny", "gone"]


def test_an_unknown_model_is_refused_by_name(house: Any) -> None:
    with pytest.raises(SetupError, match="nobody"):
        house(ModelSettings(model="nobody"))


REMOTE = RemoteEngineSettings(name="far", model="huge", url="https://engine.example", queue=9)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({}, ("plant/far/remote:huge", "DE", False, True)),
        ({"site": "lyon"}, ("lyon/far/remote:huge", "", False, True)),
        ({"site": "lyon", "jurisdiction": "FR", "external": False}, ("lyon/far/remote:huge", "FR", False, False)),
        ({"url": "http://127.0.0.1:9", "external": False}, ("plant/far/remote:huge", "DE", True, False)),
        ({"url": "unix:/run/e.sock"}, ("plant/far/remote:huge", "DE", False, True)),
    ],
)
def test_engines_that_others_run_are_targets_where_they_stand(house: Any, change: Any, seen: Any) -> None:
    residents = house(engines=(replace(REMOTE, **change),))

    target = next(each for each in residents.fleet().targets() if each.model == "huge")
    assert (target.id, target.jurisdiction, target.same_node, target.external) == seen


def test_an_engine_of_others_that_does_not_serve_is_shown_with_the_reason(house: Any) -> None:
    residents = house(engines=(REMOTE,))

    far, own = residents.office(residents.fleet(), nobody_asks).status()["models"]

    assert (far["model"], own["model"]) == ("huge", "tiny")
    assert (far["state"], far["problem"], far["slots"]) == ("away", "It was not asked yet.", REMOTE.slots)


def test_beside_an_engine_that_others_run_here_own_models_are_served_if_they_are_listed(house: Any) -> None:
    there = EngineSettings(kind="openai-http", url="http://127.0.0.1:9", model="huge", queue=4)

    alone, beside = house(engine=there), house(ModelSettings(model="small"), engine=there)

    assert [target.model for target in alone.fleet().targets()] == ["huge"]
    assert [target.model for target in beside.fleet().targets()] == ["huge", "small"]
    assert beside._settings.engine_for(ModelSettings(model="small")).kind == "auto"
    assert [desk.most_waiting for desk in beside.fleet().desks()] == [4, 4]


def test_metrics_show_models_by_state_and_the_memory_they_share(house: Any) -> None:
    residents, metrics = house(memory_mib=1000), Metrics(version="1", models=["tiny"])
    for family in families_of(residents.keeper):
        metrics.watch_family(family)
    residents.keeper.rules.failed("tiny", 0.0, "no")

    shown = metrics.render().decode()

    assert 'sekisho_fleet_models{state="failed"} 1.0' in shown
    assert 'sekisho_fleet_memory_bytes{device="ram",kind="budget"} 1.048576e+09' in shown
    assert 'sekisho_fleet_loads_total{ended="failed",model="tiny"} 1.0' in shown
