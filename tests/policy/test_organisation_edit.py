"""One entry of organisation.yaml changes, and no other line does."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway import plain_yaml
from gateway.errors import SetupError
from gateway.policy.organisation_edit import edited

FILE = """\
# who is who
sites:
  munich: {jurisdiction: DE}   # the head office

tenants:
  bodyshop: {entity: Beispiel AG}  # since 2024
  # hr is another entity
  hr:
    entity: Personal GmbH
    models:
      - small   # not the large one

# what they do
projects: {}
transfers:
  - {from: EEA, to: US, route: scc, until: 2027-06-30, reference: DPA 2026-114}
"""


def test_an_entry_is_added_behind_the_others() -> None:
    changed = edited(FILE, "tenants", "design", {"entity": "Beispiel AG", "models": ["a", "b"]})
    line = "  design: {entity: Beispiel AG, models: [a, b]}\n"
    assert changed.replace(line, "") == FILE
    assert changed.index("not the large one") < changed.index(line) < changed.index("# what they do")


def test_an_entry_is_changed_where_it_stands_and_keeps_its_comment() -> None:
    changed = edited(FILE, "tenants", "bodyshop", {"entity": "Neue AG"})
    assert changed == FILE.replace("{entity: Beispiel AG}  #", "{entity: Neue AG}  #")


def test_an_entry_over_several_lines_is_changed_whole() -> None:
    changed = edited(FILE, "tenants", "hr", {"entity": "X"})
    assert "  hr: {entity: X}\n\n# what they do" in changed or "  hr: {entity: X}   # not the large one\n" in changed


def test_an_entry_goes_and_the_last_takes_its_section_along() -> None:
    once = edited(FILE, "tenants", "hr", None)
    assert plain_yaml.read(once)["tenants"] == {"bodyshop": {"entity": "Beispiel AG"}}
    twice = edited(once, "tenants", "bodyshop", None)
    assert "tenants" not in plain_yaml.read(twice)
    assert plain_yaml.read(twice)["transfers"] == plain_yaml.read(FILE)["transfers"]


@pytest.mark.parametrize(
    "text", ["", "# nothing yet", "projects:", "projects: {}\n", "sites:\n  a: {}", "projects: {a/b: {}}"]
)
def test_a_first_entry_finds_its_place(text: str) -> None:
    changed = plain_yaml.read(edited(text, "projects", "hr/jobs", {"class": "strict"}))
    assert changed["projects"]["hr/jobs"] == {"class": "strict"}
    assert changed.keys() == {*(plain_yaml.read(text) or {}), "projects"}


@pytest.mark.parametrize(
    "text",
    [
        "tenants: &t {a: {}}\nprojects: *t\n",
        "{tenants: {a: {}}, projects: {}}\n",
        "tenants: {a: {entity: &e X}}\nsites: {b: {jurisdiction: *e}}\n",
    ],
)
def test_what_cannot_be_changed_by_lines_is_refused_and_not_guessed(text: str) -> None:
    with pytest.raises((SetupError, yaml.YAMLError)):
        edited(text, "tenants", "b", {"entity": "Y"})


NAMES = st.text("abcdefghij-0123456789", min_size=1, max_size=8)
ENTRIES: Any = st.fixed_dictionaries(
    {},
    optional={
        "entity": st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Z")), max_size=20),
        "models": st.lists(NAMES, max_size=3),
    },
)


@given(st.dictionaries(NAMES, ENTRIES, max_size=4), NAMES, ENTRIES | st.none(), st.booleans())
def test_whatever_stood_there_stands_there_still(
    tenants: dict[str, Any], name: str, entry: dict[str, Any] | None, flow: bool
) -> None:
    before = {"sites": {"munich": {"jurisdiction": "NO"}}, "tenants": tenants, "projects": {"a/b": {"prototype": True}}}
    if entry is None and name not in tenants:
        return
    text = yaml.safe_dump(before, default_flow_style=None if flow else False, sort_keys=False, allow_unicode=True)
    after = {key: said for key, said in tenants.items() if key != name} | ({} if entry is None else {name: entry})
    try:
        changed = plain_yaml.read(edited(text, "tenants", name, entry))
    except SetupError:
        return
    assert (changed.get("tenants") or {}) == after
    assert {**changed, "tenants": 0} == {**before, "tenants": 0}
