"""The admin API's routes for batches: what may be asked for, and what is said where it may not."""

from __future__ import annotations

import pytest

from gateway.errors import BadRequest
from gateway.http.admin_batches import wanted
from gateway.kept.batch_office import Wish


@pytest.mark.parametrize(
    ("parameters", "wish"),
    [
        ([], Wish()),
        ([("tenant", "acme"), ("unfinished", "true")], Wish("acme", unfinished=True)),
        ([("limit", "1000"), ("after", "batch_1"), ("unfinished", "false")], Wish(limit=1000, after="batch_1")),
    ],
)
def test_what_is_asked_for(parameters: list[tuple[str, str]], wish: Wish) -> None:
    assert wanted(parameters) == wish


@pytest.mark.parametrize(
    "parameters",
    [
        [("limit", "0")],
        [("limit", "1001")],
        [("limit", "-1")],
        [("limit", "٣")],
        [("unfinished", "yes")],
        [("unfinished", "")],
        [("project", "x")],
        [("tenant", "a"), ("tenant", "b")],
    ],
)
def test_what_cannot_be_asked_for_is_refused(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequest):
        wanted(parameters)
