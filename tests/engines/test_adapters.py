"""Which adapter answers: the one that was asked for, or nobody."""

from __future__ import annotations

import pytest

from gateway.domain import Capability, Prompt
from gateway.engines.dialect import LlamaDialect, OpenAIDialect
from gateway.errors import BadRequest


def asked(adapter: str) -> Prompt:
    return Prompt("r1", Capability.CHAT, {"messages": []}, stream=True, slot=0, adapter=adapter)


@pytest.mark.parametrize(("adapter", "scale"), [("", {"id": 0, "scale": 0.0}), ("b", {"id": 1, "scale": 1.0})])
def test_the_adapter_that_was_asked_for_acts_and_no_other(adapter: str, scale: dict[str, float]) -> None:
    (call,) = LlamaDialect(["a", "b"]).calls(asked(adapter), "m")
    assert call.body["lora"] == [scale]


@pytest.mark.parametrize("dialect", [LlamaDialect(["a"]), LlamaDialect(), OpenAIDialect()])
def test_an_engine_without_it_never_answers_in_its_place(dialect: LlamaDialect | OpenAIDialect) -> None:
    with pytest.raises(BadRequest) as refusal:
        dialect.calls(asked("b"), "m")
    assert refusal.value.code == "engine.adapter_not_loaded"
