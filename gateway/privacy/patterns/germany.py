"""Germany: tax and insurance numbers, cards, registers.

The tax id's form (one digit twice or thrice among the first ten, MOD 11,10) lets one random number in 60 through; bare
it needs a word near it, grouped 2-3-3-3 it counts alone::

    Steuer-ID: 36 574 261 809                -> DE_TAX_ID

Addresses are in :mod:`gateway.privacy.patterns.germany_places`.
"""

from __future__ import annotations

from stdnum.de import idnr, stnr, vat

from gateway.privacy.patterns.proofs import (
    NOT_PERSONAL,
    digits_of,
    glued,
    icao_digit,
    is_short_date,
    stepped,
    valid,
)
from gateway.privacy.patterns.rule import Boundary, Rule, checked
from gateway.privacy.patterns.words import HEALTH, ID_CARD, LICENCE, PASSPORT, TAX, VAGUE, with_words


def _cross_sum(number: int) -> int:
    return number // 10 + number % 10


def is_insurance_number(value: str) -> bool:
    """Return whether 12 characters are a pension insurance number (VKVV § 4: area, birth, initial, serial, check)."""
    number = value.replace(" ", "").upper()
    if not is_short_date(number[6:8], number[4:6], str(int(number[2:4]) % 50 or 1).zfill(2)) and number[2:6] != "0000":
        return False
    expanded = number[:8] + f"{ord(number[8]) - 64:02d}" + number[9:11]
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    total = sum(_cross_sum(int(digit) * weight) for digit, weight in zip(expanded, weights, strict=True))
    return total % 10 == int(number[11])


def is_health_insurance_number(value: str) -> bool:
    """Return whether ten characters are a health insurance number (SGB V § 290: letter, 8 digits, check digit)."""
    number = value.replace(" ", "").upper()
    expanded = f"{ord(number[0]) - 64:02d}" + number[1:9]
    total = sum(_cross_sum(int(digit) * (1 + place % 2)) for place, digit in enumerate(expanded))
    return total % 10 == int(number[9])


def is_document_number(value: str) -> bool:
    """Return whether the last character is the ICAO check digit of those before it."""
    return icao_digit(value[:9]) == int(value[9:].lstrip()[0])


def _is_serial(value: str) -> bool:
    """Return whether nine characters have a digit among them, or ten their check digit."""
    return is_document_number(value) if len(value) == 10 else any(c.isdigit() for c in value)


_SERIAL = "[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}"
_CARD_WORDS = (
    "personalausweis", "ausweisnummer", "ausweis-nr", "ausw.-nr", "perso-nr", "pa-nr", "ausweisnr", "ausweis",
    "personalausweisnummer", "identitätskarte",
    "id card", "identity card", "id document", "npa", "dokumentennummer", "carte d'identité", "id-karte",
)  # fmt: skip
_PASS_WORDS = ("reisepass", "passnummer", "pass-nr", "passnr", "paß-nr", "paßnummer", "rp-nr", "german passport")
_TAX_WORDS = (
    "steuer-id", "steuer id", "steuerid", "steueridentifikationsnummer", "steuer-identifikationsnummer", "steuerliche",
    "idnr", "id-nr",
    "steuer-idnr", "steuer-ident", "tax id", "tin", "identifikationsnummer", "steuernummer", "tax_id", "steuer_id",
    "steuer-identnummer",
)  # fmt: skip
_INSURANCE_WORDS = (
    "sozialversicherung", "sozialversicherungsnummer", "rentenversicherung", "rentenversicherungsnummer", "sv-nummer",
    "rv-nummer", "sv-nr", "svnr", "rvnr", "versicherungsnummer", "sozialversicherungsausweis", "vsnr", "sv nummer",
    "social security",
)  # fmt: skip
_LICENCE_WORDS = (
    "führerschein", "führerscheinnummer", "führerschein-nr", "führerscheinnr", "fahrerlaubnis", "fahrerlaubnisnummer",
    "fuehrerschein", "driving licence", "driver's license", "driver license",
)  # fmt: skip
_HEALTH_WORDS = (
    "krankenversicherung", "krankenversichertennummer", "kvnr", "krankenkasse", "versichertennummer", "kv-nummer",
    "versicherten-nr", "versicherungsnummer", "egk", "gesundheitskarte", "health insurance", "versichertennr",
    "krankenversicherungsnummer", "aok", "barmer",
)  # fmt: skip
_REGISTER_WORDS = ("handelsregister", "amtsgericht", "registergericht", "hrb-nummer", "registernummer", "register",
                   "handelsregisternummer", "commercial register", "eingetragen", "geschäftsführer",
                   "sitz der gesellschaft")  # fmt: skip

