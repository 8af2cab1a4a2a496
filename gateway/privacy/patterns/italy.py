"""Italy: codice fiscale, partita IVA, identity card, health card, licence, passport, addresses.

::

    C.F. RSSMRA85T10A562S                 -> IT_FISCAL_CODE
    Via Giuseppe Verdi 12, 20121 Milano   -> LOCATION
"""

from __future__ import annotations

import re

from stdnum.it import codicefiscale, iva

from gateway.privacy.patterns.places import BREAK, CITY, LETTER, SMALL, SUFFIX, UPPER
from gateway.privacy.patterns.proofs import NOT_PERSONAL, glued, labelled, trimmed, valid
from gateway.privacy.patterns.rule import Boundary, Proof, Rule, checked
from gateway.privacy.patterns.words import HEALTH, ID_CARD, LICENCE, PASSPORT, with_words

_CODE_WORDS = ("codice fiscale", "c.f.", "cf", "cod. fisc.", "cod.fisc", "fiscal code", "codice_fiscale", "tax code")
_VAT_WORDS = (
    "partita iva",
    "p.iva",
    "p. iva",
    "piva",
    "p.i.",
    "iva",
    "vat",
    "partita_iva",
    "codice fiscale",
    "p.ta iva",
)
_CARD_WORDS = ("carta d'identità", "carta di identità", "carta d’identità", "carta identità", "documento d'identità",
        "c.i.",
               "cie", "documento di identità", "identity card", "documento")  # fmt: skip
_LICENCE_WORDS = ("patente", "patente di guida", "numero patente", "driving licence", "driver license")
_PASS_WORDS = ("passaporto", "italian passport")
_HEALTH_WORDS = (
    "tessera sanitaria",
    "team",
    "servizio sanitario",
    "identificazione della tessera",
    "health card",
    "tessera",
)

_D = "[0-9LMNPQRSTUV]"
"""A digit, or the letter that stands for it when two people would have the same code (omocodia)."""


def is_health_card(value: str) -> bool:
    """Return whether 20 digits are a card of the national health service: 80380, region 001 to 210, Luhn at the end."""
    digits = value.replace(" ", "")
    return digits.startswith("80380") and "000" < digits[5:8] <= "210"


_KINDS = (
    r"(?:via|viale|v\.le|piazza|p\.zza|p\.za|piazzale|p\.le|corso|c\.so|largo|vicolo|strada|contrada|c\.da|lungomare|"
    r"lungotevere|lungarno|galleria|salita|calle|fondamenta|borgo|rione|località|loc\.|frazione|fraz\.|traversa|vico|"
    r"piazzetta|viuzza|circonvallazione|riviera)"
)
_AFTER_KIND = re.compile(
    r"(?![ ](?:statale|provinciale|regionale|comunale)\b)"
    rf"[ ](?:(?:{SMALL})[ ]?){{0,2}}(?:[0-9]{{1,2}}[ ]|[IVX]{{1,5}}[ ])?[{LETTER}][\w'’´.]{{1,24}}(?:[ -](?:{SMALL}[ "
    rf"]?)?[{LETTER}][\w'’´.]{{0,24}}){{0,4}}?"
    rf",?[ ]{{1,2}}(?:n\.?[ ]?|n°[ ]?|nr\.?[ ]?|civico[ ])?[0-9]{{1,4}}{SUFFIX}(?![0-9])"
    rf"(?P<city>(?:{BREAK}(?:int(?:erno)?\.?|scala|piano)[ ]?[A-Z0-9]{{1,4}}){{0,2}}{BREAK}(?:I-|IT-)?[0-9]{{5}}[ "
    rf"]{{1,2}}{CITY}(?:[ ][(][A-Z]{{2}}[)])?(?:,[ ]?Italia)?|"
    rf"{BREAK}{CITY}[ ][(][A-Z]{{2}}[)])?"
)


_NAMED = re.compile(rf"[ ](?:(?:{SMALL})[ ]?){{0,2}}(?![A-Z]{{2,5}}[ ])(?:[0-9]{{1,2}}[ ])?[{UPPER}]")
"""A name with a capital letter, not an abbreviation: no \"via CAN 500\"."""


