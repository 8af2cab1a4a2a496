"""VINs and chassis numbers: what is one, and what looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.patterns.scan import Patterns, Plan
from gateway.privacy.patterns.vehicles import RULES, check_digit
from gateway.privacy.patterns.wmi import country_of, is_known_maker

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


def with_check_digit(vin: str) -> str:
    """Return ``vin`` with the ninth character that makes it hold."""
    digit = check_digit(vin[:8] + "0" + vin[9:])
    return vin[:8] + digit + vin[9:]


def with_wrong_digit(vin: str) -> str:
    held = with_check_digit(vin)
    return held[:8] + ("1" if held[8] != "1" else "2") + held[9:]


US = with_check_digit("1FADP3F2_JL471147".replace("_", "0"))
CHINESE = with_check_digit("LSVAU0330J2471147")
JAPANESE = "JTDBR32E720471147"
GERMAN = "WVWZZZ1KZAW471147"


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(RULES))


def found(patterns: Patterns, text: str) -> list[str]:
    spans = patterns.find([text], lambda: None)[0]
    return sorted({text[span.start : span.end] for span in spans if span.type == "VIN"})


@pytest.mark.parametrize(
    ("text", "vin"),
    [
        (GERMAN, GERMAN),
        (GERMAN.lower(), GERMAN.lower()),
        (f"車台番号は{GERMAN}です。", GERMAN),
        (f"车架号{CHINESE}的车辆", CHINESE),
        (f"log_{GERMAN}_2026.blf", GERMAN),
        (f"The customer's {US} failed again", US),
        (f"Fahrgestellnummer: {JAPANESE}", JAPANESE),
        (f"numéro de châssis {GERMAN}, garantie", GERMAN),
        ("FIN: WVW ZZZ 1KZ AW 471147", "WVW ZZZ 1KZ AW 471147"),
        ("FIN: WVWZZ Z1KZA W471147", "WVWZZ Z1KZA W471147"),
        ("chassis WVWZ ZZ1K ZAW4 71147", "WVWZ ZZ1K ZAW4 71147"),
        ("telaio UU1HSDCA_47114711".replace("_", "5"), "UU1HSDCA547114711"),
        ("bastidor VSSZZZ6KZ1R047114", "VSSZZZ6KZ1R047114"),
        ("VIN 3VWZZZ1KZ8M471147 (Puebla, für Europa)", "3VWZZZ1KZ8M471147"),
        ("車台番号:ZVW30-0471147", "ZVW30-0471147"),
        ("フレームNo. NHP10-6047114", "NHP10-6047114"),
        ("vehicle " + with_check_digit("AB12CD340EFGHJKLM"), with_check_digit("AB12CD340EFGHJKLM")),
    ],
)
def test_finds_a_vin(patterns: Patterns, text: str, vin: str) -> None:
    assert found(patterns, text) == [vin]


@pytest.mark.parametrize(
    "text",
    [
        f"VIN {with_wrong_digit(US)}",
        f"车架号 {with_wrong_digit(CHINESE)}",
        "VIN WVWZZZ1KZAW47114",  # 16 characters
        "VIN WVWZZZ1KZAW4711471",  # 18 characters
        "VIN WVWZZZ1KZIW471147",  # an I
        "5Q0615301F0004711",
        "Teilenummer A2C53389941004711",
        "3f786850e387550fd",
        "hash 3f786850e38754711",
        "47114711471147114",
        "df72cbdbd68b83266",  # a hash that begins like a maker
        "ZVW30-0471147",
        "order AB12CD345EFGHJKLM",
        "WVWzzz1KZaw471147",  # both cases: base64, not a VIN
        "ABCDEFGHJKLMNPRST",
    ],
)
def test_leaves_what_only_looks_like_a_vin(patterns: Patterns, text: str) -> None:
    assert found(patterns, text) == []


def test_a_check_digit_is_no_longer_right_when_one_character_changes() -> None:
    for at in (0, 3, 7, 10, 16):
        changed = US[:at] + "5" + US[at + 1 :]
        assert check_digit(changed) != changed[8]


def test_the_check_digit_is_that_of_the_published_example() -> None:
    # 49 CFR 565.15 (c)(4), table VI: the worked example with check digit 4
    assert check_digit("1G4AH59H45G118341") == "4"


@given(st.text(ALPHABET, min_size=17, max_size=17))
def test_exactly_one_ninth_character_holds(vin: str) -> None:
    held = [digit for digit in "0123456789X" if check_digit(vin[:8] + digit + vin[9:]) == digit]
    assert len(held) == 1


@pytest.mark.parametrize(
    ("vin", "country", "known"),
    [(GERMAN, "DE", True), (US, "US", True), (CHINESE, "CN", True), ("0AA", "", False), ("Z99", "RU", False)],
)
def test_knows_country_and_maker(vin: str, country: str, known: bool) -> None:
    assert (country_of(vin), is_known_maker(vin)) == (country, known)
