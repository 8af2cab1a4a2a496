"""Germany: checks, cards in context; streets, and parts that end like streets."""

from __future__ import annotations

import pytest
from stdnum.de import vat
from stdnum.iso7064 import mod_11_10

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


TAX = "8609574271" + mod_11_10.calc_check_digit("8609574271")
WRONG = TAX[:-1] + str((int(TAX[-1]) + 1) % 10)
VAT = "DE13669597" + str(next(d for d in range(10) if vat.is_valid(f"13669597{d}")))

HOLDS = [
    (f"Steuer-ID: {TAX}", "DE_TAX_ID", TAX),
    (f"IdNr. {TAX[:2]} {TAX[2:5]} {TAX[5:8]} {TAX[8:]}", "DE_TAX_ID", f"{TAX[:2]} {TAX[2:5]} {TAX[5:8]} {TAX[8:]}"),
    (f"Steuer-ID{TAX}を登録", "DE_TAX_ID", TAX),
    ("Steuernummer 181/815/08155", "DE_TAX_NUMBER", "181/815/08155"),
    ("SV-Nummer 15 070649 C 103", "DE_SOCIAL_SECURITY", "15 070649 C 103"),
    ("Rentenversicherungsnummer15070649C103", "DE_SOCIAL_SECURITY", "15070649C103"),
    ("Personalausweis L01X00T47", "DE_ID_CARD", "L01X00T47"),
    ("Ausweisnummer: L01X00T471", "DE_ID_CARD", "L01X00T471"),
    ("Reisepass C01X00T47", "DE_PASSPORT", "C01X00T47"),
    ("KVNR A123456780", "DE_HEALTH_INSURANCE", "A123456780"),
    ("Führerschein B072RRE2I55", "DE_FUEHRERSCHEIN", "B072RRE2I55"),
    ("Amtsgericht Stuttgart, HRB 123456", "DE_HANDELSREGISTER", "HRB 123456"),
    (f"USt-IdNr. {VAT}", "DE_VAT_ID", VAT),
    ("wohnt in der Musterstraße 12 a, 70173 Stuttgart und", "LOCATION", "Musterstraße 12 a, 70173 Stuttgart"),
    ("Am Alten Markt 5\n10115 Berlin", "LOCATION", "Am Alten Markt 5\n10115 Berlin"),
    (
        "Karl-Beispiel-Str. 12-14, D-60311 Frankfurt am Main",
        "LOCATION",
        "Karl-Beispiel-Str. 12-14, D-60311 Frankfurt am Main",
    ),
    ("Am Prüffeld 11, 70173 Stuttgart", "LOCATION", "Am Prüffeld 11, 70173 Stuttgart"),
]

NEAR_MISSES = [
    (f"Steuer-ID: {WRONG}", "DE_TAX_ID"),
    (f"Teilenummer {TAX[:2]} {TAX[2:5]} {TAX[5:8]} {TAX[8:]}", "DE_TAX_ID"),
    ("Zähler 86095742719", "DE_TAX_ID"),
    ("SV-Nummer 15070649C104", "DE_SOCIAL_SECURITY"),
    ("Härte HRB 85 gemessen", "DE_HANDELSREGISTER"),
    ("KVNR A123456781", "DE_HEALTH_INSURANCE"),
    ("Kolbenring 12", "LOCATION"),
    ("Fertigungsstraße 3 steht", "LOCATION"),
    ("Stellplatz 4", "LOCATION"),
    ("auf dem Weg 12 mm", "LOCATION"),
    ("Seriennummer L01X00T47", "DE_ID_CARD"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_germany_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_germany_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)
