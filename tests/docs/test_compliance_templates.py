"""The templates of ``docs/compliance``: what a provision asks for has its place, and there is something to fill in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "compliance" / "templates"
BLANK = "[…"

ASKED = {
    "record-of-processing": [f"## ({letter})" for letter in "abcdefg"],  # GDPR art. 30(1)
    "dpia": [f"({letter})" for letter in "abcd"],  # GDPR art. 35(7)
    "pipia": ["## (1)", "## (2)", "## (3)", "three years"],  # PIPL art. 56
    "transfer-assessment": ["GDPR", "PIPL", "APPI", "C-311/18", "Supplementary measures"],
    "works-agreement": ["87(1) nos. 1 and 6", "fewer than five", "Two persons", "does not serve to"],
    "betriebsvereinbarung": ["87 Abs. 1", "Nr. 1 und 6", "weniger als fünf", "zwei Personen", "dient nicht dazu"],
}


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_every_template_is_looked_at() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(ASKED)


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_for_has_its_place(name: str) -> None:
    text = " ".join(page(name).split())

    assert [part for part in ASKED[name] if " ".join(part.split()) not in text] == []


@pytest.mark.parametrize("name", ASKED)
def test_there_is_something_to_fill_in_and_something_filled_in(name: str) -> None:
    text = page(name)

    assert text.count(BLANK) + text.count("[chapter") + text.count("[copy") + text.count("☐") >= 8
    assert "Sekisho" in text


def test_both_works_agreements_have_the_same_sections() -> None:
    english = re.findall(r"^\*\*(\d+)\.", page("works-agreement"), re.MULTILINE)
    german = re.findall(r"^## § (\d+)", page("betriebsvereinbarung"), re.MULTILINE)

    assert english == german == [str(number) for number in range(1, 13)]
