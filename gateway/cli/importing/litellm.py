"""LiteLLM's proxy configuration (``config.yaml``) and keys, turned into settings of Sekisho.

Models become ``fleet.engines``, aliases further names of them, deployments' rates ``limits.models``, prices
``limits.prices``; keys become the commands that make them, their rates and budgets ``limits.keys``. LiteLLM keeps of a
key only its hash, and Sekisho would not believe one made elsewhere: programs get new keys. What is not carried is
named, field by field, with the reason. The fields are those of LiteLLM 1.106 (``types/router.py`` and
``proxy/_types.py``; MIT licence), read from what its proxy documents; nothing of it is imported.

Example::

    carried = carry(yaml.safe_load(config), json.loads(keys))
    carried.settings["fleet"]["engines"][0]["name"]  # "gpt-4o-1"
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gateway.cli.importing import reasons
from gateway.cli.importing.paper import Paper

MICRO = 1_000_000  # micro-units of money in one, and tokens in what a price is for

_LIKE_OPENAI = (
    "openai",
    "custom_openai",
    "text-completion-openai",
    "hosted_vllm",
    "openai_like",
    "llamafile",
    "lm_studio",
)
_CAPABILITIES = {"chat": "chat", "completion": "complete", "embedding": "embed", "rerank": "rerank"}
_PERIODS = {"1d": "day", "24h": "day", "1mo": "month", "30d": "month"}
_RATES = {
    "rpm_limit": "requests_per_minute",
    "tpm_limit": "tokens_per_minute",
    "max_parallel_requests": "concurrent_requests",
    "tpd_limit": "tokens_per_day",
}


@dataclass
class Carried:
    """What came of it."""

    settings: dict[str, Any] = field(default_factory=dict)  # sections of sekisho.yaml
    commands: list[str] = field(default_factory=list)  # that make the keys
    left: list[tuple[str, str]] = field(default_factory=list)  # path of a field that was not carried, and why
    secrets: list[str] = field(default_factory=list)  # files to be filled with keys of other providers
    in_clear: list[str] = field(default_factory=list)  # engines on another machine without TLS: those will be refused
    taken: int = 0  # how many fields were carried


def carry(config: Any, keys: Any = None) -> Carried:
    """Return the settings that say the same.

    Args:
        config: ``config.yaml``, parsed: mappings, lists and scalars.
        keys: what the proxy's ``GET /key/list?return_full_object=true`` answered, or its ``keys`` alone.

    Raises:
        ValueError: these are not what LiteLLM writes.
    """
    if not isinstance(config, dict) or not isinstance(config.get("model_list"), list):
        raise ValueError("it has no model_list")
    carried, paper = Carried(), Paper(config)
    engines = _engines(paper, carried)
    limits = _model_limits(paper, engines)
    if paper.at("litellm_settings", "drop_params") is True:
        paper.take("litellm_settings", "drop_params")
        carried.settings["server"] = {"drop_params": True}
    carried.settings["fleet"] = {"engines": [engine.said for engine in engines] + _aliases(paper, engines)}
    carried.left += [(leaf.path, reasons.of(leaf.steps)) for leaf in paper.left()]
    carried.taken += paper.taken()
    if keys is not None:
        limits |= _keys(keys, carried)
    carried.settings |= {"limits": limits} if limits else {}
    return carried


@dataclass
class _Engine:
    place: int  # in model_list
    said: dict[str, Any]


def _engines(paper: Paper, carried: Carried) -> list[_Engine]:
    engines: list[_Engine] = []
    for place in range(paper.length("model_list")):
        model = paper.text("model_list", place, "model_name")
        target = paper.text("model_list", place, "litellm_params", "model")
        if not model or not target or "*" in model or "*" in target:
            paper.leave("model_list", place, "model_name")
            paper.leave("model_list", place, "litellm_params", "model")
            continue
        names = [engine.said["name"] for engine in engines]
        engines.append(_Engine(place, _engine(paper, carried, place, model, target, names)))
    return engines


def _engine(paper: Paper, carried: Carried, place: int, model: str, target: str, names: list[str]) -> dict[str, Any]:
    """Return the settings of one deployment. It stays ``external``: whether it is your own, only you can say."""
    here = ("model_list", place, "litellm_params")
    provider = paper.text(*here, "custom_llm_provider") or target.partition("/")[0]
    url = paper.text(*here, "api_base") or paper.text(*here, "base_url")
    said: dict[str, Any] = {"name": _name(model, names), "model": model}
    if url and provider in _LIKE_OPENAI:
        said |= {"url": url, "remote_model": target.removeprefix(f"{provider}/")}
    else:
        said |= {"kind": "litellm", "remote_model": target} | ({"url": url} if url else {})
    if url.startswith("http://") and urlsplit(url).hostname not in ("127.0.0.1", "::1", "localhost"):
        carried.in_clear.append(said["name"])
    if said["remote_model"] == model:
        del said["remote_model"]
    capability = _CAPABILITIES.get(str(paper.at("model_list", place, "model_info", "mode")))
    if capability:
        paper.take("model_list", place, "model_info", "mode")
        said["capabilities"] = [capability]
    if paper.text(*here, "api_key"):
        said["api_key_file"] = f"keys/{said['name']}.txt"
        carried.secrets.append(said["api_key_file"])
    if context := paper.positive("model_list", place, "model_info", "max_input_tokens"):
        said["context_tokens"] = int(context)
    if slots := paper.positive(*here, "max_parallel_requests"):
        said["slots"] = int(slots)
    if seconds := paper.positive(*here, "timeout"):
        said["read_timeout_seconds"] = float(seconds)
    return said


def _aliases(paper: Paper, engines: list[_Engine]) -> list[dict[str, Any]]:
    """Return each deployment of a model once more under the model's other names."""
    said = paper.at("router_settings", "model_group_alias")
    further: list[dict[str, Any]] = []
    for alias, meant in said.items() if isinstance(said, dict) else ():
        model = meant.get("model") if isinstance(meant, dict) else meant
        behind = [engine.said for engine in engines if engine.said["model"] == model]
        if not behind:
            continue
        paper.take("router_settings", "model_group_alias", alias, *(("model",) if isinstance(meant, dict) else ()))
        for engine in behind:
            names = [each.said["name"] for each in engines] + [each["name"] for each in further]
            remote = engine.get("remote_model", engine["model"])
            further.append(engine | {"name": _name(alias, names), "model": alias, "remote_model": remote})
    return further


