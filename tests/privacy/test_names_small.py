"""Names in messages that are all written small; and words there that only look like names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.privacy.names import features
from gateway.privacy.names.small import Small

_LEXICON = Path(features.__file__).with_name("lexicon.bin")


@pytest.fixture(scope="module")
def small() -> Small:
    return Small(features.Lexicon(_LEXICON.read_bytes()))


def found(small: Small, text: str) -> set[str]:
    return {text[span.start : span.end] for span in small.find(text)}


NAMES = [
    ("hi, my name is brenda larsson and i need help", "brenda larsson"),
    ("please ask ms. whitaker about it", "whitaker"),
    ("i spoke with dennis yesterday", "dennis"),
    ("sandra fischer hat heute angerufen", "sandra fischer"),
    ("my daughter tamara lost her card", "tamara"),
    ("the kids are called monica, derek, wendy and clara", "wendy"),
    ("mein name ist bettina", "bettina"),
    ("me llamo verónica", "verónica"),
    ("my name is borna jerković but everyone calls me borna", "borna jerković"),
    ("my name is borna jerković; tell the others that borna rang", "borna"),
    ("hi, i'm jelena marković and i need help", "jelena marković"),
    ("my name is aino virtanen and i wait here", "aino virtanen"),
    ("selma lives in the red house", "selma"),
    ("cormac had given them his number", "cormac"),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_a_name_written_small_is_found(small: Small, text: str, name: str) -> None:
    assert name in found(small, text)


QUIET = [
    "the pump will hold and the valve may leak",
    "hello team, this is production",
    "mark the bill as paid and grant access to the main hall",
    "we need bolts, nuts, washers and rings",
    "ich bin heute in halle 2",
    "select name from users where id = 4",
    "the file name is report and the job is called nightly",
    "My name is Brenda Larsson.",  # others' work
    "my name is not on the list, my name is misspelled",
    "this lives in the cache, and the value was born there",
    "everyone calls me back when the line is down",
    "",
]


@pytest.mark.parametrize("text", QUIET)
def test_ordinary_words_are_no_names(small: Small, text: str) -> None:
    assert found(small, text) == set()


@pytest.mark.parametrize("text", ["my name is " * 20_000, "a, " * 80_000, "anna " * 40_000, "a" * 200_000])
def test_small_names_take_time_in_proportion(small: Small, text: str) -> None:
    assert sum(1 for _ in small.find(text)) < len(text)
