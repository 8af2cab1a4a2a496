"""Europe: VAT numbers of the member states, and personal numbers of other countries."""

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
    ("UID ATU13585627", "EU_VAT_ID", "ATU13585627"),
    ("BTW NL004495445B01", "EU_VAT_ID", "NL004495445B01"),
    ("TVA FR40303265045", "EU_VAT_ID", "FR40303265045"),
    ("AHV 756.9217.0769.85", "CH_AHV", "756.9217.0769.85"),
    ("UID CHE-100.155.212", "CH_UID", "CHE-100.155.212"),
    ("SVNR 1237 010180", "AT_SVNR", "1237 010180"),
    ("BSN 111222333", "NL_BSN", "111222333"),
    ("rijksregisternummer 85.07.30-033 28", "BE_NN", "85.07.30-033 28"),
    ("PESEL 44051401359", "PL_PESEL", "44051401359"),
    ("personnummer 880320-0016", "SE_PERSONNUMMER", "880320-0016"),
    ("hetu 131052-308T", "FI_PERSONAL_IDENTITY_CODE", "131052-308T"),
    ("CPR 211062-5629", "DK_CPR", "211062-5629"),
    ("rodné číslo 710319/2745", "CZ_RODNE_CISLO", "710319/2745"),
    ("OIB 33392005961", "HR_OIB", "33392005961"),
    ("주민등록번호 971013-1019901", "KR_RRN", "971013-1019901"),
    ("Wohnort: Stuttgart\n", "LOCATION", "Stuttgart"),
]

NEAR_MISSES = [
    ("ATU13585628", "EU_VAT_ID"),
    ("part no NL004495445B01", "EU_VAT_ID"),
    ("AHV 756.9217.0769.84", "CH_AHV"),
    ("BSN 111222334", "NL_BSN"),
    ("count 111222333", "NL_BSN"),
    ("value 44051401359", "PL_PESEL"),
    ("880320-0017", "SE_PERSONNUMMER"),
    ("211062-5629", "DK_CPR"),
    ("address: 0x7fff5fbff8c0", "LOCATION"),
    ('"address": "localhost:8080"', "LOCATION"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_europe_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_europe_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)
