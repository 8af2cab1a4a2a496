"""Values written one sign at a time, in small letters, or over the end of a line; and what only looks so."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns
from gateway.privacy.spelled import spelled


@pytest.fixture(scope="module")
def rules() -> Patterns:
    return Patterns(plan())


def found(rules: Patterns, text: str) -> set[tuple[str, str]]:
    return {(span.type, text[span.start : span.end]) for span in spelled(text, rules, lambda: None)}


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        ("マイナンバーは1 2 3 4 5 6 7 8 9 0 1 8です", "JP_MY_NUMBER", "1 2 3 4 5 6 7 8 9 0 1 8"),
        ("Versichertennummer A-1-2-3-4-5-6-7-8-0 liegt vor", "DE_HEALTH_INSURANCE", "A-1-2-3-4-5-6-7-8-0"),
        (
            "IBAN D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
            "IBAN_CODE",
            "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
        ),
        ("USt-IdNr. de136695976 bitte prüfen", "DE_VAT_ID", "de136695976"),
        ("Versichertennummer a123456780 liegt vor", "DE_HEALTH_INSURANCE", "a123456780"),
        (
            "Bitte überweisen Sie den vereinbarten Betrag auf die IBAN DE89 3704\n0044 0532 0130 00 bis Freitag.",
            "IBAN_CODE",
            "DE89 3704\n0044 0532 0130 00",
        ),
        (
            "> Bitte die Steuer-ID aus dem Schreiben vom letzten Monat, 36 574\n> 261 809, in der Akte nachtragen.",
            "DE_TAX_ID",
            "36 574\n> 261 809",
        ),
    ],
)
def test_a_value_written_otherwise_is_found_where_it_stands(rules: Patterns, text: str, type: str, value: str) -> None:
    assert (type, value) in found(rules, text)


@pytest.mark.parametrize(
    "text",
    [
        "0 1 1 0 1 0 0 1 0 1 1 0 1 1",
        "A B C D E F G H I J K",
        "Stufe 1 - 2 - 3 - 4 - 5 - 6 - 7 - 8",
        "commit 3f2b9c1e7d4a, job ab4711820cd in 1422 ms",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        "Am Ende der Schicht zeigte der Zähler von Linie vier 4711\n12 Teile waren Ausschuss.",
        "36 574\n261 809",  # two lines of a list
        "code x1234567l here",  # the form of an id, its one check letter, and no word that says so
        "el 12345678z va",
    ],
)
def test_what_counts_or_points_is_quiet(rules: Patterns, text: str) -> None:
    assert found(rules, text) == set()


def test_the_same_value_again_is_found_at_each_of_its_places(rules: Patterns) -> None:
    text = "ust-idnr. de136695976\n" * 50
    places = {span.start for span in spelled(text, rules, lambda: None)}
    assert {text.index("de1366") + 22 * line for line in range(50)} <= places
