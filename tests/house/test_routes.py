"""What is best for a request, by route, as the settings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain import Caller, Role
from gateway.errors import SetupError
from gateway.fleet.choose.terms import Objective
from gateway.house.routes import objectives_of
from gateway.settings import load


def a_caller(project: str = "p", purpose: str = "") -> Caller:
    return Caller("k", "acme", project, (Role.APP,), purpose, "site", "DE", "DE", "DE")


def test_the_first_route_that_fits_counts(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.yaml"
    file.write_text(
        "fleet:\n"
        "  routes:\n"
        "    - {project: nightly, best: cheapest, limit_seconds: 600}\n"
        "    - {model: m, purpose: assist, until: first}\n"
        "    - {model: m, limit_cost: 0.01, priority: low}\n"
    )
    objective = objectives_of(load(str(file)).fleet.routes)

    assert objective("other", a_caller("nightly")) == Objective("cheapest", limit_seconds=600)
    assert objective("m", a_caller("nightly", "assist")).best == "cheapest"
    assert objective("m", a_caller(purpose="assist")) == Objective(until="first")
    assert objective("m", a_caller()) == Objective(limit_cost=0.01, priority="low")
    assert objective("other", a_caller()) == Objective()


@pytest.mark.parametrize("route", ["{best: fastest}", "{limit_seconds: -1}", "{modle: m}", "{priority: urgent}"])
def test_a_route_that_says_nothing_known_is_refused(tmp_path: Path, route: str) -> None:
    file = tmp_path / "sekisho.yaml"
    file.write_text(f"fleet:\n  routes:\n    - {route}\n")

    with pytest.raises(SetupError):
        load(str(file))
