"""sekisho models fit, and doctor's line: what fits here, with what context and slots; what would, where it does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_models import RECIPES, smaller, write
from msgspec.structs import replace

from gateway.cli.checks_models import room_for_models
from gateway.cli.models import shelf
from gateway.settings import EngineSettings, ModelSettings, Settings, load

TINY = smaller(RECIPES["dense"], layers=2, width=256, heads=4, kv_heads=2, inner=256, vocabulary=512)


@pytest.fixture
def tiny(sekisho, house: Path) -> str:
    """A model with random weights in the store, of 1 KiB of cache a token."""
    said = sekisho("models", "add", str(write(TINY, house / "tiny.gguf")), "--licence", "MIT", "--name", "tiny")
    assert said.code == 0, said.err
    return "tiny"


def test_what_fits_is_shown_with_what_it_takes(sekisho, tiny: str) -> None:
    said = sekisho("models", "fit", tiny, "--context", "2048", "--slots", "2", "--json")

    (row,) = said.json["data"]
    assert (said.code, row["fits"], row["context_tokens"], row["slots"]) == (0, True, 2048, 2)
    assert row["parts_mib"]["ram"]["cache"] == 2 * 2048 * 2 * 2 * 128 * 2 / 1024**2
    assert row["takes_mib"]["ram"] < row["free_mib"]["ram"]
    assert said.json["devices"][0]["id"] == "ram"


def test_all_models_of_the_store_are_shown(sekisho, tiny: str) -> None:
    said = sekisho("models", "fit")

    assert said.code == 0
    assert tiny in said.out
    assert "smollm2" not in said.out  # its file is not there


def test_a_quantised_cache_takes_less(sekisho, tiny: str) -> None:
    usual, small = (
        sekisho("models", "fit", tiny, "--kv-type", kind, "--json").json["data"][0]["parts_mib"]["ram"]["cache"]
        for kind in ("f16", "q8_0")
    )

    assert small < usual


def test_what_does_not_fit_leaves_with_1_and_says_what_would(sekisho, tiny: str) -> None:
    said = sekisho("models", "fit", tiny, "--context", "1000000000", "--slots", "1")

    assert said.code == 1
    assert "It fits with context_tokens " in said.err


def fitting(said: str) -> int:
    """Return the context that is said to fit."""
    found = re.search(r"It fits with context_tokens (\d+)", said)
    return int(found[1]) if found else 0


def test_more_context_than_a_model_was_trained_for_is_not_offered_though_there_is_room(sekisho, tiny: str) -> None:
    usual = sekisho("models", "fit", tiny, "--context", "131072", "--slots", "1", "--json")
    beyond = sekisho("models", "fit", tiny, "--context", "131073", "--slots", "1", "--json")
    told = sekisho("models", "fit", tiny, "--context", "131073", "--slots", "1")
    far = sekisho("models", "fit", tiny, "--context", "1000000000", "--slots", "1")

    (row,), (past,) = usual.json["data"], beyond.json["data"]
    assert (usual.code, row["fits"], row["trained_tokens"]) == (0, True, 131072)
    assert (beyond.code, past["fits"], past["trained_tokens"]) == (1, False, 131072)
    assert "ram: tiny was trained for 131,072 tokens, so it understands no context of 131,073." in told.err
    assert 0 < fitting(far.err) <= 131072


def test_an_unknown_model_or_cache_is_used_wrongly(sekisho, tiny: str) -> None:
    assert sekisho("models", "fit", "nope").code == 2
    assert sekisho("models", "fit", tiny, "--kv-type", "q9").code == 2


def test_an_empty_store_says_how_to_fill_it(sekisho, house: Path) -> None:
    assert "sekisho models add" in sekisho("models", "fit").out


def test_a_broken_file_is_named_and_the_others_are_shown(sekisho, tiny: str, house: Path) -> None:
    store = shelf(load(str(house / "sekisho.yaml")))
    (shipped,) = (each for each in store.manifests() if each.name.startswith("smollm2"))
    (house / ".sekisho" / "store" / "sha256" / shipped.sha256).write_bytes(b"GGUF")

    said = sekisho("models", "fit", "--json")

    assert [row["model"] for row in said.json["data"]] == [tiny]
    assert "is not a GGUF model file" in said.json["refused"]["smollm2-135m-instruct"]


def doctored(house: Path, **engine: int) -> Settings:
    loaded = load(str(house / "sekisho.yaml"))
    return replace(loaded, engine=replace(EngineSettings(kind="xllamacpp"), model="tiny", **engine))


def test_doctor_says_what_the_configured_models_take(tiny: str, house: Path) -> None:
    assert room_for_models(doctored(house)).state == "ok"
    too_long = room_for_models(doctored(house, context_tokens=1_000_000_000))
    assert (too_long.state, "models fit" in too_long.mend) == ("fails", True)


def test_doctor_warns_of_more_context_than_a_model_was_trained_for(tiny: str, house: Path) -> None:
    most = room_for_models(doctored(house, context_tokens=131072, slots=1))
    past = room_for_models(doctored(house, context_tokens=131073, slots=1))

    assert (most.state, past.state) == ("ok", "warning")
    assert past.said == "tiny has a context of 131,073 tokens and was trained for 131,072"


def test_doctor_adds_up_those_that_are_pinned(tiny: str, house: Path) -> None:
    settings = doctored(house)
    half = ModelSettings(model="tiny", pin=True, slots=2, context_tokens=128 * 1024)
    one = replace(settings, fleet=replace(settings.fleet, models=(half,), memory_mib=600))
    assert room_for_models(one).state == "ok"

    both = replace(one, fleet=replace(one.fleet, models=(half, replace(half, model="tiny-again"))))
    shelf(settings).set_alias("tiny-again", "tiny")
    found = room_for_models(both)

    assert (found.state, "together" in found.said) == ("fails", True)
