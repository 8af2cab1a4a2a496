"""United States: SSN by its invalid areas, numbers in context, addresses."""

from __future__ import annotations

import pytest

from gateway.privacy.normal import normalise
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns

COUNTS = 0.4


def found(text: str) -> set[tuple[str, str]]:
    text = normalise(text).text
    spans = Patterns(plan()).find([text], lambda: None)[0]
    return {(span.type, text[span.start : span.end]) for span in spans if span.score >= COUNTS}


def types(text: str) -> set[str]:
    return {type_ for type_, _ in found(text)}


HOLDS = [
    ("SSN 536-90-4399", "US_SSN", "536-90-4399"),
    ("social security number: 536904399", "US_SSN", "536904399"),
    ("his 536-90-4399 was", "US_SSN", "536-90-4399"),
    ("ITIN 912-90-3456", "US_ITIN", "912-90-3456"),
    ("EIN 91-1144442", "US_EIN", "91-1144442"),
    ("Medicare 1EG4-TE5-MK73", "US_MBI", "1EG4-TE5-MK73"),
    ("routing number 111000025", "ABA_ROUTING_NUMBER", "111000025"),
    ("account number: 123456789012", "US_BANK_NUMBER", "123456789012"),
    ("driver's license D1234567", "US_DRIVER_LICENSE", "D1234567"),
    ("US passport C12345678", "US_PASSPORT", "C12345678"),
    (
        "lives at 742 Sample Terrace Apt 4B, Springfield, OR 97403 since",
        "LOCATION",
        "742 Sample Terrace Apt 4B, Springfield, OR 97403",
    ),
    ("PO Box 1234, Salem, OR 97301", "LOCATION", "PO Box 1234, Salem, OR 97301"),
]

NEAR_MISSES = [
    ("SSN 666-90-4399", "US_SSN"),
    ("SSN 536-00-4399", "US_SSN"),
    ("SSN 936-00-4399", "US_SSN"),
    ("part number 536-90-4399", "US_SSN"),
    ("offset 536904399", "US_SSN"),
    ("routing number 111000026", "ABA_ROUTING_NUMBER"),
    ("drawing 91-1144442", "US_EIN"),
    ("12 Welding Point", "LOCATION"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_states_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_states_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)
