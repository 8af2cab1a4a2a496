"""Spain: DNI, NIE, CIF, social security number, addresses."""

from __future__ import annotations

import pytest
from stdnum.es import cif, dni, nie

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


DNI = "54362315" + dni.calc_check_digit("54362315")
NIE = "X2482300" + nie.calc_check_digit("X2482300")
CIF = "B7654321" + cif.calc_check_digits("B7654321")[0]
SERIAL = "2812345678"
NSS = f"{SERIAL}{int(SERIAL) % 97:02d}"

HOLDS = [
    (f"DNI {DNI}", "ES_NIF", DNI),
    (f"DNI{DNI}登録", "ES_NIF", DNI),
    (f"con {DNI[:2]}.{DNI[2:5]}.{DNI[5:8]}-{DNI[8]} firmado", "ES_NIF", f"{DNI[:2]}.{DNI[2:5]}.{DNI[5:8]}-{DNI[8]}"),
    (f"NIE: {NIE}", "ES_NIE", NIE),
    (f"CIF {CIF}", "ES_CIF", CIF),
    (f"Seguridad Social {NSS[:2]}/{NSS[2:10]}/{NSS[10:]}", "ES_NSS", f"{NSS[:2]}/{NSS[2:10]}/{NSS[10:]}"),
    ("pasaporte PAA123456", "ES_PASSPORT", "PAA123456"),
    ("vive en Calle Mayor 5, piso 3, 28013 Madrid desde", "LOCATION", "Calle Mayor 5, piso 3, 28013 Madrid"),
    ("C/ Muestra 45", "LOCATION", "C/ Muestra 45"),
]

NEAR_MISSES = [
    (f"DNI {DNI[:8]}{chr((ord(DNI[8]) - 64) % 26 + 65)}", "ES_NIF"),
    (f"pieza {DNI}", "ES_NIF"),
    (f"referencia {CIF}", "ES_CIF"),
    (f"pedido {NSS}", "ES_NSS"),
    ("en la calle con 3 coches", "LOCATION"),
    ("vía oral cada 12 horas", "LOCATION"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_spain_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_spain_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)
