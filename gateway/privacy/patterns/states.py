"""United States: social security and taxpayer numbers, Medicare, licences, bank routing, addresses.

::

    SSN 536-90-4399                              -> US_SSN
    742 Sample Terrace, Springfield, OR 97403    -> LOCATION
"""

from __future__ import annotations

import re

from stdnum.us import ein, itin, rtn, ssn

from gateway.privacy.patterns.places import LETTER, UPPER
from gateway.privacy.patterns.proofs import NOT_PERSONAL, glued, labelled, trimmed, valid
from gateway.privacy.patterns.rule import Boundary, Proof, Rule, checked

STATES = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC "
    "SD TN TX UT VT VA WA WV WI WY DC PR VI GU AS MP AP AE AA".split()
)
STATE_NAMES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|"
    "Indiana|"
    "Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|"
    "Nebraska|"
    "Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|"
    "Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|"
    "Wisconsin|Wyoming"
)

_SSN_WORDS = (
    "ssn",
    "social security",
    "social sec",
    "soc sec",
    "social-security",
    "social_security",
    "ss#",
    "ssns",
    "ss number",
)
_ITIN_WORDS = ("itin", "individual taxpayer", "taxpayer", "tax id", "tin")
_EIN_WORDS = ("ein", "employer identification", "fein", "federal tax", "tax id", "taxpayer id", "employer id", "irs")
_MBI_WORDS = ("mbi", "medicare", "beneficiary")
_ROUTING_WORDS = ("routing", "aba", "routing number", "rtn", "transit", "bank", "ach", "wire")
_LICENCE_WORDS = (
    "driver's license", "driver license", "drivers license", "driver’s license", "driving license", "dl#", "dl number",
    "license number", "driver_license", "driver's licence", "drivers licence", "lic#", "permit number", "dl no",
)  # fmt: skip
_PASS_WORDS = ("us passport", "u.s. passport", "american passport", "united states passport", "usa passport")


def _is_ssn(value: str) -> bool:
    return ssn.is_valid(value.replace(" ", "").replace("-", "").replace(".", ""))


_UNASSIGNED = re.compile("9[0-9]{2}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}")


def _confirm_ssn(text: str, start: int, end: int) -> Proof | None:
    value = text[start:end]
    if not _is_ssn(value):
        # Areas from 900 on are taxpayers' and specimens'; written as 3-2-4 they are meant as a number of a person.
        return Proof(start, end, "form, area of no office", 0.45) if _UNASSIGNED.fullmatch(value) else None
    return Proof(start, end, "area, group, serial", 0.65 if "-" in value else 0.4 if " " in value else 0.2)


_KINDS = (
    "Street|St|Road|Rd|Avenue|Ave|Av|Lane|Ln|Drive|Dr|Court|Ct|Circle|Cir|Boulevard|Blvd|Highway|Hwy|Parkway|Pkwy|"
    "Place|Pl|"
    "Plaza|Square|Sq|Terrace|Ter|Trail|Trl|Way|Loop|Alley|Aly|Pike|Turnpike|Route|Run|Path|Crossing|Xing|Point|"
    "Ridge|Cove|"
    "Bend|Expressway|Freeway|Fwy|Commons|Bypass|Camp|Creek|Fork|Grove|Heights|Hollow|Island|Junction|Knoll|Landing|"
    "Manor|"
    "Meadow|Mill|Mission|Oval|Passage|Pines|Ranch|Shore|Spring|Station|Summit|Valley|View|Village|Vista|Walk|Well"
)
_SURE_KINDS = frozenset(
    "Street St Road Rd Avenue Ave Lane Ln Drive Boulevard Blvd Highway Hwy Parkway Pkwy Terrace Court Circle "
    "Turnpike".split()
)
"""Kinds that machines do not have; the others (Station, Run, Point) need a city and a state."""
_AFTER_STREET = (
    r"\.?(?:[ ](?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.?(?![\w]))?"
    r"(?:,?[ \n](?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|Bldg|Building|Room|Rm|PMB|#)\.?[ ]?#?[A-Z0-9-]{1,6})?"
)
_CITY_STATE = (
    rf"[ ]?[,\n·][ ]?\n?[ ]{{0,4}}(?:[{UPPER}][{LETTER}'’´.-]{{1,20}}[ ]?){{1,4}},?[ \n]{{1,2}}(?:{'|'.join(STATES)}|"
    rf"{STATE_NAMES})\.?"
    rf"(?:[ ,]{{1,3}}[0-9]{{5}}(?:-[0-9]{{4}})?)?(?![\w])(?:,?[ ](?:USA|U\.S\.A\.|US|United States)(?![\w]))?"
)
_AFTER_WITH_CITY = re.compile(_AFTER_STREET + _CITY_STATE)
_AFTER_ALONE = re.compile(_AFTER_STREET)
_NUMBER_BEFORE = re.compile(
    rf"(?<![\w.,/-])[0-9]{{1,6}}[A-Z]?(?:[ ]1/2)?[ ](?:(?:[NSEW]|NE|NW|SE|SW)\.?[ "
    rf"])?(?:(?:[{UPPER}][\w'’´.-]{{1,20}}|[0-9]{{1,3}}(?:st|nd|rd|th))[ ]){{1,4}}\Z"
)
_BOX_CITY = re.compile(_CITY_STATE)


