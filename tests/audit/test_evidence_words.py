"""The words of reports: complete in four languages, each filled in with the same things."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from gateway.audit.events import EVENTS
from gateway.audit.evidence import words
from gateway.audit.evidence.crossings import BASES
from gateway.audit.evidence.words import LANGUAGES, Words, read
from gateway.cli.codes import explanations

SOURCES = Path(words.__file__).parent
OTHERS = [language for language in LANGUAGES if language != "en"]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("section", ["texts", "codes", "events"])
def test_every_language_has_the_same_keys(language: str, section: str) -> None:
    assert list(read(language)[section]) == list(read("en")[section])


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_is_filled_in_with_the_same_things(language: str) -> None:
    ours, english = read(language)["texts"], read("en")["texts"]

    assert {key: fields(text) for key, text in ours.items()} == {key: fields(text) for key, text in english.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_text(language: str) -> None:
    found = read(language)

    assert all(
        isinstance(text, str) and text.strip() for part in ("texts", "codes", "events") for text in found[part].values()
    )


@pytest.mark.parametrize("language", OTHERS)
def test_hardly_a_text_is_left_in_english(language: str) -> None:
    ours, english = read(language)["texts"], read("en")["texts"]

    assert {key for key in english if ours[key] == english[key]} <= {
        "digest", "code", "manifest", "with_route", "year", "revision", "tests", "about_filter",
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_administrative_record_has_a_name(language: str) -> None:
    assert EVENTS.keys() <= read(language)["events"].keys()


def test_codes_that_have_words_exist() -> None:
    assert read("en")["codes"].keys() <= explanations().keys()


def test_every_key_that_the_chapters_ask_for_is_there() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.py"))
    asked = set(re.findall(r'\bpen(?:\.text)?\(\s*"([a-z_A-Z]+)"', source))

    assert len(asked) > 40
    assert asked <= read("en")["texts"].keys()


def test_no_key_is_left_over() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.py"))
    made = re.compile(r"(limit|file|law|basis|how|clock|outcome|witness|by_rule|tile|stopped|settings)_.*|[a-z]+_what")

    unused = {key for key in read("en")["texts"] if f'"{key}"' not in source and not made.fullmatch(key)}
    assert unused == set()


def test_every_basis_of_a_crossing_has_a_name() -> None:
    assert {f"basis_{code.removeprefix('policy.')}" for code in BASES} <= read("en")["texts"].keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_to_verify_names_the_command_and_every_exit_code(language: str) -> None:
    text = Words(language).verify

    assert "python verify.py PACK.zip --key log.vkey" in text
    assert "--since checkpoint" in text
    assert all(re.search(rf"\b{code}\b", text) for code in (0, 1, 2, 3, 4))


def test_a_failure_is_told_as_one() -> None:
    assert Words("en").event("policy.break_glass_signed.failed") == "break-glass grant signed (failed)"
    assert Words("en").event("own.event") == "own.event"
