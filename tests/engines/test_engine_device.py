"""What an engine says it computes on."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.engines.wheel import LONGEST_DEVICE, device_of


class Type:
    def __init__(self, name: str) -> None:
        self.name = f"GGML_BACKEND_DEVICE_TYPE_{name}"


def device(kind: str, description: str) -> dict[str, Any]:
    return {"type": Type(kind), "description": description}


CPU, GPU, INSIDE = device("CPU", "EPYC "), device("GPU", "H200"), device("IGPU", "Iris")


@pytest.mark.parametrize(
    ("found", "layers", "expected"),
    [
        ([CPU], -1, "cpu: EPYC"),
        ([CPU, GPU], -1, "gpu: H200"),
        ([CPU, GPU], 0, "cpu: EPYC"),
        ([GPU, GPU, INSIDE], 10, "gpu: H200, Iris"),
        ([], -1, ""),
        ([device("ACCEL", "BLAS")], -1, ""),
    ],
)
def test_a_device_is_named_in_words(found: list[Any], layers: int, expected: str) -> None:
    assert device_of(found, layers) == expected


def test_the_name_is_bounded() -> None:
    assert len(device_of([device("CPU", "x" * 1000)], 0)) == LONGEST_DEVICE
