"""Dates of birth: a date beside a word that says somebody was born then.

The word is the anchor; the date is looked for behind it, or before it where a language writes it so
(``1985年3月12日生まれ``, ``12.03.1985 geboren``). Dates alone are never findings: logs and plans are full of them.
Years of Japanese eras count (昭和60年3月12日), and ages do not.
"""

from __future__ import annotations

import re

from gateway.privacy.patterns.rule import Boundary, Proof, Rule

_MONTHS = (
    "jan(?:uary|uar|\\.)?|jän(?:ner)?|feb(?:ruary|ruar|\\.)?|mar(?:ch|\\.)?|märz|mrz|apr(?:il|\\.)?|may|mai|june?|"
    "juni?|july?|juli?|"
    "aug(?:ust|\\.)?|sept?(?:ember|\\.)?|oct(?:ober|\\.)?|okt(?:ober|\\.)?|nov(?:ember|\\.)?|dec(?:ember|\\.)?|"
    "dez(?:ember|\\.)?|"
    "janvier|janv\\.?|février|févr?\\.?|mars|avril|avr\\.?|juin|juillet|juil\\.?|août|septembre|octobre|novembre|"
    "décembre|déc\\.?|"
    "gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|dicembre|genn?\\.?|"
    "enero|febrero|abril|mayo|junio|julio|septiembre|setiembre|octubre|noviembre|diciembre|ene\\.?|dic\\.?"
)
_YEAR = "(?:18|19|20)[0-9]{2}"
_DAY = "(?:0?[1-9]|[12][0-9]|3[01])"
_MONTH = "(?:0?[1-9]|1[0-2])"
_ERA = "(?:明治|大正|昭和|平成|令和|[MTSHR]\\.?)[ ]?(?:元|[0-9]{1,2})[ ]?(?:年|[./-])"
_KANJI_YEAR = "[〇零一二三四五六七八九]{4}年"
DATE = (
    rf"(?:{_YEAR}[ ]?年[ ]?{_MONTH}[ ]?月(?:[ ]?{_DAY}[ ]?[日号])?|{_ERA}[ ]?{_MONTH}[ ]?(?:月|[./-])[ ]?{_DAY}日?|"
    rf"{_KANJI_YEAR}[一二三四五六七八九十]{{1,2}}月(?:[一二三四五六七八九十]{{1,3}}日)?|"
    rf"(?:[0-9]{{2}}[ ]?年)?[0-9一二三四五六七八九十]{{1,3}}月[0-9一二三四五六七八九十]{{1,3}}[日号]|"
    rf"[0-9]{{2}}年{_MONTH}月|"
    rf"{_YEAR}[-/.]{_MONTH}[-/.]{_DAY}(?:T00:00(?::00(?:\.0{{1,6}})?)?Z?)?|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|"
    "[12][0-9]|3[01])|"
    rf"{_DAY}[ ]?[./-][ ]?{_MONTH}[ ]?[./-][ ]?(?:{_YEAR}|[0-9]{{2}})|{_MONTH}[./-]{_DAY}[./-](?:{_YEAR}|[0-9]{{2}})|"
    rf"{_DAY}(?:st|nd|rd|th|er|º|°|\.|ª)?[ -](?:of[ ]|de[ ])?(?i:{_MONTHS}),?(?:[ -](?:de[l]?[ ])?)(?:{_YEAR}|"
    rf"[0-9]{{2}}(?![0-9]))|"
    rf"(?i:{_MONTHS})[ ]{_DAY}(?:st|nd|rd|th)?,?[ ]{_YEAR}|{_YEAR}[ -](?i:{_MONTHS})[ -]{_DAY})(?![0-9])"
)
"""A date in one of the seven languages' ways; the order of day and month is not decided."""

_LINK = (
    r"(?:[ \t]?\([^()\n]{1,24}\))?[ \t:：=\"'|>*_,.\-–~]{0,8}(?:\n[ \t]{0,4})?"
    "(?:(?i:am|on|the|le|el|il|den|is|ist|was|war|est|è|es|era|fue|は|が|为|是|于|於|día|giorno|of|dem|in|im|at|à|a|"
    "en|zu)"
    r"[ \t:=\"'|>]{1,4}|[はがの为是于於][ \t:=\"']{0,3}){0,2}"
    r"(?:(?:in|à|a|en|at)?[ ]?[A-ZÀ-ÖØ-Þ][\w'’.-]{1,20}(?:[ ][A-ZÀ-Þ][\w'’.-]{1,20}){0,2}(?:[ ]\([A-Z]{2}\))?,?[ "
    "](?:(?:am|on|le|el|il|den|the)[ ])?)?"
)
_BEHIND = re.compile(rf"{_LINK}(?P<date>{DATE})")
_BEFORE = re.compile(rf"(?<![0-9])(?P<date>{DATE})[ 　]{{0,2}}(?:in[ ][A-Z][\w-]{{1,24}}[ ])?\Z")
_DATE_SIGN = re.compile("[0-9〇零一二三四五六七八九元]")
_REACH = 90
"""How far behind a label its date is looked for."""

