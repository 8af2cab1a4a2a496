"""Pages that ask and words that answer: four languages with the same fields, and no statement without words."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.audit.evidence.document import Chapter, Document, Points, Table, Text
from gateway.audit.evidence.filled import KINDS_OF_DOCUMENT, FilledWords, keys_of_words
from gateway.audit.evidence.markdown import render
from gateway.audit.evidence.page import Marks, page
from gateway.audit.evidence.words import LANGUAGES
from gateway.cli.audit_templates import page_of

MARKS = Marks("@people@", "@people@ {hint}", "@told@")
COUNTED = ("@people@", "@told@", "☐", "_")
GERMAN_AGREEMENT = ("works-agreement", "de")  # has a form of its own; tests/docs compares its sections
TRANSLATED = [
    (name, language) for name in KINDS_OF_DOCUMENT for language in LANGUAGES[1:] if (name, language) != GERMAN_AGREEMENT
]


def fields(text: str) -> list[int]:
    return [text.count(mark) for mark in COUNTED]


def shape(name: str, language: str) -> list[Any]:
    """Return what a page asks, without its words: fields of each cell, item and paragraph."""
    found = page(page_of(name, language).read_text(encoding="utf-8"), MARKS)
    return [[list(_shapes(block)) for block in section.blocks] for section in found.sections]


def _shapes(block: Any) -> Iterator[Any]:
    match block:
        case Table(columns, rows):
            yield len(columns)
            yield from ([fields(cell) for cell in row] for row in rows)
        case Points(items):
            yield from map(fields, items)
        case Text(text):
            yield fields(text)


@pytest.mark.parametrize(("name", "language"), TRANSLATED)
def test_a_page_asks_the_same_in_every_language(name: str, language: str) -> None:
    assert shape(name, language) == shape(name, "en")


@pytest.mark.parametrize("name", KINDS_OF_DOCUMENT)
def test_every_place_is_a_section_of_the_page(name: str) -> None:
    kind = KINDS_OF_DOCUMENT[name]

    assert set(kind.places) <= set(range(len(shape(name, "en"))))
    assert kind.places or kind.annexes


@pytest.mark.parametrize("key", keys_of_words())
def test_every_word_is_said_in_four_languages_with_the_same_names_in_braces(key: str) -> None:
    texts = keys_of_words()[key]

    assert len(texts) == len(LANGUAGES)
    assert all(texts)
    named = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]
    assert all(names == named[0] for names in named)


def test_no_word_is_left_in_english() -> None:
    same = {key for key, (english, *others) in keys_of_words().items() if english in others}

    assert same == {"says_revision", "says_model_digest"}


@pytest.mark.parametrize(
    ("language", "word"), [("en", "lawyer"), ("de", "Muttersprachler"), ("ja", "母語話者"), ("zh", "母语者")]
)
def test_each_language_says_that_nobody_who_knows_has_read_it(language: Any, word: str) -> None:
    assert word in FilledWords(language)("no_native_reader")


def test_brackets_become_fields_of_people_or_answers() -> None:
    text = "# Template: x\n\n[…] and [… of whom] and [copy from chapter 2] and [link](a.md)\n"

    (section,) = page(text, MARKS).sections

    assert section.blocks == (Text("[@people@] and [@people@ of whom] and [@told@] and link"),)


def test_markdown_shows_text_as_it_is() -> None:
    table = Table(("a",), (("x|y *z* <b> _u_ a_b [t](http://e)",),))
    document = Document("en", "T", "S", (), "C", "F", (Chapter("c", "C", (table,)),))

    (row,) = re.findall(r"^\| x.*$", render(document).decode(), re.MULTILINE)

    assert row == r"| x\|y \*z\* \<b> \_u\_ a_b [t]\(http://e) |"