def _confirm_street(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a kind of street; a name and a number follow, with a postcode and a city or without."""
    found = _AFTER_KIND.match(text, end, min(len(text), end + 130))
    if found is None:
        return None
    if found["city"]:
        return Proof(start, found.end(), "street, number, postcode, city", 0.95)
    return Proof(start, found.end(), "street, number", 0.7 if _NAMED.match(text, end) else 0.3)


_RULES: tuple[Rule, ...] = (
    Rule(
        name="it_fiscal_code",
        type="IT_FISCAL_CODE",
        expression=rf"[A-Z]{{6}}[ ]?{_D}{{2}}[A-EHLMPRST]{_D}{{2}}[ ]?[A-Z]{_D}{{3}}[ ]?[A-Z]",
        confirm=checked(lambda value: codicefiscale.is_valid(value.replace(" ", "")), "check character, date"),
        caseless=True,
        context=_CODE_WORDS,
        score=0.95,
        context_score=1.0,
        context_after=40,
        jurisdiction="IT",
        family="national",
        reference="D.M. 23 dicembre 1976",
        example="RCCMNL83S18D969H",
    ),
    Rule(
        name="it_vat_code",
        type="IT_VAT_CODE",
        expression="(?:IT[ ]?)?[0-9]{11}",
        confirm=valid(iva, "Luhn"),
        context=_VAT_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="IT",
        family="finance",
        reference="D.P.R. 633/1972 art. 35",
        example="00743110157",
    ),
    Rule(
        name="it_vat_code_prefixed",
        type="IT_VAT_CODE",
        expression="IT[ ]?[0-9]{11}",
        confirm=valid(iva, "Luhn"),
        context=(*_VAT_WORDS, "ust-id", "ust-idnr", "umsatzsteuer", "tva", "btw", "vat number", "vat id"),
        score=0.7,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="IT",
        family="finance",
        reference="D.P.R. 633/1972 art. 35; Directive 2006/112/EC art. 215",
        example="IT00743110157",
    ),
    Rule(
        name="it_identity_card",
        type="IT_IDENTITY_CARD",
        expression="[A-Z]{2}[ ]?[0-9]{7}|[A-Z]{2}[ ]?[0-9]{5}[ ]?[A-Z]{2}|[0-9]{7}[A-Z]{2}",
        context=_CARD_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="IT",
        family="national",
        reference="R.D. 773/1931 art. 3; D.M. 23 dicembre 2015 (CIE)",
        example="CA12345AB",
    ),
    Rule(
        name="it_driver_license",
        type="IT_DRIVER_LICENSE",
        expression="[A-Z]{2}[ ]?[0-9]{7}[ ]?[A-Z]|U1[0-9A-Z]{7}[A-Z]",
        context=_LICENCE_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="IT",
        family="national",
        reference="D.Lgs. 285/1992 art. 116",
        example="MI1234567A",
    ),
    Rule(
        name="it_passport",
        type="IT_PASSPORT",
        expression="[A-Z]{2}[ ]?[0-9]{7}",
        context=_PASS_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="IT",
        family="travel",
        reference="L. 1185/1967",
        example="YA1234567",
    ),
    Rule(
        name="it_health_card",
        type="IT_HEALTH_CARD",
        expression="80380[ ]?[0-9]{3}[ ]?[0-9]{4}[ ]?[0-9]{4}[ ]?[0-9]{4}",
        confirm=checked(is_health_card, "issuer 80380, region"),
        context=_HEALTH_WORDS,
        score=0.8,
        context_score=1.0,
        context_after=40,
        jurisdiction="IT",
        family="national",
        reference="D.M. 11 marzo 2004 (tessera sanitaria); Decision S1 (EHIC)",
        example="80380001200012345678",
    ),
    Rule(
        name="it_address",
        type="LOCATION",
        expression=_KINDS,
        confirm=_confirm_street,
        caseless=True,
        score=0.7,
        context=("indirizzo", "residente", "residenza", "abita", "domicilio", "sede", "address", "domiciliato"),
        context_score=0.95,
        context_after=40,
        jurisdiction="IT",
        family="addresses",
        reference="D.P.R. 223/1989 (toponomastica)",
        example="Via Giuseppe Verdi 12, 20121 Milano",
    ),
    Rule(
        name="it_postal_code",
        type="LOCATION",
        expression=labelled(("cap", "c\\.a\\.p\\."), "[0-9]{5}"),
        confirm=trimmed("[0-9]{5}", behind=re.compile(f"[ ]{CITY}")),
        score=0.7,
        jurisdiction="IT",
        family="addresses",
        reference="Codice di avviamento postale",
        example="CAP 20121 Milano",
    ),
)

_WORDS = {"it_identity_card": ID_CARD, "it_driver_license": LICENCE, "it_passport": PASSPORT, "it_health_card": HEALTH}
RULES: tuple[Rule, ...] = (*with_words(_RULES, _WORDS), *glued(_RULES))
