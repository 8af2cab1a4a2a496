"""A served gateway and its models: signatures and adapters count at once, and what is unsigned waits."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gguf_files import of_tensors
from model_signatures import bundle, new_key, public_pem, statement
from running import Running, sekisho

from gateway.registry.gguf import read_layout

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

SMALL = "smollm2-135m-instruct"


def ask(running: Running, key: str, model: str = SMALL) -> tuple[int, dict[str, Any]]:
    """Return the status and the answer; the data are strictly confidential, as the caller says."""
    body = {"model": model, "max_tokens": 2, "messages": [{"role": "user", "content": "Say hello"}]}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "x-sekisho-class": "strict"}
    request = urllib.request.Request(running.base + "/v1/chat/completions", json.dumps(body).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return int(answer.status), json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def test_strict_data_wait_for_a_signature_and_lose_it_with_the_key(installed: Callable[..., Running]) -> None:
    running = installed(site={"preset": "balanced"}).start()
    key, mine, folder = running.key(), new_key(), running.folder
    sha256 = json.loads(sekisho(folder, "models", "show", SMALL, "--json"))["sha256"]
    (folder / "mia.pub").write_text(public_pem(mine))
    (folder / "m.sig").write_text(json.dumps(bundle(mine, statement(sha256))))

    before, refusal = ask(running, key)
    sekisho(folder, "models", "keys", "add", "mia", "mia.pub")
    sekisho(folder, "models", "sign", SMALL, "--signature", "m.sig")
    signed, _ = ask(running, key)
    sekisho(folder, "models", "keys", "remove", "mia")
    after, _ = ask(running, key)

    assert (before, signed, after) == (403, 200, 403)
    assert "policy.model_unsigned" in json.dumps(refusal)


def lora_for(weights: Path) -> bytes:
    """Return an adapter of rank 2 for one tensor of a model; its numbers are of no meaning."""
    layout = read_layout(weights)
    width, out = next(tensor.dims for tensor in layout.tensors if tensor.name == "blk.0.attn_q.weight")
    said: dict[str, object] = {
        "general.architecture": layout.architecture,
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 1.0,
    }
    name = "blk.0.attn_q.weight"
    return of_tensors(said, {f"{name}.lora_a": (width, 2), f"{name}.lora_b": (2, out)}, 0)


def test_an_adapter_answers_once_its_model_is_loaded_with_it(
    installed: Callable[..., Running], model_file: Path
) -> None:
    running = installed().start()
    key, folder = running.key(), running.folder
    (folder / "tone.gguf").write_bytes(lora_for(model_file))
    sekisho(folder, "models", "add", "tone.gguf", "--base", SMALL, "--licence", "MIT")

    unknown, refusal = ask(running, key, f"{SMALL}:other")
    early, why = ask(running, key, f"{SMALL}:tone")
    for verb in (("pin", SMALL, "--off"), ("unload", SMALL), ("pin", SMALL)):
        sekisho(folder, "models", *verb)
    answered, _ = ask(running, key, f"{SMALL}:tone")
    alone, _ = ask(running, key)

    assert (unknown, early, answered, alone) == (404, 400, 200, 200)
    assert f"{SMALL}:tone" in json.dumps(refusal)
    assert "engine.adapter_not_loaded" in json.dumps(why)
