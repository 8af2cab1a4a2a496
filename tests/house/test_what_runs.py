"""What the record ``config`` says of a house, also of one whose models are all on joined nodes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gateway.domain import Capability, Target
from gateway.house.offices import what_runs
from gateway.settings import Settings

POLICY: Any = SimpleNamespace(engine="opa/1")
PRIVACY: Any = SimpleNamespace(version="builtin/1")
TINY = Target("s/n/w:tiny", "tiny", (Capability.CHAT,), "s", "n", "DE", True, build="engine/1", digest="d1")


def test_the_first_model_and_its_engine_are_named() -> None:
    said = what_runs(Settings(), POLICY, PRIVACY, [TINY])
    assert (said["model"], said["model_digest"], said["engine"]) == ("tiny", "d1", "engine/1")
    assert "models" not in said


def test_a_house_that_holds_no_model_itself_says_so() -> None:
    said = what_runs(Settings(), POLICY, PRIVACY, [])
    assert (said["model"], said["model_digest"], said["engine"]) == ("", "", "")
    assert said["opa"] == "opa/1"
