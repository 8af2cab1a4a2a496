"""Numbers of care: medical records, and the licences of those who treat.

Every hospital numbers as it likes, so there is nothing to check; the label directly before the number is the proof.
Rules:

1. The label is looked for, the number behind it is read by the confirmer: at most three groups, five digits or more in
   a record's, four in a licence's. Dates are none.
2. A registration of the US Drug Enforcement Administration has a check digit, and needs a word near it.
3. A Spanish social security number behind its label counts although its check digits are wrong: typed, it often is.
"""

from __future__ import annotations

import re
from typing import TypedDict, Unpack

from gateway.privacy.patterns.proofs import NOT_PERSONAL
from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule, checked

_NO = r"n[.\u00b0]?[ ]?o?[.]?[ ]?"  # nº and n° are "no" once normalised

_RECORD_LABELS = (
    rf"nhc|{_NO}(?:de[ ])?hist(?:oria)?(?:[ ]cl[ií]nica)?|historia(?:[ ]cl[ií]nica)?|hist[.][ ]?cl[ií]n(?:ica|[.])|"
    r"episodio|cipa|n[uú]mero[ ]de[ ](?:historia|paciente|episodio)|"
    r"medical[ _]record|mrn|patient[ _]?(?:id|number|no|identifier)|chart[ ](?:number|no)|hospital[ ](?:number|no)|"
    r"encounter[ ](?:id|number|no)|"
    r"patienten-?[ ]?(?:nummer|nr|id)|fallnummer|fall-?nr|aufnahmenummer|krankenakte|"
    rf"dossier[ ](?:m[ée]dical|patient)|(?:{_NO}|num[ée]ro[ ])(?:de[ ])?(?:dossier|patient)|"
    r"cartella[ ]clinica|codice[ ]paziente|numero[ ]nosologico|"
    "カルテ番号|患者番号|患者ID|診察券番号|診療録番号|病历号|病案号|住院号|门诊号|患者编号|就诊卡号"
)
_LICENCE_LABELS = (
    rf"(?:{_NO}|n[uú]mero[ ])(?:de[ ])?col(?:egiad[oa])?|colegiad[oa]|"
    r"(?:medical|physician|nursing|practitioner)[ ]licen[sc]e|npi|gmc[ ](?:no|number|reference)|nmc[ ]pin|"
    r"lanr|arztnummer|rpps|num[ée]ro[ ]rpps|"
    "医籍登録番号|医師免許番号|医师执业证书编码|医师资格证书编码|执业证书编号"
)
_SECURITY_LABELS = rf"nass|nuss|naf|{_NO}(?:de[ ])?(?:afiliaci[oó]n|seguridad[ ]social|s[.]?s[.]?)"

_BETWEEN = r"(?:[ ]?(?:number|num|no|nr|n|id|code|es|is|lautet|est|は|为|是)\u00b0?)?[.]?[ \t]{0,2}[:#=-]?[ \t]{0,3}"
_RECORD = r"(?-i:[A-Z]{1,4}-?)?[0-9]{2,12}(?:[ /-][0-9]{1,8}){0,2}"
_LICENCE = r"[A-Z]{0,3}[0-9]{2,11}(?:[ ]{1,2}[0-9]{1,6}|[/-][0-9]{1,6}){0,2}"
_SECURITY = r"[0-9]{2}[ /-]?[0-9]{5,10}(?:[ /-][0-9]{1,2})?"
_DATE = re.compile(r"[0-3]?[0-9]([/.-])[0-3]?[0-9]\1(?:[0-9]{2}){1,2}|(?:19|20)[0-9]{2}([/.-])[0-1]?[0-9]\2[0-3]?[0-9]")


def _behind(value: str, digits: int) -> Confirm:
    """Return the confirmer that reads a number of so many digits or more behind a label."""
    form = re.compile(rf"{_BETWEEN}(?P<value>{value})(?![0-9A-Za-z]|[.,][0-9])", re.IGNORECASE)

    def confirm(text: str, start: int, end: int) -> Proof | None:
        found = form.match(text, end, end + 60)
        if found is None or sum(map(str.isdigit, found["value"])) < digits or _DATE.fullmatch(found["value"]):
            return None
        return Proof(*found.span("value"), "labelled")

    return confirm


class _More(TypedDict, total=False):
    jurisdiction: str
    reference: str


def _labelled(name: str, type: str, labels: str, confirm: Confirm, example: str, **more: Unpack[_More]) -> Rule:
    return Rule(
        name=name,
        type=type,
        expression=labels,
        caseless=True,
        boundary=Boundary.START,
        confirm=confirm,
        score=0.85,
        family="national",
        example=example,
        **more,
    )


def is_dea_number(value: str) -> bool:
    """Return whether the last of seven digits is the last digit of the sum of the odd ones and twice the even ones."""
    digits = [int(digit) for digit in value[2:]]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


RULES: tuple[Rule, ...] = (
    _labelled(
        "medical_record",
        "MEDICAL_RECORD_NUMBER",
        _RECORD_LABELS,
        _behind(_RECORD, 5),
        "NHC: 4410027",
        reference="ISO 27799 (health records)",
    ),
    _labelled(
        "medical_license",
        "MEDICAL_LICENSE",
        _LICENCE_LABELS,
        _behind(_LICENCE, 4),
        "No Col: 28 28 10442",
        reference="registers of those who treat",
    ),
    _labelled(
        "es_nss_labelled",
        "ES_NSS",
        _SECURITY_LABELS,
        _behind(_SECURITY, 7),
        "NASS: 28 10442718 09",
        jurisdiction="ES",
        reference="Orden TAS/1562/2005",
    ),
    Rule(
        name="us_dea_number",
        type="MEDICAL_LICENSE",
        expression="[A-Z][A-Z9][0-9]{7}",
        confirm=checked(is_dea_number, "check digit"),
        context=("dea", "prescriber", "medical license", "medical licence", "physician", "registration"),
        needs_context=True,
        score=0.4,
        context_score=0.9,
        against=NOT_PERSONAL,
        jurisdiction="US",
        family="national",
        reference="21 CFR 1301; check digit of the DEA",
        example="BX1234563",
    ),
)
