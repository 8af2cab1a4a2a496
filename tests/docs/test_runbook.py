"""The runbook reaches every code that there is, and says of each group what to do first and when it is over."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import runbook_page

from gateway.cli.codes import explanations

GROUPS = runbook_page.groups()
LAST = GROUPS[-1]


def test_every_code_is_reached_exactly_once() -> None:
    reached = [code for group in GROUPS for code in group.codes]

    assert sorted(reached) == sorted(explanations())


def test_what_needs_nobody_is_not_urgent() -> None:
    nobody = {code for code, said in explanations().items() if said.who == "nobody needs to"}

    assert nobody <= set(LAST.codes)
    assert LAST.urgency == "none"


def test_what_only_stands_on_record_has_no_status() -> None:
    assert [code for code in LAST.codes if explanations()[code].status] == []


def test_what_stops_everybody_is_urgent() -> None:
    """Each 503 of a room that every request passes is in a group for which somebody gets up."""
    rooms = ("audit.", "policy.", "privacy.", "identity.")
    stops = {code for code, said in explanations().items() if said.status == 503 and code.startswith(rooms)}
    urgent = {code for group in GROUPS if group.urgency == "now" for code in group.codes}

    assert stops - urgent == {"audit.record_refused"}  # of one request alone


@pytest.mark.parametrize("group", [pytest.param(each, id=each.anchor) for each in GROUPS])
def test_its_link_is_its_heading(group: Any) -> None:
    """As python-markdown makes anchors: small letters, words joined by hyphens."""
    assert group.anchor == re.sub(r"[^\w]+", "-", group.title.lower())


@pytest.mark.parametrize("group", [pytest.param(each, id=each.anchor) for each in GROUPS])
def test_it_says_what_to_run_first_and_when_it_is_over(group: Any) -> None:
    assert group.first
    assert all(line.startswith("sekisho ") for line in (*group.first, group.over_first))
    assert group.over.endswith(".")


def test_the_other_page_is_linked_from_it_and_links_back(repository: Path) -> None:
    how_to = repository / "docs" / "how-to"

    assert "(disaster.md)" in (how_to / "runbook.md").read_text(encoding="utf-8")
    assert "(runbook.md)" in (how_to / "disaster.md").read_text(encoding="utf-8")
    assert "(back-up-and-restore.md)" in (how_to / "disaster.md").read_text(encoding="utf-8")