def _model_limits(paper: Paper, engines: list[_Engine]) -> dict[str, Any]:
    """Return rates and prices by model. A rate counts where every deployment of the model has one: it is their sum."""
    limits: dict[str, dict[str, Any]] = {}
    for model in dict.fromkeys(engine.said["model"] for engine in engines):
        places = [engine.place for engine in engines if engine.said["model"] == model]
        bounds = {}
        for theirs, ours in (("rpm", "requests_per_minute"), ("tpm", "tokens_per_minute")):
            paths = [("model_list", place, "litellm_params", theirs) for place in places]
            if all(_positive(paper.at(*path)) for path in paths):
                bounds[ours] = sum(int(paper.take(*path)) for path in paths)
        if bounds:
            limits.setdefault("models", {})[model] = bounds
        prices = [price for place in places if (price := _price(paper, place))]
        if prices:  # where deployments differ, the dearest: a budget is never exceeded by it
            dearest = {side: max(price[side] for price in prices) for side in ("input", "output")}
            limits.setdefault("prices", {})[model] = dearest
    return limits


def _price(paper: Paper, place: int) -> dict[str, int]:
    """Return what a million tokens cost, in micro-units, where both sides are said: there, or with its model."""
    for section in ("litellm_params", "model_info"):
        paths = [("model_list", place, section, f"{side}_cost_per_token") for side in ("input", "output")]
        found = [paper.number(*path) for path in paths]
        if None not in found:
            read, made = (round(float(each or 0) * MICRO * MICRO) for each in found)
            return {"input": read, "output": made}
        for path in paths:
            paper.leave(*path)
    return {}


def _keys(raw: Any, carried: Carried) -> dict[str, Any]:
    rows = raw.get("keys") if isinstance(raw, dict) else raw
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("the keys are no list of objects; ask for return_full_object=true")
    paper = Paper({"keys": rows})
    names: list[str] = []
    bounds: dict[str, dict[str, int]] = {}
    for place in range(len(rows)):
        name = paper.text("keys", place, "key_alias") or paper.text("keys", place, "key_name")
        if not name or paper.at("keys", place, "blocked") is True:
            paper.leave("keys", place, "key_alias")
            paper.leave("keys", place, "key_name")
            continue
        names.append(name := _name(name, names))
        carried.commands.append(_command(paper, place, name))
        if found := _bounds(paper, place):
            bounds[name] = found
    carried.left += [(leaf.path, reasons.of(leaf.steps)) for leaf in paper.left()]
    carried.taken += paper.taken()
    return {"keys": bounds} if bounds else {}


def _command(paper: Paper, place: int, name: str) -> str:
    tenant = paper.text("keys", place, "team_alias") or paper.text("keys", place, "team_id") or "default"
    words = ["sekisho", "keys", "create", "--name", name, "--tenant", _slug(tenant)]
    models = paper.at("keys", place, "models")
    named = [model for model in models if isinstance(model, str)] if isinstance(models, list) else []
    if named == ["all-proxy-models"] or (named and not any(re.search(r"[*]|^all-|^no-", each) for each in named)):
        paper.take("keys", place, "models")
        words += [word for model in named if model != "all-proxy-models" for word in ("--model", model)]
    day = re.match(r"\d{4}-\d\d-\d\d", str(paper.at("keys", place, "expires") or ""))
    if day:
        paper.take("keys", place, "expires")
        words += ["--expires", day[0]]
    return shlex.join(words)


def _bounds(paper: Paper, place: int) -> dict[str, int]:
    said = {ours: paper.positive("keys", place, theirs) for theirs, ours in _RATES.items()}
    bounds = {ours: int(number) for ours, number in said.items() if number}
    period = _PERIODS.get(str(paper.at("keys", place, "budget_duration")))
    if period and _positive(paper.at("keys", place, "max_budget")):
        paper.take("keys", place, "budget_duration")
        bounds[f"money_per_{period}"] = round(float(paper.take("keys", place, "max_budget")) * MICRO)
    return bounds


def _positive(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and 0 < found < float("inf")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:56].strip("-") or "default"


def _name(text: str, taken: list[str]) -> str:
    """Return a name of letters, digits and ``-`` that none has yet."""
    plain = _slug(text)
    return next(name for name in (plain, *(f"{plain}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)
