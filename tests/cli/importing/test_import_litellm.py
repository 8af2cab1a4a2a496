"""sekisho import litellm: what is carried, and that each field is either carried or named."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.importing.litellm import carry
from gateway.settings import Settings

LOCAL = {
    "model_name": "chat",
    "litellm_params": {"model": "hosted_vllm/qwen3-8b", "api_base": "https://llm.plant.example/v1"},
}


def config(*models: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {"model_list": list(models), **sections}


def engines(said: dict[str, Any]) -> list[dict[str, Any]]:
    settings = carry(said).settings
    msgspec.convert(settings, Settings)
    return settings["fleet"]["engines"]


def test_a_server_that_speaks_openai_is_asked_directly_and_others_through_litellm() -> None:
    azure = {"model_name": "chat", "litellm_params": {"model": "azure/gpt-4o", "api_base": "https://x.example"}}

    assert engines(config(LOCAL, azure)) == [
        {"name": "chat", "model": "chat", "url": "https://llm.plant.example/v1", "remote_model": "qwen3-8b"},
        {
            "name": "chat-2",
            "model": "chat",
            "kind": "litellm",
            "remote_model": "azure/gpt-4o",
            "url": "https://x.example",
        },
    ]


def test_no_model_is_ever_taken_for_our_own() -> None:
    settings = msgspec.convert(carry(config(LOCAL)).settings, Settings)

    assert [engine.external for engine in settings.fleet.engines] == [True]


def test_an_alias_is_each_deployment_once_more_under_that_name() -> None:
    said = config(
        LOCAL, router_settings={"model_group_alias": {"gpt-4o": "chat", "hidden": {"model": "chat", "hidden": True}}}
    )

    names = [(engine["name"], engine["model"], engine["remote_model"]) for engine in engines(said)]

    assert names[1:] == [("gpt-4o", "gpt-4o", "qwen3-8b"), ("hidden", "hidden", "qwen3-8b")]


def test_a_rate_is_the_sum_of_all_deployments_or_none() -> None:
    slow = LOCAL | {"litellm_params": LOCAL["litellm_params"] | {"rpm": 60, "tpm": 1000}}
    half = LOCAL | {"litellm_params": LOCAL["litellm_params"] | {"rpm": 30}}

    carried = carry(config(slow, half))

    assert carried.settings["limits"]["models"] == {"chat": {"requests_per_minute": 90}}
    assert [path for path, _ in carried.left] == ["model_list[0].litellm_params.tpm"]


def test_a_price_of_a_token_is_that_of_a_million_in_millionths_and_the_dearest_counts() -> None:
    cheap = LOCAL | {"model_info": {"input_cost_per_token": 2e-7, "output_cost_per_token": 6e-7}}
    dear = LOCAL | {"model_info": {"input_cost_per_token": 1e-7, "output_cost_per_token": 9e-7}}

    assert carry(config(cheap, dear)).settings["limits"]["prices"] == {"chat": {"input": 200_000, "output": 900_000}}


def test_keys_become_commands_and_bounds_and_a_blocked_one_does_not() -> None:
    keys = [
        {
            "token": "88d1",
            "key_alias": "CI bot",
            "models": ["chat"],
            "max_budget": 12.5,
            "budget_duration": "30d",
            "rpm_limit": 10,
            "team_alias": "Body Shop",
            "expires": "2027-01-31T00:00:00Z",
            "metadata": {},
        },
        {"token": "99a2", "key_alias": "old", "blocked": True},
    ]

    carried = carry(config(LOCAL), {"keys": keys})

    assert carried.commands == [
        "sekisho keys create --name ci-bot --tenant body-shop --model chat --expires 2027-01-31"
    ]
    assert carried.settings["limits"]["keys"] == {"ci-bot": {"requests_per_minute": 10, "money_per_month": 12_500_000}}
    left = ["keys[0].token", "keys[1].token", "keys[1].key_alias", "keys[1].blocked"]
    assert [path for path, _ in carried.left] == left


def test_a_budget_of_another_period_is_named_not_rounded() -> None:
    carried = carry(config(LOCAL), [{"key_alias": "a", "max_budget": 5, "budget_duration": "7d"}])

    assert [path for path, _ in carried.left] == ["keys[0].max_budget", "keys[0].budget_duration"]
    assert "limits" not in carried.settings


@pytest.mark.parametrize("models", [["all-team-models"], ["no-default-models"], ["openai/*"]])
def test_a_key_for_what_cannot_be_told_here_has_its_models_named(models: list[str]) -> None:
    carried = carry(config(LOCAL), [{"key_alias": "a", "models": models}])

    assert [path for path, _ in carried.left] == ["keys[0].models[0]"]


@pytest.mark.parametrize("nothing", [0, -1, "os.environ/SECONDS", True])
def test_a_number_that_bounds_nothing_is_named(nothing: Any) -> None:
    said = LOCAL | {"litellm_params": LOCAL["litellm_params"] | {"timeout": nothing}}

    carried = carry(config(said))

    assert [path for path, _ in carried.left] == ["model_list[0].litellm_params.timeout"]


def test_a_secret_is_never_carried() -> None:
    said = config(LOCAL | {"litellm_params": LOCAL["litellm_params"] | {"api_key": "sk-canary"}})
    said["general_settings"] = {"master_key": "sk-canary"}

    carried = carry(said)

    assert "sk-canary" not in repr(carried)
    assert carried.secrets == ["keys/chat.txt"]


def test_a_server_elsewhere_without_tls_is_told_of() -> None:
    clear = {"model_name": "chat", "litellm_params": {"model": "openai/x", "api_base": "http://10.1.2.3/v1"}}
    here = {"model_name": "chat", "litellm_params": {"model": "openai/x", "api_base": "http://127.0.0.1:8000/v1"}}

    assert carry(config(clear, here)).in_clear == ["chat"]


LEAVES = st.one_of(st.integers(1, 9), st.text("abc", min_size=1), st.booleans())
TREES = st.recursive(
    LEAVES, lambda below: st.dictionaries(st.text("xyz", min_size=1), below, max_size=3) | st.lists(below, max_size=3)
)


@given(extra=st.dictionaries(st.sampled_from(["router_settings", "litellm_settings", "odd"]), TREES), params=TREES)
def test_each_field_is_carried_or_named(extra: dict[str, Any], params: Any) -> None:
    said = config(LOCAL | {"litellm_params": LOCAL["litellm_params"] | {"odd": params}}, **extra)

    carried = carry(said)

    assert carried.taken + len(carried.left) == _leaves(said)
    assert all(why for _, why in carried.left)


def _leaves(found: Any) -> int:
    if isinstance(found, dict | list):
        return sum(map(_leaves, found.values() if isinstance(found, dict) else found))
    return 1


def test_what_it_prints_is_read_as_settings(sekisho, house: Path) -> None:
    (house / "config.yaml").write_text(yaml.safe_dump(config(LOCAL, litellm_settings={"callbacks": ["x"]})))

    said = sekisho("import", "litellm", "config.yaml", "--out", "imported.yaml")

    assert said.code == 0
    assert "litellm_settings.callbacks[0]" in said.out
    assert "external: false" in said.err
    assert engines(config(LOCAL)) == yaml.safe_load((house / "imported.yaml").read_text())["fleet"]["engines"]
    assert sekisho("import", "litellm", "config.yaml", "--out", "imported.yaml").code == 3
    assert sekisho("import", "litellm", "config.yaml", "--json").json["carried"] == 3


@pytest.mark.parametrize(
    "text",
    ["a: [", "model_list: 3", "[]", "", "model_list:\n- model_name: a\n  litellm_params: {model: b/c, timeout: 0}"],
)
def test_what_is_not_litellms_or_cannot_be_said_is_one_line(sekisho, house: Path, text: str) -> None:
    (house / "config.yaml").write_text(text)

    said = sekisho("import", "litellm", "config.yaml")

    assert said.err.count("\n") == 1 or said.code == 0
    assert said.code in (0, 2)
    assert "Traceback" not in said.err


def test_keys_that_are_no_json_are_refused_by_name(sekisho, house: Path) -> None:
    (house / "config.yaml").write_text(yaml.safe_dump(config(LOCAL)))
    (house / "keys.json").write_text("{")

    said = sekisho("import", "litellm", "config.yaml", "--keys", "keys.json")

    assert (said.code, said.err) == (2, "sekisho: keys.json is no JSON. Save the answer as it came.\n")
    (house / "keys.json").write_text(json.dumps({"keys": ["hash"]}))
    assert "return_full_object" in sekisho("import", "litellm", "config.yaml", "--keys", "keys.json").err
