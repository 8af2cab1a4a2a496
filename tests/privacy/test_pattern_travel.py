"""Passports beside a word for them, and machine-readable zones by their check digits (ICAO 9303's own specimens)."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.proofs import icao_digit
from gateway.privacy.patterns.scan import Patterns

NAMES = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
TD3 = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD2 = "D231458907UTO7408122F1204159<<<<<<<6"
TD1 = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"


def found(text: str) -> set[tuple[str, str]]:
    spans = Patterns(plan()).find([text], lambda: None)[0]
    return {(span.type, text[span.start : span.end]) for span in spans if span.score >= 0.4}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"scan:\n{NAMES}\n{TD3}\n", f"{NAMES}\n{TD3}"),
        (f"line {TD3} read", TD3),
        (f"line {TD2} read", TD2),
        (TD1, TD1),
        (NAMES, NAMES),
    ],
)
def test_machine_readable_zone_is_found_with_its_lines(text: str, value: str) -> None:
    assert ("MRZ", value) in found(text)


def test_machine_readable_line_with_a_wrong_digit_is_left_alone() -> None:
    assert not any(type_ == "MRZ" for type_, _ in found(TD3[:-1] + "5"))


@pytest.mark.parametrize(
    "text",
    ["passport number: X1234567", "護照 X1234567", "He gave us X1234567 as his passport", "paspoort nr. X1234567"],
)
def test_passport_counts_beside_a_word_for_it(text: str) -> None:
    assert ("PASSPORT", "X1234567") in found(text)


@pytest.mark.parametrize("text", ["part X1234567", "passport: part no X1234567", "passport photo 35 x 45 mm"])
def test_passport_near_miss_is_left_alone(text: str) -> None:
    assert not any("PASSPORT" in type_ for type_, _ in found(text))


def test_check_digit_is_that_of_icao_9303() -> None:
    assert icao_digit("D23145890") == 7
