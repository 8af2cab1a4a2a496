"""Travel documents: passports of any country beside a word for them, and machine-readable zones.

A machine-readable zone (ICAO 9303) is checked line by line: document number, birth and expiry each carry a check digit,
the line a composite one. The line with the names has none, so it must be a whole line of the right length, or stand
beside one that is checked.
"""

from __future__ import annotations

import re

from gateway.privacy.patterns.proofs import NOT_PERSONAL, glued, icao_digit
from gateway.privacy.patterns.rule import Boundary, Proof, Rule, checked

_WORDS = (
    "passport", "passport number", "passport no", "reisepass", "passnummer", "passeport", "passaporto", "pasaporte",
    "旅券",
    "パスポート", "护照", "護照", "여권", "paspoort", "paszport", "pas nr", "travel document", "passport_no",
    "passport_number",
)  # fmt: skip

_F = "[A-Z0-9<]"
TD3_SECOND = f"{_F}{{9}}[0-9<][A-Z<]{{3}}[0-9]{{6}}[0-9][MFX<][0-9]{{6}}[0-9]{_F}{{14}}[0-9<][0-9]"
TD2_SECOND = f"{_F}{{9}}[0-9<][A-Z<]{{3}}[0-9]{{6}}[0-9][MFX<][0-9]{{6}}[0-9]{_F}{{7}}[0-9]"
TD1_FIRST = f"[ACI][A-Z<][A-Z<]{{3}}{_F}{{9}}[0-9<]{_F}{{15}}"
TD1_SECOND = f"[0-9]{{6}}[0-9][MFX<][0-9]{{6}}[0-9][A-Z<]{{3}}{_F}{{11}}[0-9]"


def _holds(value: str, digit: str) -> bool:
    """Return whether ``digit`` is the check digit of ``value``; an empty field may have ``<`` in its place."""
    if digit == "<":
        return not value.strip("<")
    return icao_digit(value) == int(digit)


def is_td3_line(line: str) -> bool:
    """Return whether 44 characters are the second line of a passport (ICAO 9303-4, 4.2.2)."""
    parts = ((line[0:9], line[9]), (line[13:19], line[19]), (line[21:27], line[27]), (line[28:42], line[42]))
    return all(_holds(*part) for part in parts) and _holds(line[0:10] + line[13:20] + line[21:43], line[43])


def is_td2_line(line: str) -> bool:
    """Return whether 36 characters are the second line of a TD2 document (ICAO 9303-6, 4.2.2)."""
    parts = ((line[0:9], line[9]), (line[13:19], line[19]), (line[21:27], line[27]))
    return all(_holds(*part) for part in parts) and _holds(line[0:10] + line[13:20] + line[21:35], line[35])


def is_td1_line(line: str) -> bool:
    """Return whether 30 characters are the first line of a card (ICAO 9303-5, 4.2.2): the document number's digit."""
    return line[14] == "<" or _holds(line[5:14], line[14])


def is_td1_second_line(line: str) -> bool:
    """Return whether 30 characters are the second line of a card: birth's and expiry's digits."""
    return _holds(line[0:6], line[6]) and _holds(line[8:14], line[14])


_NAMES_TD3 = re.compile(r"[PV][A-Z<][A-Z<]{3}[A-Z<]{39}\r?\n\Z")
_NAMES_TD2 = re.compile(r"[ACIPV][A-Z<][A-Z<]{3}[A-Z<]{31}\r?\n\Z")
_NAMES_TD1 = re.compile(r"\r?\n[A-Z][A-Z<]{29}(?![A-Z0-9<])")
_FIRST_TD1 = re.compile(TD1_FIRST + r"\r?\n\Z")


def _confirm_td3(text: str, start: int, end: int) -> Proof | None:
    if not is_td3_line(text[start:end]):
        return None
    ahead = _NAMES_TD3.search(text, max(0, start - 46), start)
    return Proof(ahead.start() if ahead else start, end, "ICAO 9303 TD3, five check digits")


def _confirm_td2(text: str, start: int, end: int) -> Proof | None:
    if not is_td2_line(text[start:end]):
        return None
    ahead = _NAMES_TD2.search(text, max(0, start - 38), start)
    return Proof(ahead.start() if ahead else start, end, "ICAO 9303 TD2, four check digits")


def _confirm_td1(text: str, start: int, end: int) -> Proof | None:
    if not is_td1_second_line(text[start:end]):
        return None
    ahead = _FIRST_TD1.search(text, max(0, start - 32), start)
    behind = _NAMES_TD1.match(text, end, end + 33)
    return Proof(ahead.start() if ahead else start, behind.end() if behind else end, "ICAO 9303 TD1, two check digits")


def _is_names_line(value: str) -> bool:
    return "<<" in value.rstrip("<")


def _confirm_number(text: str, start: int, end: int) -> Proof | None:
    """Letters and digits: at least five digits, and not a date in a row."""
    value = text[start:end]
    digits = sum(c.isdigit() for c in value)
    return Proof(start, end, "form") if digits >= 5 else None


_RULES: tuple[Rule, ...] = (
    Rule(
        name="passport",
        type="PASSPORT",
        expression="[A-Z]{1,3}[ ]?[0-9]{5,9}|[a-z]{1,2}[0-9]{7,8}|[0-9]{2}[A-Z]{2}[0-9]{5}|[A-Z][A-Z0-9]{8}",
        confirm=_confirm_number,
        context=_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.8,
        context_before=48,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        family="travel",
        reference="ICAO 9303-3 (nine characters of A to Z and 0 to 9)",
        example="X1234567",
    ),
    Rule(
        name="passport_digits",
        type="PASSPORT",
        expression="[0-9]{7,9}",
        context=_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.8,
        context_before=30,
        context_after=0,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        family="travel",
        reference="ICAO 9303-3",
        example="123456789",
    ),
    Rule(
        name="mrz_td3",
        type="MRZ",
        expression=TD3_SECOND,
        confirm=_confirm_td3,
        score=1.0,
        context_score=1.0,
        family="travel",
        reference="ICAO 9303-4",
        example="L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    ),
    Rule(
        name="mrz_td2",
        type="MRZ",
        expression=TD2_SECOND,
        confirm=_confirm_td2,
        score=1.0,
        context_score=1.0,
        family="travel",
        reference="ICAO 9303-6",
        example="D231458907UTO7408122F1204159<<<<<<<6",
    ),
    Rule(
        name="mrz_td1",
        type="MRZ",
        expression=TD1_SECOND,
        confirm=_confirm_td1,
        score=0.95,
        context_score=1.0,
        family="travel",
        reference="ICAO 9303-5",
        example="7408122F1204159UTO<<<<<<<<<<<6",
    ),
    Rule(
        name="mrz_td1_first",
        type="MRZ",
        expression=TD1_FIRST,
        confirm=checked(lambda line: "<<" in line and is_td1_line(line), "ICAO 9303 TD1, check digit"),
        score=0.9,
        context_score=1.0,
        family="travel",
        reference="ICAO 9303-5",
        example="I<UTOD231458907<<<<<<<<<<<<<<<",
    ),
    Rule(
        name="mrz_names",
        type="MRZ",
        expression="P[A-Z<][A-Z<]{3}[A-Z<]{39}",
        confirm=checked(_is_names_line, "ICAO 9303 TD3, 44 characters"),
        boundary=Boundary.ALNUM,
        score=0.9,
        context_score=1.0,
        family="travel",
        reference="ICAO 9303-4",
        example="P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    ),
)

RULES: tuple[Rule, ...] = (*_RULES, *glued(_RULES))
