"""What a model is for, as its file says."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.registry.gguf import Layout
from gateway.registry.uses import capabilities_of


def layout(**metadata: Any) -> Layout:
    said = {name.replace("__", "."): value for name, value in metadata.items()}
    return Layout({"general.architecture": "a", **said}, {}, {}, (), 0, 0, {}, 32)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, ["complete"]),
        ({"tokenizer__chat_template": "x"}, ["chat", "complete"]),
        ({"a__pooling_type": 1}, ["embed"]),
        ({"a__pooling_type": 3, "tokenizer__chat_template": "x"}, ["embed"]),
        ({"a__pooling_type": 4}, ["rerank"]),
        ({"a__pooling_type": 0}, ["complete"]),
        ({"other__pooling_type": 1}, ["complete"]),
        ({"a__attention.causal": False}, ["embed"]),
        ({"a__attention.causal": True}, ["complete"]),
    ],
)
def test_the_header_says_what_a_model_is_for(metadata: dict[str, Any], expected: list[str]) -> None:
    assert list(capabilities_of(layout(**metadata))) == expected
