"""What lies across the cut of a seam is found; where nothing can, nobody is asked. With the real models."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy.names import western
from gateway.privacy.names.finder import Models, Names
from gateway.privacy.names.prepare import prepare
from gateway.privacy.span import Seam, Span

PARTS = (
    *("She lives in Springfield", "wohnt in Köln", "Ask J. Meier", "Dr. Otto Braun", "de la Cruz", "Il-woo"),
    *("12 Rosewood Avenue", "Lindenstr. 12", "80331 München", "Via Roma 3", "14 rue des Lilas", "69003 Lyon"),
    *("The seal was replaced", "It was stored outside", "San Diego", "Frankfurt am", "Saint-Denis", "Unit 2,"),
    *("Lena Holt", "Mr.", "Torino", "Berlin", "the line stopped", "Please check the pump", "Aldersley"),
)
CUTS = ("\n", ". ", ".\n", ", ", "  ", " ", "! ", " - ", "\n\n", ".", "")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("detectors")
    prepare(folder)
    return Models(folder)


@pytest.fixture(scope="module")
def names(models: Models) -> Names:
    return Names(models)


def across(names: Names, seam: Seam) -> list[Span]:
    [spans] = names.find([seam], lambda: None)
    return [span for span in spans if span.start < seam.at < span.end]


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("She was named after J. ", "Meier of Hamburg.", "J. Meier"),
        ("Send it to Lena ", "Holt today.", "Lena Holt"),
        ("Anna Moser lives at 12 Rosewood Avenue\n", "Springfield 62704", "12 Rosewood Avenue\nSpringfield 62704"),
        ("Bitte an Jürgen Pf", "aff senden.", "Jürgen Pfaff"),
    ],
)
def test_what_lies_across_a_cut_is_found(names: Names, before: str, after: str, value: str) -> None:
    seam = Seam.of(before + after, len(before))
    assert value in [seam[span.start : span.end] for span in across(names, seam)]


@given(st.lists(st.sampled_from(PARTS), min_size=2, max_size=5), st.lists(st.sampled_from(CUTS), min_size=4), st.data())
@settings(max_examples=300, deadline=None)
def test_nothing_that_lies_across_a_cut_is_lost(
    names: Names, parts: list[str], cuts: list[str], data: st.DataObject
) -> None:
    text = parts[0] + "".join(cut + part for cut, part in zip(cuts, parts[1:], strict=False))
    ends = [found.end() for found in re.finditer(r"[.!?\n]+\s*", text) if found.end() < len(text)]
    at = data.draw(st.sampled_from(ends) if ends else st.integers(1, len(text) - 1))
    seam = Seam.of(text, at)
    found = across(names, seam)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(western, "may_cross", lambda *_: True)
        assert found == across(names, seam)


def test_of_a_seam_between_sentences_the_classifier_is_not_asked(
    models: Models, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> None:
        raise AssertionError("the classifier was asked")

    before = "He moved to Wardhurst United long before the old bridge was opened in spring. "
    monkeypatch.setattr(models.classifier, "look", look)
    assert across(names, Seam.of(before + "It was stored outside for weeks.", len(before))) == []
    with pytest.raises(AssertionError, match="asked"):
        names.find([before], lambda: None)
