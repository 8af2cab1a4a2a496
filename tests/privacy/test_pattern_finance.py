"""Accounts, banks, cards, wallets.

Card numbers are the payment industry's published test numbers; account numbers the specimens of the IBAN registry.
"""

import pytest

from gateway.privacy.patterns import finance
from gateway.privacy.patterns.scan import Patterns, Plan

PATTERNS = Patterns(Plan(finance.RULES))


def values(text: str, type: str) -> list[str]:
    spans = PATTERNS.find([text], lambda: None)[0]
    return [text[span.start : span.end] for span in spans if span.type == type and span.score >= 0.4]


@pytest.mark.parametrize(
    "number",
    [
        "DE89 3704 0044 0532 0130 00",
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "fr1420041010050500013m02606",
        "IT60-X054-2811-1010-0000-0123-456",
        "ES91 2100 0418 4502 0005 1332",
        "CH93 0076 2011 6238 5295 7",
        "NO93 8601 1117 947",
    ],
)
def test_an_account_is_found_whatever_stands_beside_it(number: str) -> None:
    for text in (number, f"口座{number}です", f"{number} word 1234", f"{number},{number}"):
        assert number in values(text, "IBAN_CODE"), text


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n  ", "\n> ", "\n\t| "])
def test_an_account_goes_on_in_the_next_line(end: str) -> None:
    number = f"DE89 3704 0044{end}0532 0130 00"

    assert values(f"IBAN {number}\nBIC", "IBAN_CODE") == [number]


def test_an_account_does_not_end_in_another_paragraph() -> None:
    assert values("DE89 3704 0044\n\n0532 0130 00", "IBAN_CODE") == []


@pytest.mark.parametrize(
    "text", ["DE88 3704 0044 0532 0130 00", "XX89 3704 0044 0532 0130 00", "DE12", "xDE89370400440532013000"]
)
def test_no_account(text: str) -> None:
    assert values(text, "IBAN_CODE") == []


@pytest.mark.parametrize(
    "number",
    [
        "4111 1111 1111 1111",
        "4111111111111111",
        "5555-5555-5555-4444",
        "3782 822463 10005",
        "6011111111111117",
        "3530111333300000",
        "2223003122003222",
    ],
)
def test_a_card(number: str) -> None:
    for text in (f"card {number}", f"カード{number}です", f"12 {number}", f"{number} 99"):
        assert number in values(text, "CREDIT_CARD"), text


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "4111-1111 1111 1111",
        "0.4111111111111111",
        "1700000000000",
        "20240102101112",
        "9999999999999995",
        "a4111111111111111",
    ],
)
def test_no_card(text: str) -> None:
    assert values(text, "CREDIT_CARD") == []


def test_a_bank_code_needs_its_word() -> None:
    assert values("BIC: DEUTDEFF500", "BIC_CODE") == ["DEUTDEFF500"]
    assert values("DOCUMENT DEUTDEFF500", "BIC_CODE") == []
    assert values("BIC: DOCUZZNT", "BIC_CODE") == []


def test_a_wallet() -> None:
    address = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"  # the example of Bitcoin's own documentation

    assert values(f"pay {address}.", "CRYPTO") == [address]
    assert values(f"pay {address[:-1]}3", "CRYPTO") == []


def test_thirteen_digits_are_an_articles_number_unless_a_word_says_card() -> None:
    assert values("Klebstoff;4222222222222;2", "CREDIT_CARD") == []
    assert values("card 4222222222222", "CREDIT_CARD") == ["4222222222222"]


@pytest.mark.parametrize(
    "text", ["卡号4242424242424242,车牌", "カード4242424242424242.次は", "卡、4242 4242 4242 4242,谢谢"]
)
def test_a_comma_before_a_kanji_ends_a_card(text: str) -> None:
    assert [value.replace(" ", "") for value in values(text, "CREDIT_CARD")] == ["4242424242424242"]
