"""Great Britain: NINO, NHS, UTR, driver numbers, postcodes, addresses."""

from __future__ import annotations

import pytest
from stdnum.gb import nhs, utr

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


NHS = "9434765870"
assert nhs.is_valid(NHS)
UTR = utr.calc_check_digit("955839661") + "955839661"

HOLDS = [
    ("NINO AB 12 34 56 C", "UK_NINO", "AB 12 34 56 C"),
    ("National Insurance numberAB123456C登録", "UK_NINO", "AB123456C"),
    (f"NHS number {NHS[:3]} {NHS[3:6]} {NHS[6:]}", "UK_NHS", f"{NHS[:3]} {NHS[3:6]} {NHS[6:]}"),
    (f"NHS no.{NHS}", "UK_NHS", NHS),
    (f"UTR {UTR}", "UK_UTR", UTR),
    ("licence SAMPL657054SM9IJ", "UK_DRIVING_LICENCE", "SAMPL657054SM9IJ"),
    ("British passport 123456789", "UK_PASSPORT", "123456789"),
    ("postcode SW1A 1AA", "UK_POSTCODE", "SW1A 1AA"),
    ("at 10 Sample Street, London SW1A 1AA today", "LOCATION", "10 Sample Street, London SW1A 1AA"),
    (
        "Flat 2, 14 Test Lane, Little Hampton, West Sussex BN17 5AA",
        "LOCATION",
        "Flat 2, 14 Test Lane, Little Hampton, West Sussex BN17 5AA",
    ),
]

NEAR_MISSES = [
    ("NINO GB123456C", "UK_NINO"),
    ("part no AB123456C", "UK_NINO"),
    (f"NHS number {NHS[:-1]}{(int(NHS[-1]) + 1) % 10}", "UK_NHS"),
    (f"order {NHS}", "UK_NHS"),
    ("zone QQ1 1AA", "UK_POSTCODE"),
    ("12 Robot Station", "LOCATION"),
    ("3 Test Run", "LOCATION"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_britain_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_britain_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)