def _confirm_street(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a kind of street; a number and a name stand before it, a city and a state behind."""
    ahead = _NUMBER_BEFORE.search(text, max(0, start - 80), start)
    if ahead is None:
        return None
    limit = min(len(text), end + 130)
    behind = _AFTER_WITH_CITY.match(text, end, limit)
    if behind is not None:
        return Proof(ahead.start(), behind.end(), "number, street, city, state", 0.95)
    alone = _AFTER_ALONE.match(text, end, limit)
    sure = text[start:end] in _SURE_KINDS
    return Proof(ahead.start(), alone.end() if alone else end, "number, street", 0.7 if sure else 0.3)


_WORD = r"[\w'’´.-]{1,24}"
_LINES_BREAK = r"(?:[ ]?[,;|][ ]|[ ]?\n[ ]?[>|]?[ ]{0,2}|[ ]?[>|?]{1,3}[ ]?)"  # quoted mail begins its lines with >
_UNIT_BEFORE = re.compile(
    rf"(?<![\w.,/-])[0-9]{{1,6}}[ ](?:{_WORD},?[ ]){{1,6}}\Z|"
    rf"(?<![\w.,/-])[0-9]{{1,6}}[ ](?:{_WORD},?[ ]){{0,5}}{_WORD},?{_LINES_BREAK}\Z"
)
_TO_NEXT = rf"(?:{_LINES_BREAK}|,?[ ])"
_UNIT_AFTER = re.compile(
    rf"(?:{_TO_NEXT}[^\W\d_]{_WORD}(?:[ ]{_WORD}){{0,4}}){{1,2}}?,?(?:[ ]|{_TO_NEXT})"
    rf"(?:[A-Z]{{2}}[ ,\n]{{1,3}})?[0-9]{{4,6}}(?![0-9])"
)


def _confirm_unit(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a unit within a house; a number and a street's name stand before it, a city and a code behind."""
    ahead = _UNIT_BEFORE.search(text, max(0, start - 72), start)
    if ahead is None:
        return None
    behind = _UNIT_AFTER.match(text, end, min(len(text), end + 90))
    alone = 0.3 if text[start : start + 4].lower() == "unit" else 0.6  # machines have units, too
    return Proof(ahead.start(), behind.end() if behind else end, "number, street, unit", 0.9 if behind else alone)


def _confirm_box(text: str, start: int, end: int) -> Proof | None:
    behind = _BOX_CITY.match(text, end, min(len(text), end + 110))
    return Proof(start, behind.end() if behind else end, "box", 0.95 if behind else 0.75)


_MILITARY = re.compile(r"[ ,]{0,2}\n?[ ]{0,2}(?:[AFD]PO)[ ,]{1,2}A[AEP][ ,]{1,2}[0-9]{5}(?![0-9])", re.IGNORECASE)


def _confirm_military(text: str, start: int, end: int) -> Proof | None:
    behind = _MILITARY.match(text, end, end + 40)
    return Proof(start, behind.end(), "military post office", 0.95) if behind else None


_LICENCE = (
    "[A-Z]{1,2}[ -]?[0-9]{3}[ -][0-9]{3,4}[ -][0-9]{2,4}(?:-[0-9]{1,3})?|[A-Z]{1,3}[0-9]{4,14}[A-Z]?|"
    "[0-9]{6,12}[A-Z]{0,2}|[A-Z][0-9]{2}-[0-9]{2}-[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{4}"
)
_ACCOUNT = "[0-9]{8,17}|[0-9]{4}(?:[ -][0-9]{4}){1,3}"

_RULES: tuple[Rule, ...] = (
    Rule(
        name="us_ssn",
        type="US_SSN",
        expression="[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3}[ .][0-9]{2}[ .][0-9]{4}|[0-9]{9}",
        confirm=_confirm_ssn,
        context=_SSN_WORDS,
        score=0.2,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="US",
        family="national",
        reference="20 CFR 422.103; SSA POMS RM 10201",
        example="536-90-4399",
    ),
    Rule(
        name="us_itin",
        type="US_ITIN",
        expression="9[0-9]{2}[ -]?[5-9][0-9][ -]?[0-9]{4}",
        confirm=checked(lambda value: itin.is_valid(value.replace(" ", "").replace("-", "")), "area, group"),
        context=_ITIN_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="US",
        family="national",
        reference="IRC 6109; IRS Publication 1915",
        example="912-90-3456",
    ),
    Rule(
        name="us_ein",
        type="US_EIN",
        expression="[0-9]{2}-[0-9]{7}",
        confirm=valid(ein, "campus prefix"),
        context=_EIN_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="US",
        family="national",
        reference="IRC 6109; IRS Publication 1635",
        example="91-1144442",
    ),
    Rule(
        name="us_mbi",
        type="US_MBI",
        expression="[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y]{2}[0-9]{2}",
        context=_MBI_WORDS,
        score=0.5,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="US",
        family="national",
        reference="CMS: Understanding the MBI format",
        example="1EG4-TE5-MK73",
    ),
    Rule(
        name="us_routing",
        type="ABA_ROUTING_NUMBER",
        expression="[0-9]{9}|[0-9]{4}-[0-9]{4}-[0-9]",
        confirm=checked(lambda value: rtn.is_valid(value.replace("-", "")), "weights 3, 7, 1"),
        context=_ROUTING_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="US",
        family="finance",
        reference="ABA routing number policy; ANSI X9.27",
        example="111000025",
    ),
    Rule(
        name="us_bank_number",
        type="US_BANK_NUMBER",
        expression=labelled(
            (
                "(?:bank |checking |savings |deposit )?account (?:number|no\\.?|#)",
                "bank account",
                "acct\\.?(?: no\\.?| #)?",
            ),
            _ACCOUNT,
        ),
        confirm=trimmed(_ACCOUNT),
        score=0.75,
        jurisdiction="US",
        family="finance",
        reference="no standard: 8 to 17 digits",
        example="account number: 123456789012",
    ),
    Rule(
        name="us_driver_license",
        type="US_DRIVER_LICENSE",
        expression=_LICENCE,
        context=_LICENCE_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.8,
        context_before=34,
        context_after=0,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="US",
        family="national",
        reference="AAMVA: formats of the states",
        example="D1234567",
    ),
    Rule(
        name="us_passport",
        type="US_PASSPORT",
        expression="[A-Z][0-9]{8}",
        context=_PASS_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="US",
        family="travel",
        reference="22 CFR 51",
        example="C12345678",
    ),
    Rule(
        name="us_address",
        type="LOCATION",
        expression=_KINDS,
        confirm=_confirm_street,
        score=0.7,
        context=(
            "address",
            "lives at",
            "living at",
            "resides",
            "ship to",
            "mail to",
            "deliver",
            "home",
            "shipping",
            "billing",
        ),
        context_score=0.95,
        context_after=40,
        jurisdiction="US",
        family="addresses",
        reference="USPS Publication 28",
        example="742 Sample Terrace, Springfield, OR 97403",
    ),
    Rule(
        name="us_military_post",
        type="LOCATION",
        expression=r"(?:Unit|PSC)[ ][0-9]{1,5},?[ ]Box[ ][0-9]{1,5}|US[SN]S?[ ][A-Z][a-z]{1,15}",
        confirm=_confirm_military,
        caseless=True,
        score=0.95,
        context_score=0.95,
        jurisdiction="US",
        family="addresses",
        reference="USPS Publication 28, section 225",
        example="PSC 1310 Box 2277, APO AE 09204",
    ),
    Rule(
        name="us_unit",
        type="LOCATION",
        expression=r"(?:Suite|Apt\.?|Apartment|Unit)[ ]#?[0-9]{1,5}",
        confirm=_confirm_unit,
        caseless=True,
        score=0.75,
        context_score=0.95,
        context=("address", "lives at", "ship to", "send", "deliver", "billing", "shipping", "moved"),
        jurisdiction="US",
        family="addresses",
        reference="USPS Publication 28",
        example="4711 Sample Heights Suite 286\nSpringfield, OR 97403",
    ),
    Rule(
        name="us_post_box",
        type="LOCATION",
        expression=r"P\.?[ ]?O\.?[ ]?Box[ ][0-9]{1,6}",
        confirm=_confirm_box,
        caseless=True,
        score=0.75,
        jurisdiction="US",
        family="addresses",
        reference="USPS Publication 28",
        example="PO Box 1234, Salem, OR 97301",
    ),
    Rule(
        name="us_zip",
        type="LOCATION",
        expression=labelled(("zip(?: ?code)?", "postal code", "postcode"), "[0-9]{5}(?:-[0-9]{4})?"),
        confirm=trimmed("[0-9]{5}(?:-[0-9]{4})?"),
        score=0.8,
        jurisdiction="US",
        family="addresses",
        reference="USPS Publication 28",
        example="ZIP code 97403-1234",
    ),
)

RULES: tuple[Rule, ...] = (*_RULES, *glued(_RULES))