LABELS = (
    "date of birth|birth ?date|birth_date|date_of_birth|birthdate|dateofbirth|birthday|d\\.o\\.b\\.?|dob|born|b\\.|"
    "birth day|day of birth|"
    "geburtsdatum|geb\\.? ?-?datum|gebdat|geb\\.?|geboren|geburtstag|gebürtig|geburtsdat\\.?|geburt|"
    "date de naissance|date naiss\\.?|né(?:e|\\(e\\))? le|née?|naissance|ddn|"
    "data di nascita|nat[oa](?:/a)? (?:il|a|in)|nat[oa]|nascita|"
    "fecha de nacimiento|fecha nac\\.?|f\\. ?nac\\.?|nacid[oa](?:/a)? (?:el|en)|nacid[oa]|nacimiento|fec\\.? ?nac\\.?|"
    "生年月日|誕生日|生誕|生まれ年月日|出生日期|出生年月日?|生日|出生于|出生時|出生时间|出生|生于"
)
_AFTER_LABELS = "[0-9日号年月 ](?:geboren|生まれ|生れ|生|出生|born)"
"""With the last character of the date, or a blank."""


def _within_a_word(text: str, start: int, end: int) -> bool:
    """Return whether letters go on beside a Latin label, or what is born is no person: 発生日, 产生于."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if text[start] >= "\u2e80":
        return text[start] == "生" and before in {"発", "发", "產", "产", "産", "派", "衍", "再", "诞", "新"}
    return (before.isalpha() and before < "\u2e80") or (after.isalnum() and after < "\u2e80") or before.isdigit()


def _confirm_behind(text: str, start: int, end: int) -> Proof | None:
    limit = min(len(text), end + _REACH)
    if _within_a_word(text, start, end) or not _DATE_SIGN.search(text, end, limit):
        return None
    found = _BEHIND.match(text, end, limit)
    return Proof(found.start("date"), found.end("date"), "date of birth") if found else None


def _confirm_before(text: str, start: int, end: int) -> Proof | None:
    start += 1
    after = text[end : end + 1]
    if text[start:end] == "生" and not (after in {"", "の", "ま", "れ"} or not after.isalnum()):
        return None  # 生産, 生成
    found = _BEFORE.search(text, max(0, start - 48), start)
    return Proof(found.start("date"), found.end("date"), "date of birth") if found else None


_ABOUT = re.compile(r"[*†]\Z")

RULES: tuple[Rule, ...] = (
    Rule(
        name="birth_date",
        type="DATE_OF_BIRTH",
        expression=LABELS,
        confirm=_confirm_behind,
        caseless=True,
        boundary=Boundary.NONE,
        score=0.95,
        context_score=0.95,
        family="births",
        reference="ISO 8601-1; JIS X 0301 (eras)",
        example="geboren am 12.03.1985",
    ),
    Rule(
        name="birth_date_before",
        type="DATE_OF_BIRTH",
        expression=_AFTER_LABELS,
        confirm=_confirm_before,
        boundary=Boundary.NONE,
        score=0.95,
        context_score=0.95,
        family="births",
        reference="ISO 8601-1; JIS X 0301 (eras)",
        example="1985年3月12日生まれ",
    ),
    Rule(
        name="birth_date_star",
        type="DATE_OF_BIRTH",
        expression=r"[(][ ]?\*[ ]?[0-3]?[0-9][.][ ]?[0-1]?[0-9][.][ ]?(?:18|19|20)[0-9]{2}",
        confirm=lambda text, start, end: Proof(text.index("*", start) + 1, end, "date of birth"),
        boundary=Boundary.NONE,
        score=0.8,
        context_score=0.9,
        family="births",
        reference="DIN 5008: * for born",
        example="(*12.03.1985)",
    ),
)
