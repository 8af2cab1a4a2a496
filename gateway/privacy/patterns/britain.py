"""Great Britain: national insurance, NHS, tax reference, driving licence, passport, postcodes and addresses.

::

    NINO AB 12 34 56 C                     -> UK_NINO
    NHS number 943 476 5919                -> UK_NHS
    10 Sample Street, London SW1A 1AA      -> LOCATION
"""

from __future__ import annotations

import re

from stdnum.gb import nhs, utr

from gateway.privacy.patterns.places import LETTER, UPPER
from gateway.privacy.patterns.proofs import NOT_PERSONAL, glued, is_date, stepped, valid
from gateway.privacy.patterns.rule import Boundary, Proof, Rule, checked

_AREAS = frozenset(
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK "
    "FY G GL "
    "GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW "
    "OL OX "
    "PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD "
    "WF WN "
    "WR WS WV YO ZE".split()
)
"""Letters that a postcode begins with (PAF postcode areas)."""

POSTCODE = "(?:[A-Z]{1,2}[0-9][0-9A-HJKMNP-Y]?[ ]?[0-9][ABD-HJLNP-UW-Z]{2}|GIR[ ]?0AA)"

_NINO_WORDS = ("national insurance", "nino", "ni number", "ni no", "n.i.", "insurance number", "national_insurance")
_NHS_WORDS = (
    "nhs",
    "nhs number",
    "nhs no",
    "national health service",
    "patient",
    "health service",
    "h&c number",
    "chi number",
)
_UTR_WORDS = ("utr", "unique taxpayer", "taxpayer reference", "self assessment", "hmrc", "tax reference")
_LICENCE_WORDS = ("driving licence", "driver licence", "driver's licence", "dvla", "licence number", "driving license",
                  "driver number", "licence no")  # fmt: skip
_PASS_WORDS = ("uk passport", "british passport", "united kingdom passport", "hm passport")
_POSTCODE_WORDS = ("postcode", "post code", "address", "postal code", "street", "road", "lane", "avenue", "london",
        "england",
                   "scotland", "wales", "united kingdom")  # fmt: skip


def is_nino(value: str) -> bool:
    """Return whether the two prefix letters are ones that are given out (HMRC NIM39110)."""
    prefix = value[:2].upper()
    return prefix not in {"BG", "GB", "NK", "KN", "NT", "TN", "ZZ"}


def is_driving_licence(value: str) -> bool:
    """Return whether 16 characters are a driver number: surname, birth (month plus 50 for women), initials, check."""
    number = value.replace(" ", "")
    month = int(number[6:8]) % 50
    return bool(re.match("[A-Z]+9*\\Z", number[:5])) and is_date(2000, month, int(number[8:10]))


def is_postcode(value: str) -> bool:
    """Return whether the area letters exist."""
    area = value[:2] if value[1].isalpha() else value[:1]
    return area in _AREAS or value.startswith("GIR")


def _confirm_postcode(text: str, start: int, end: int) -> Proof | None:
    value = text[start:end]
    if not is_postcode(value):
        return None
    return Proof(start, end, "area", 0.6 if " " in value and len(value) > 6 else 0.3)


_KINDS = (
    "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Crescent|Cres|Gardens|Gdns|Grove|Hill|Mews|Park|"
    "Place|Pl|"
    "Row|Square|Sq|Terrace|Way|Walk|Wharf|Yard|Rise|Green|Parade|Boulevard|Broadway|Circus|Embankment|Gate|Quay|"
    "View|Vale"
)
_SURE_KINDS = frozenset("Street St Road Rd Avenue Ave Lane Ln Crescent Gardens Mews Terrace Close".split())
_BEFORE = re.compile(
    rf"(?:(?:Flat|Apartment|Apt|Unit|Suite|Floor|Studio)[ ][A-Z0-9]{{1,4}},?[ ])?(?:[{UPPER}][\w'’´]{{1,20}}[ "
    "](?:House|Court|Building|Tower|Lodge|Cottage),[ ]?)?"
    rf"[0-9]{{1,4}}[a-zA-Z]?(?:[-–][0-9]{{1,4}})?,?[ ](?:(?:[{UPPER}][\w'’´.-]{{1,20}})[ ]){{1,4}}\Z"
)
_AFTER = re.compile(
    rf"\.?(?:[ ]?[,\n][ ]{{0,2}}(?:[{UPPER}][{LETTER}'’´.-]{{1,20}}[ ]?){{1,4}}){{0,4}}[ ]?,?[ "
    rf"\n]{{1,2}}{POSTCODE}(?![A-Z0-9])(?:,?[ ](?:UK|United Kingdom|England|Scotland|Wales))?"
)