_RULES: tuple[Rule, ...] = (
    Rule(
        name="de_tax_id",
        type="DE_TAX_ID",
        expression=r"[1-9][0-9][ ./-]?[0-9]{3}[ ./-]?[0-9]{3}[ ./-]?[0-9]{3}",
        confirm=stepped(idnr.is_valid, "MOD 11,10, digit counts", (0.35, 0.6)),
        context=_TAX_WORDS,
        context_score=1.0,
        context_after=40,
        score=0.35,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="AO § 139b; StIdV",
        example="36 574 261 809",
    ),
    Rule(
        name="de_tax_id_regrouped",
        type="DE_TAX_ID",
        expression=(
            r"[1-9][0-9]{2}[ ./-][0-9]{4}[ ./-][0-9]{4}|[1-9][0-9]{2}(?:[ ./-][0-9]{3}){2}[ ./-][0-9]{2}"
            r"|[1-9][0-9]{3}[ ./-][0-9]{4}[ ./-][0-9]{3}"
        ),
        confirm=checked(lambda value: idnr.is_valid(digits_of(value)), "MOD 11,10, digit counts"),
        context=_TAX_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="AO § 139b; StIdV",
        example="365 7426 1809",
    ),
    Rule(
        name="de_tax_number",
        type="DE_TAX_NUMBER",
        expression=r"[0-9]{2,3}[ ]?/[ ]?[0-9]{3,4}[ ]?/[ ]?[0-9]{4,5}|[0-9]{3}[ ][0-9]{3}[ ][0-9]{5}",
        context=("steuernummer", "steuer-nr", "st.-nr", "st-nr", "steuernr", "stnr", "finanzamt", "tax number"),
        needs_context=True,
        score=0.4,
        context_score=0.9,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="AO § 139a ff.; Standardschema der Länder",
        example="181/815/08155",
    ),
    Rule(
        name="de_tax_number_federal",
        type="DE_TAX_NUMBER",
        expression="[1-59][0-9]{12}|[0-9]{10,11}",
        confirm=valid(stnr, "form of the Länder"),
        context=("steuernummer", "steuer-nr", "st.-nr", "st-nr", "steuernr", "stnr", "elster"),
        needs_context=True,
        score=0.4,
        context_score=0.85,
        context_before=24,
        context_after=0,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="AO § 139a ff.; vereinheitlichtes Bundesschema",
        example="2893081508152",
    ),
    Rule(
        name="de_social_security",
        type="DE_SOCIAL_SECURITY",
        expression="[0-9]{2}[ ]?[0-9]{6}[ ]?[A-Za-z][ ]?[0-9]{3}",
        confirm=checked(is_insurance_number, "VKVV check digit, date"),
        context=_INSURANCE_WORDS,
        score=0.6,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="SGB VI § 147; VKVV § 4",
        example="15070649C103",
    ),
    Rule(
        name="de_id_card",
        type="DE_ID_CARD",
        expression=f"{_SERIAL}|T[0-9]{{8}}",
        confirm=checked(_is_serial, "form"),
        context=_CARD_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.85,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="PAuswG § 5; ICAO 9303",
        example="L01X00T47",
    ),
    Rule(
        name="de_id_card_checked",
        type="DE_ID_CARD",
        expression=f"(?:{_SERIAL}|T[0-9]{{8}}) ?[0-9](?:D|(?:<<|[ ])[0-9]{{7}})?",
        confirm=checked(is_document_number, "ICAO 9303 check digit"),
        context=_CARD_WORDS,
        score=0.35,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="PAuswG § 5; ICAO 9303",
        example="L01X00T471",
    ),
    Rule(
        name="de_passport",
        type="DE_PASSPORT",
        expression="[CFGHJK][CFGHJKLMNPRTVWXYZ0-9]{8}[0-9]?",
        confirm=checked(_is_serial, "form, ICAO 9303 check digit"),
        context=_PASS_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="travel",
        reference="PassG § 4; ICAO 9303",
        example="C01X00T47",
    ),
    Rule(
        name="de_passport_checked",
        type="DE_PASSPORT",
        expression="[CFGHJK][CFGHJKLMNPRTVWXYZ0-9]{8} ?[0-9](?:D|(?:<<|[ ])[0-9]{7})?",
        confirm=checked(is_document_number, "ICAO 9303 check digit"),
        context=_PASS_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="travel",
        reference="PassG § 4; ICAO 9303",
        example="C01X00T478",
    ),
    Rule(
        name="de_health_insurance",
        type="DE_HEALTH_INSURANCE",
        expression="[A-Z][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{3}",
        confirm=checked(is_health_insurance_number, "SGB V § 290 check digit"),
        context=_HEALTH_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="SGB V § 290",
        example="A123456780",
    ),
    Rule(
        name="de_driving_licence",
        type="DE_FUEHRERSCHEIN",
        expression="[A-Z][A-Z0-9]{2}[0-9][A-Z0-9]{6}[A-Z0-9]",
        confirm=checked(lambda value: len(digits_of(value)) >= 4, "form"),
        context=_LICENCE_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="FeV Anlage 8; Directive 2006/126/EC Annex I",
        example="B072RRE2I55",
    ),
    Rule(
        name="de_register",
        type="DE_HANDELSREGISTER",
        expression="(?:HRA|HRB|GnR|VR|PR)[ ]?(?:Nr\\.?[ ]?)?[0-9]{2,6}(?:[ ][A-Z]{1,2})?",
        context=_REGISTER_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=("härte", "rockwell", "hardness"),
        boundary=Boundary.TOKEN,
        jurisdiction="DE",
        family="national",
        reference="HGB § 8; HRV § 3",
        example="HRB 123456",
    ),
    Rule(
        name="de_vat_id",
        type="DE_VAT_ID",
        expression="DE[ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{3}",
        confirm=valid(vat, "MOD 11,10"),
        context=(
            "ust-id",
            "ust-idnr",
            "umsatzsteuer",
            "vat",
            "ustid",
            "mwst",
            "tva",
            "iva",
            "vat number",
            "vat id",
            "partita iva",
        ),
        score=0.7,
        context_score=1.0,
        context_after=40,
        jurisdiction="DE",
        family="finance",
        reference="UStG § 27a",
        example="DE136695976",
    ),
)

_WORDS = {
    "de_id_card": ID_CARD,
    "de_id_card_checked": (*ID_CARD, *VAGUE, "perso"),
    "de_passport": PASSPORT,
    "de_passport_checked": (*PASSPORT, *ID_CARD, *VAGUE),
    "de_health_insurance": HEALTH,
    "de_driving_licence": LICENCE,
    "de_tax_id": TAX,
    "de_tax_id_regrouped": TAX,
}
_NOT_GLUED = {"de_passport_checked", "de_tax_id_regrouped"}
RULES: tuple[Rule, ...] = (
    *with_words(_RULES, _WORDS),
    *glued([rule for rule in _RULES if rule.name not in _NOT_GLUED]),
)
