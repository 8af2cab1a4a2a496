"""Numbers of identity cards, licences and insurances whose form nobody checks, right behind the paper's name.

The national families find what has a form of its own near a word; here the word stands directly before (or in brackets
behind) the number, so the form may be loose (:mod:`gateway.privacy.patterns.behind`)::

    carte d'identité n° 880692310285      運転免許証 第301234567810号      Personalausweis-Nr.: L01 X00 T47
    Versicherungsnr.: 108 310 440 27      健康保険証 記号・番号 1234・567
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.privacy.patterns.behind import Value, behind, spelled
from gateway.privacy.patterns.proofs import digits_of
from gateway.privacy.patterns.rule import Boundary, Rule
from gateway.privacy.patterns.words import ID_CARD, LICENCE

_HEALTH: Final = (
    "versichertennummer|versicherten|versicherungsnummer|versicherungs|versicherungsnr|krankenversicherungsnummer|"
    "krankenversichertennummer|krankenkassennummer|kvnr|kv-nr|kv-nummer|vers.-nr|gesundheitskarte|"
    "health insurance|health card|insurance number|insurance no|insured person|insured number|assuré|assurance maladie|"
    "tessera sanitaria|assicurato|asegurado|tarjeta sanitaria|afiliación|"
    "保険証|健康保険|健康保険証|被保険者|被保険者証|資格確認書|健保|記号番号|記号・番号|保険番号|"
    "医保|医保卡|医疗保险|社保卡|社会保障卡|参保|医保个人"
)


_DOCUMENTS: Final = (
    "document no", "document number", "dokumentennummer", "dokumentnummer", "dokument-nr", "dokumenten-nr", "pass-nr",
    "legitimation", "n° de document", "no de document", "numéro de document", "n. documento", "documento n",
    "numero documento", "número de documento", "no de documento", "no documento", "identificación",
    "証明書番号", "证件",
)  # fmt: skip
_SHORT: Final = 5


_FORM: Final = r"[A-Z]{0,3}[ -]?[0-9]{4,14}[A-Z]{0,2}|[A-Z0-9]{8,16}"
_GERMAN: Final = r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{2}(?:[ ]?[CFGHJKLMNPRTVWXYZ0-9]{3}){2}(?:[ ]?[0-9]D?)?"
_SERIAL: Final = re.compile(_GERMAN)
_CARD_DIGITS, _LICENCE_DIGITS = 4, 5
_TURNS: Final = re.compile("(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Z])")


def _is_card(value: str) -> bool:
    """Whether it has four digits, or is a German serial: capitals without vowels, and at least one digit."""
    digits = len(digits_of(value))
    return digits >= _CARD_DIGITS or (digits > 0 and value.isupper() and bool(_SERIAL.fullmatch(value)))


def _is_well_mixed(value: str) -> bool:
    """Whether letters and digits change places three times, as in hardly any number of a document of paper."""
    return value.isupper() and len(_TURNS.findall(value.replace(" ", ""))) >= 3


_GROUPS: Final = r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}"
_SYMBOL: Final = (
    r"[0-9]{2,8}[ ]?[-・ ][ ]?[0-9]{1,7}(?:[ -][0-9]{2,7})?|[A-Z]{0,2}[ -]?[0-9]{6,14}|[0-9]{3}(?:[ -][0-9]{2,4}){2,3}"
)


def _rules(name: str, type: str, nouns: Sequence[str], value: Value, example: str) -> list[Rule]:
    """Return rules of the nouns of ASCII and of all others; short ones begin too many words (perso, cie, pass)."""
    long = [noun for noun in nouns if not noun.isascii() or len(noun) > _SHORT]
    return [
        Rule(
            name=f"{name}_{number}",
            type=type,
            expression=expression,
            confirm=behind(value),
            family="national",
            score=0.8,
            caseless=caseless,
            boundary=Boundary.START,
            example=example if re.match(expression, example, re.IGNORECASE) else "",
        )
        for number, (expression, caseless) in enumerate(spelled(long), 1)
    ]


RULES: tuple[Rule, ...] = (
    *_rules(
        "id_card_named",
        "ID_CARD",
        ID_CARD,
        Value(f"{_FORM}|{_GERMAN}", "behind its name", _is_card),
        "Personalausweis-Nr.: L01 X00 T47",
    ),
    *_rules(
        "de_paper_named",
        "DE_ID_CARD",
        _DOCUMENTS,
        Value(_GERMAN, "letters and digits of a German card, well mixed", _is_well_mixed),
        "numero documento L01X00T47",
    ),
    *_rules(
        "driving_licence_named",
        "DRIVER_LICENSE",
        LICENCE,
        Value(f"{_GROUPS}|{_FORM}", "behind its name", lambda value: len(digits_of(value)) >= _LICENCE_DIGITS),
        "運転免許証 第3012-3456-7810号",
    ),
    *_rules(
        "health_insurance_named",
        "HEALTH_INSURANCE",
        _HEALTH.split("|"),
        Value(_SYMBOL, "behind its name", lambda value: len(digits_of(value)) >= 5),
        "健康保険証 記号・番号 1234・567",
    ),
)