def _confirm_street(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a kind of street; a number and a name stand before it, towns and a postcode behind."""
    ahead = _BEFORE.search(text, max(0, start - 90), start)
    if ahead is None:
        return None
    behind = _AFTER.match(text, end, min(len(text), end + 110))
    if behind is not None:
        return Proof(ahead.start(), behind.end(), "number, street, town, postcode", 0.95)
    return Proof(ahead.start(), end, "number, street", 0.7 if text[start:end] in _SURE_KINDS else 0.3)


_RULES: tuple[Rule, ...] = (
    Rule(
        name="uk_nino",
        type="UK_NINO",
        expression="[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[A-D]",
        confirm=stepped(is_nino, "prefix", (0.55, 0.85)),
        caseless=True,
        context=_NINO_WORDS,
        score=0.55,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="GB",
        family="national",
        reference="HMRC NIM39110",
        example="AB 12 34 56 C",
    ),
    Rule(
        name="uk_nhs",
        type="UK_NHS",
        expression="[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}",
        confirm=stepped(nhs.is_valid, "mod 11", (0.25, 0.45)),
        context=_NHS_WORDS,
        score=0.25,
        context_score=1.0,
        context_after=40,
        against=(*NOT_PERSONAL, "tel", "phone", "telephone", "fax", "call", "mobile", "cell"),
        boundary=Boundary.TOKEN,
        jurisdiction="GB",
        family="national",
        reference="NHS Data Dictionary: NHS NUMBER",
        example="943 476 5870",
    ),
    Rule(
        name="uk_utr",
        type="UK_UTR",
        expression="[0-9]{5}[ ]?[0-9]{5}K?",
        confirm=valid(utr, "mod 11"),
        context=_UTR_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="GB",
        family="national",
        reference="HMRC: unique taxpayer reference",
        example="1955839661",
    ),
    Rule(
        name="uk_driving_licence",
        type="UK_DRIVING_LICENCE",
        expression=(
            "[A-Z][A-Z9]{4}[ ]?[0-9](?:[05][1-9]|[16][0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9][ ]?[A-Z9]{2}[0-9A-Z][A-Z]{2}"
        ),
        confirm=checked(is_driving_licence, "surname, date"),
        context=_LICENCE_WORDS,
        score=0.8,
        context_score=1.0,
        context_after=40,
        boundary=Boundary.TOKEN,
        jurisdiction="GB",
        family="national",
        reference="DVLA driver number",
        example="SAMPL657054SM9IJ",
    ),
    Rule(
        name="uk_passport",
        type="UK_PASSPORT",
        expression="[0-9]{9}",
        context=_PASS_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.85,
        context_before=32,
        context_after=0,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="GB",
        family="travel",
        reference="HM Passport Office: 9 digits",
        example="123456789",
    ),
    Rule(
        name="uk_postcode",
        type="UK_POSTCODE",
        expression=POSTCODE,
        confirm=_confirm_postcode,
        context=_POSTCODE_WORDS,
        score=0.3,
        context_score=0.85,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="GB",
        family="addresses",
        reference="BS 7666; PAF digest",
        example="SW1A 1AA",
    ),
    Rule(
        name="uk_address",
        type="LOCATION",
        expression=_KINDS,
        confirm=_confirm_street,
        score=0.7,
        context=("address", "lives at", "living at", "resides", "delivery", "home", "ship to", "deliver to"),
        context_score=0.95,
        context_after=40,
        jurisdiction="GB",
        family="addresses",
        reference="BS 7666",
        example="10 Sample Street, London SW1A 1AA",
    ),
)

RULES: tuple[Rule, ...] = (*_RULES, *glued(_RULES))
