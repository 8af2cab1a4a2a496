"""Numbers as messages have them: with extensions, in pairs, with a word for what they are behind."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns


def found(text: str) -> set[tuple[str, str]]:
    [spans] = Patterns(plan()).find([text], lambda: None)
    return {(span.type, text[span.start : span.end]) for span in spans if span.score >= 0.4}


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        ("Desk: +1-312-555-0144x769", "PHONE_NUMBER", "+1-312-555-0144x769"),
        ("Phone:\n61-56-85-93", "PHONE_NUMBER", "61-56-85-93"),
        ("They are not answering at 71-34-52-28", "PHONE_NUMBER", "71-34-52-28"),
        ("the billed amount for cc 3530111333300000 please", "CREDIT_CARD", "3530111333300000"),
        ("my driver's license number is 2270-66-1559", "US_DRIVER_LICENSE", "2270-66-1559"),
    ],
)
def test_a_number_is_found_as_messages_have_it(text: str, type: str, value: str) -> None:
    assert (type, value) in found(text)


@pytest.mark.parametrize(
    "text", ["Call by 12-04-24.", "Phone log of 12-11-2024", "Sizes 12-14-16-18", "Rev 2270-66-1559"]
)
def test_a_date_and_a_row_of_sizes_are_no_number(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tel_08912345678_x", "08912345678"),
        ("see backup/tel_+4989123456.vcf", "+4989123456"),
        ("customer_phone_nr_0176-1234567_2024", "0176-1234567"),
        ("FAX__0049 89 1234567_old", "0049 89 1234567"),
        ("Mobil_13812345678.jpg", "13812345678"),
        ("phone: _+4989123456_", "+4989123456"),
        ("ring _089 1234567_, please", "089 1234567"),
        ("ring __+49 89 1234567__", "+49 89 1234567"),
    ],
)
def test_a_telephone_number_between_underscores_is_found(text: str, value: str) -> None:
    assert ("PHONE_NUMBER", value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "part_08912345678_rev2",
        "tel_20240312_x",
        "phone_1",
        "fax_08912345678a",
        "fax_0891234567812345678",
        "hotel_08912345678_x",
        "see _08912345678_rev2",
        "model _089 1234567 here",
    ],
)
def test_what_an_underscore_joins_to_a_code_is_no_number(text: str) -> None:
    assert "PHONE_NUMBER" not in {type for type, _ in found(text)}
