"""The reference pages that are made from code say what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import HELP


@pytest.fixture(scope="module")
def pages(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "tests" / "docs" / "pages.py"))


MADE = ("settings.md", "errors.md", "parameters.md", "command-line.md", "../how-to/runbook.md", "sizing.md")
PRIVACY = ("contact", "finance", "vehicles", "national", "addresses", "secrets", "marks")


@pytest.mark.parametrize("name", [*MADE, *(f"../privacy/{family}.md" for family in PRIVACY)])
def test_page_is_as_the_code_says(pages: dict[str, Any], name: str) -> None:
    written = (pages["REFERENCE"] / name).read_text(encoding="utf-8")

    assert written == pages["expected"](name), "Run: make pages"


def test_every_setting_has_help_and_every_help_a_setting(pages: dict[str, Any]) -> None:
    settings = {name for name, _, _ in pages["_settings"](pages["Settings"])}

    assert settings == set(HELP)


def test_every_family_of_rules_stands_on_a_page(pages: dict[str, Any]) -> None:
    ours = pages["privacy_pages"]

    assert {rule.family for rule in ours.RULES} <= {name for _, _, families in ours.PAGES.values() for name in families}
    assert {f"../privacy/{family}.md" for family in PRIVACY} == set(ours.pages())
