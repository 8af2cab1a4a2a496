"""Codes of banks beside an account or behind the bank's noun."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns.banks import RULES
from gateway.privacy.patterns.scan import Patterns, Plan


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(RULES))


def found(patterns: Patterns, text: str) -> list[str]:
    return sorted({text[span.start : span.end] for span in patterns.find([text], lambda: None)[0]})


@pytest.mark.parametrize(
    "text",
    [
        "DE02 1203 0000 0000 2020 51 / ZZZZDE2A",
        "DE02120300000000202051 (ZZZZDE2A)",
        "ZZZZDE2A, DE02 1203 0000 0000 2020 51",
        "zahlbar auf de02 1203 0000 0000 2020 51\nZZZZDE2A",
        "Hausbank: ZZZZDE2A",
        "banca ZZZZDE2A",
        "金融機関コード：ZZZZDE2A".replace("：", ":"),
        "开户行:ZZZZDE2A",
    ],
)
def test_finds_the_code_of_a_bank(patterns: Patterns, text: str) -> None:
    assert found(patterns, text) == ["ZZZZDE2A"]


@pytest.mark.parametrize(
    "text",
    [
        "ZZZZDE2A is a variant of the housing",
        "DE03 1203 0000 0000 2020 51 / ZZZZDE2A",  # no account: its check digits are wrong
        "DE02 1203 0000 0000 2020 51 for the STANDARD part",
        "bank 4711",
        "Bank of CUSTOMER",
        "Prüfbank ZZZZDE2A",
    ],
)
def test_leaves_words_in_capitals(patterns: Patterns, text: str) -> None:
    assert found(patterns, text) == []


def test_finds_a_code_without_a_digit(patterns: Patterns) -> None:
    assert found(patterns, "Hausbank ZZZZDEZZ") == ["ZZZZDEZZ"]
