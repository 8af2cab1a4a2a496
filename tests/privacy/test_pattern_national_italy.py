"""Italy: codice fiscale with its variants, partita IVA, cards in context, addresses."""

from __future__ import annotations

import pytest
from stdnum import luhn
from stdnum.it import codicefiscale

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


CODE = "RSSMRA85T10A562"
CODE += codicefiscale.calc_check_digit(CODE)
SAME = "RSSMRA85T10A56N"
SAME += codicefiscale.calc_check_digit(SAME)
VAT = "0074311015" + luhn.calc_check_digit("0074311015")

HOLDS = [
    (f"C.F. {CODE}", "IT_FISCAL_CODE", CODE),
    (f"codice {SAME} registrato", "IT_FISCAL_CODE", SAME),
    (f"の{CODE}です", "IT_FISCAL_CODE", CODE),
    (f"P. IVA {VAT}", "IT_VAT_CODE", VAT),
    (f"IT{VAT}", "IT_VAT_CODE", f"IT{VAT}"),
    ("carta d'identità CA12345AB", "IT_IDENTITY_CARD", "CA12345AB"),
    ("patente MI1234567A", "IT_DRIVER_LICENSE", "MI1234567A"),
    ("passaporto YA1234567", "IT_PASSPORT", "YA1234567"),
    ("tessera sanitaria 80380001200012345678", "IT_HEALTH_CARD", "80380001200012345678"),
    (
        "abita in Via Giuseppe Esempio 12, 20121 Milano (MI) dal",
        "LOCATION",
        "Via Giuseppe Esempio 12, 20121 Milano (MI)",
    ),
    ("Piazza del Campione, 3", "LOCATION", "Piazza del Campione, 3"),
]

NEAR_MISSES = [
    (f"C.F. {CODE[:-1]}{chr((ord(CODE[-1]) - 64) % 26 + 65)}", "IT_FISCAL_CODE"),
    (f"lotto {VAT}", "IT_VAT_CODE"),
    (f"P. IVA {VAT[:-1]}{(int(VAT[-1]) + 1) % 10}", "IT_VAT_CODE"),
    ("codice MI1234567A", "IT_DRIVER_LICENSE"),
    ("via e-mail 12", "LOCATION"),
    ("la strada statale 345", "LOCATION"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_italy_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_italy_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)
