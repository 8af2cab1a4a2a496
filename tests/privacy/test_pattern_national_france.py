"""France: NIR with its key, SIREN and SIRET, cards in context, addresses."""

from __future__ import annotations

import pytest
from stdnum import luhn
from stdnum.fr import nir

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


NIR = "185057800608" + "4"
NIR += nir.calc_check_digits(NIR)
CORSICAN = "185052A00608" + "4"
CORSICAN += nir.calc_check_digits(CORSICAN)
SIREN = "52345678" + luhn.calc_check_digit("52345678")
SIRET = f"{SIREN}0001" + luhn.calc_check_digit(f"{SIREN}0001")

HOLDS = [
    (f"NIR {NIR}", "FR_NIR", NIR),
    (
        f"n° {NIR[0]} {NIR[1:3]} {NIR[3:5]} {NIR[5:7]} {NIR[7:10]} {NIR[10:13]} {NIR[13:]}.",
        "FR_NIR",
        f"{NIR[0]} {NIR[1:3]} {NIR[3:5]} {NIR[5:7]} {NIR[7:10]} {NIR[10:13]} {NIR[13:]}",
    ),
    (f"assuré {CORSICAN}", "FR_NIR", CORSICAN),
    (f"SIREN {SIREN}", "FR_SIREN", SIREN),
    (f"RCS Paris {SIREN[:3]} {SIREN[3:6]} {SIREN[6:]}", "FR_SIREN", f"{SIREN[:3]} {SIREN[3:6]} {SIREN[6:]}"),
    (f"SIRET : {SIRET}", "FR_SIRET", SIRET),
    ("SIRET 356 000 000 00006", "FR_SIRET", "356 000 000 00006"),
    ("carte nationale d'identité 880692310285", "FR_ID_CARD", "880692310285"),
    ("passeport 12AB34567", "FR_PASSPORT", "12AB34567"),
    ("permis de conduire n° 990475100123", "FR_DRIVING_LICENCE", "990475100123"),
    ("J'habite 12 bis rue de la Paix, 75002 Paris depuis", "LOCATION", "12 bis rue de la Paix, 75002 Paris"),
    ("au 45 avenue Victor Exemple demain", "LOCATION", "45 avenue Victor Exemple"),
]

NEAR_MISSES = [
    (f"NIR {NIR[:-1]}{(int(NIR[-1]) + 1) % 10}", "FR_SIREN"),
    (f"SIREN {SIREN[:-1]}{(int(SIREN[-1]) + 1) % 10}", "FR_SIREN"),
    (f"référence {SIREN}", "FR_SIREN"),
    (f"commande {SIRET}", "FR_SIRET"),
    ("permissions 990475100123", "FR_DRIVING_LICENCE"),
    ("3 place orders", "LOCATION"),
    ("12 voies", "LOCATION"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_france_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_france_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)
