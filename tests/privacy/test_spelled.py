"""Values written one sign at a time, in small letters, or over the end of a line; and what only looks so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy.memory import Memory
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns
from gateway.privacy.span import Proceed, Span
from gateway.privacy.spelled import Known, spelled


def go_on() -> None:
    pass


@pytest.fixture(scope="module")
def rules() -> Patterns:
    return Patterns(plan())


@pytest.fixture(scope="module")
def remembered() -> Known:
    """One memory for all texts of this module."""
    return Known(Memory(2**20, len), b"acme")


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


PASSAGES = (
    "USt-IdNr. de136695976 bitte prüfen",
    "マイナンバーは1 2 3 4 5 6 7 8 9 0 1 8です",
    "1 2 3 4 5 6 7 8 9 0 1 8",
    "de136695976",
    "Versichertennummer ",
    "a123456780 liegt vor",
    "Bitte überweisen Sie den vereinbarten Betrag auf die IBAN DE89 3704\n0044 0532 0130 00 bis Freitag.",
    "0044 0532 0130 00",
    "commit 3f2b9c1e7d4a, job ab4711820cd in 1422 ms",
    "Am Ende der Schicht zeigte der Zähler von Linie vier 4711",
    "nhs_9434765870_x",
    "steuer_id_86095742719",
    "_86095742719_x",
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PASSAGES), st.sampled_from(["", " ", "\n", "\n\n"])), max_size=8))
def test_passages_that_are_known_are_found_as_if_they_were_not(
    rules: Patterns, remembered: Known, joined: list[tuple[str, str]]
) -> None:
    text = "".join(map("".join, joined))
    assert spelled(text, rules, go_on, remembered) == spelled(text, rules, go_on)


class Counting:
    """The rules, counting how many texts they are asked about."""

    version = "counting"

    def __init__(self, rules: Patterns) -> None:
        self._rules = rules
        self.asked = 0

    def find(self, texts: Sequence[str], proceed: Proceed) -> list[list[Span]]:
        self.asked += len(texts)
        return self._rules.find(texts, proceed)


def test_only_values_in_new_surroundings_are_asked_about(rules: Patterns) -> None:
    counting, known = Counting(rules), Known(Memory(2**20, len), b"acme")
    some = ["ust-idnr. de136695976", "Versichertennummer a123456780 liegt vor"]
    far = "\n" + "Nichts steht hier, was jemand sucht. " * 4 + "\n"

    spelled(far.join(["", *some, ""]), counting, go_on, known)
    first, counting.asked = counting.asked, 0
    found = spelled(far.join(["", *some[::-1], ""]), counting, go_on, known)
    assert (first, counting.asked, len(found) > 1) == (2, 0, True)

    spelled(some[0], counting, go_on, known)
    spelled(far.join(["", *some, ""]), counting, go_on, Known(known.memory, b"other"))
    assert counting.asked == 1 + 2


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        ("scan_steuer_id_86095742719_2024.pdf", "DE_TAX_ID", "86095742719"),
        ("siehe ablage/steuer_id_86095742719_x", "DE_TAX_ID", "86095742719"),
        ("86095742719_steuer_id.pdf", "DE_TAX_ID", "86095742719"),
        ("Steuer-ID: x_86095742719_x", "DE_TAX_ID", "86095742719"),
        ("nhs_9434765870_old", "UK_NHS", "9434765870"),
        ("nhs_943_476_5870_old", "UK_NHS", "943_476_5870"),
        ("personnummer_880320-0016_kopia", "SE_PERSONNUMMER", "880320-0016"),
        ("マイナンバー_123456789018_控え.pdf", "JP_MY_NUMBER", "123456789018"),
        ("kennzeichen_M-XY4711_vorn.jpg", "LICENSE_PLATE", "M-XY4711"),
        ("host_10.20.30.40_ip.log", "IP_ADDRESS", "10.20.30.40"),
        ("x_756.9217.0769.85_x", "CH_AHV", "756.9217.0769.85"),
        ("reisepass_C01X00T478_kopie", "DE_PASSPORT", "C01X00T478"),
    ],
)
def test_a_value_in_a_name_that_underscores_join_is_found(rules: Patterns, text: str, type: str, value: str) -> None:
    assert (type, value) in found(rules, text)


@pytest.mark.parametrize(
    "text",
    [
        "x_86095742719_x",
        "part_no_86095742719_tax_id",
        "steuer_id_86095742718_x",
        "passport_20241128_x.csv",
        "imsi_report_20200318221348.log",
        "driver_10.2.3.4_setup",
        "steuer_id 12345 job_86095742718_x",
        "job_1711234567_0042",
        f"steuer_id_86095742719_{'x1_' * 40}",
    ],
)
def test_what_underscores_join_to_a_code_is_left(rules: Patterns, text: str) -> None:
    assert found(rules, text) == set()
