"""A value behind the noun that names it, in documents of seven languages.

A noun says what the number behind it is, and people write the two together in many ways. These are read as one::

    Personalnummer: 471147      Personal-Nr. (SAP) = "471147"     Die Personalnummer lautet 471147.
    | Personalnummer | 471147   <td>Personalnummer</td><td>471147   社員番号は「471147」です
    n° de badge : 471147        Personalnummer:⏎471147            471147 (Personalnummer)

Rules:

1. A word for "number" stands behind the noun; whether it must is the caller's to say (:data:`SAYS_NUMBER`).
2. Between noun and value stand at most: that word, whose it is ("du salarié", "von Frau Maier:"), a remark in
   brackets, closing marks, one sign or one verb, blanks, opening marks. A line break only when the value is alone on
   its line.
3. A value before its noun counts where the noun is in brackets behind it, or ends the brackets that both stand in.
4. A value ends where letters and digits end, and is no part of a date, a time, a decimal or a measure.

Every look is bounded: work for one noun does not depend on the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from gateway.privacy.patterns.rule import Confirm, Proof

SAYS_NUMBER: Final = r"[ ._/-]{0,3}[nNiIcCkK#(]"
"""Ends the expression of nouns that must have a word for "number" behind them: its first letter, reported far less
often than the noun alone. The nouns MUST be given as ``numbered``."""

_NUMBER_BEGINS: Final = re.compile(rf"{SAYS_NUMBER}\Z")

REACH: Final = 140
"""How many characters behind a noun are looked at."""

_BEFORE_NOUN: Final = 28

_NUMBER: Final = (
    r"(?:[ ._/-]{0,3}\(?(?:(?:id[ -]?)?(?:nummern?|number|numéro|numero|número|num|nbr|nr|no|n[°.]|n(?=[ :.])|"
    r"codice|code|id|kennung|kennziffer|kennzeichen|kennzahl)(?![a-zäöüß])|#)\)?"
    r"|[ の]{0,2}(?:件|卡|证|账|电脑|电子凭证|个人|人){0,2}"
    r"(?:番号|ナンバー|コード|号码|號碼|編號|编号|代码|工号|卡号|证号|号|號))[.:]?[°o]?"
)
NUMBER_OF: Final = (
    r"(?:[Nn][.]?[°o]?\.?|NO|N[Rr]\.?|nr\.?|[Nn][uú]m\.?|[Nn]um[ée]ro|[Nn]úmero|ID|[Ii]d|[Ii]dentifiant|[Ii]dentificador|"
    r"[Cc]ode|[Cc]odice|[Cc]od\.?|[Cc]ódigo|[Cc]ód\.?|[Cc]lave)"
    r"[ ](?:de[ ](?:l'|la[ ])?|du[ ]|d'|del(?:la)?[ ]|dell'|di[ ])?"
)
"""A word for "number" before its noun, in French, Italian and Spanish."""

_WHOSE: Final = (
    r"(?:[ ](?:d'|de[ ](?:l'|la[ ])?|du[ ]|del(?:la)?[ ]|dell'|di[ ]|des[ ]|der[ ]|of[ ](?:the[ ])?|for[ ])"
    r"[A-Za-zà-ÿ]{2,14}|[ ](?:rh|rfid|agent|employé|salarié|opérateur|visiteur|prestataire|entreprise|usine|aziendale|"
    r"dipendente|operatore|lavoratore|visitatore|empleado|trabajador|visitante)"
    r"|[ ](?:von|des|der|vom|de|du|di|del|della|of|for)(?:[ ][^\W\d_][\w.'’-]{1,20}){1,3}(?=[ ]?[:=(]))?"
)
_REMARK: Final = r"(?:[ ]?\([^()\n]{1,24}\)|[ ]?\[[^][\n]{1,16}\])?"
_CLOSING: Final = r"[\"'`*_)\]】」』›»]{0,4}+"
_MARKUP: Final = r"(?:</[A-Za-z]{1,12}>\s{0,4}<[A-Za-z]{1,12}(?:[ ][^<>]{0,40})?>|>)?"
_SIGN: Final = (
    r"(?::[ \t]{0,4}\r?\n[ \t]{0,8}(?:[-*•][ ])?|\r?\n[ \t]{0,8}|[ ]?[:=#|;,~→⇒/>-]{1,3}|[._…・]{2,80}|"
    r"(?:(?:is|was|ist|war|lautet|est|était|è|era|es)(?![a-z])|は|が|を|为|是|為)[ ,、:]{0,2})?"
)
_OPENING: Final = r"(?:[\"'`*_([【「『‹«<]|n[°.]|no\.|nr\.?|#|第){0,4}"
_LINK: Final = rf"{_REMARK}{_CLOSING}{_MARKUP}[ \t]{{0,12}}+{_SIGN}[ \t]{{0,12}}+{_OPENING}[ ]?"

_END: Final = r"(?![0-9A-Za-zäöüÄÖÜß]|[-./:,][0-9]|[ ]?(?:%|°|mm|cm|nm|kg|bar|pcs|stk|stück|eur|€|uhr|min)(?![a-z]))"
_DATE: Final = re.compile(
    r"[0-3]?[0-9]([/.-])[0-3]?[0-9]\1(?:[0-9]{2}){1,2}|(?:19|20)[0-9]{2}([/.-])[01]?[0-9](?:\2[0-3]?[0-9])?"
)
_LINE_ENDS: Final = re.compile(r"[ \t\"'`*_)\]】」>|,;.]{0,4}(?:\r?\n|\Z)")
_IN_BRACKETS: Final = re.compile(rf"\.?{_WHOSE}(?P<number>(?:{_NUMBER}){{0,2}}){_WHOSE}[ ]?[)\]]", re.IGNORECASE)
_HAS_DIGIT: Final = re.compile("[0-9]")
_HAS_CAPITAL: Final = re.compile("[A-Z]")
_NEAREST: Final = 90  # no digit so near: no value


def spelled(words: Iterable[str], tail: str = "") -> list[tuple[str, bool]]:
    """Return expressions of words, each with whether it is caseless.

    Words of ASCII are one caseless expression of bytes. All others are written out as they are, with a capital, and in
    capitals: Vectorscan takes caseless UTF-8 for no literal, since k and s have look-alikes in it, and searches slowly.
    """
    plain = sorted({word for word in words if word.isascii()})
    others = {spelling for word in words for spelling in (word, word[:1].upper() + word[1:], word.upper())}
    others = {spelling for spelling in others if not spelling.isascii()}
    kinds = ((plain, True), (sorted(others), False))
    return [(f"(?:{'|'.join(map(_literal, each))}){tail}", caseless) for each, caseless in kinds if each]


def _literal(word: str) -> str:
    return re.escape(word).replace(r"\ ", "[ ]")


class Value(NamedTuple):
    """What stands behind a noun."""

    form: str  # an expression, any case; it bounds its own length
    check: str  # what held, for people
    holds: Callable[[str], bool] = bool  # asked of the value
    numbered: bool = False  # a word for "number" must stand behind the noun
    digits: bool = True  # it always has a digit; else it always has a capital letter


def behind(value: Value, speaks_against: re.Pattern[str] | None = None) -> Confirm:
    """Return the confirmer that reads a value behind (or, in brackets, before) the noun it is given.

    Args:
        speaks_against: searched in the 28 characters before the noun; MUST end in ``\\Z``.
    """
    number = f"(?:{_NUMBER}){{0,2}}+"
    behind = re.compile(rf"\.?(?P<number>{_WHOSE}{number}{_WHOSE}){_LINK}(?P<value>{value.form}){_END}", re.IGNORECASE)
    named = re.compile(_NUMBER, re.IGNORECASE)
    near = _HAS_DIGIT if value.digits else _HAS_CAPITAL
    ahead = re.compile(
        rf"(?<![0-9A-Za-z])(?<![0-9A-Za-z][-./_])(?P<value>{value.form})[ ]?[(\[,/][ ]?\Z", re.IGNORECASE
    )

    def is_one(found: re.Match[str]) -> bool:
        return not _DATE.fullmatch(found["value"]) and value.holds(found["value"])

    def confirm(text: str, start: int, end: int) -> Proof | None:
        beyond = _NUMBER_BEGINS.search(text, max(start, end - 4), end) if value.numbered else None
        end = beyond.start() if beyond else end
        low = max(0, start - _BEFORE_NOUN)
        if speaks_against and speaks_against.search(text, low, start):
            return None
        found = behind.match(text, end, end + REACH) if near.search(text, end, end + _NEAREST) else None
        if (
            found
            and is_one(found)
            and not _is_torn(text, end, found)
            and not _continues(text, found)
            and (not value.numbered or named.search(found["number"]))
        ):
            return Proof(*found.span("value"), value.check)
        inside = _IN_BRACKETS.match(text, end)
        found = ahead.search(text, max(0, start - 40), start) if inside else None
        if inside and found and is_one(found) and (not value.numbered or inside["number"]):
            return Proof(*found.span("value"), value.check)
        return None

    return confirm


def _continues(text: str, found: re.Match[str]) -> bool:
    """Whether a word goes on into what was read as the value: PLATEAU 44."""
    start = found.start("value")
    return text[start].isalpha() and text[start - 1].isalpha() and text[start - 1] < "\u0590"


def _is_torn(text: str, end: int, found: re.Match[str]) -> bool:
    """Whether the value stands on the line below the noun, with something else behind it."""
    return "\n" in text[end : found.start("value")] and not _LINE_ENDS.match(text, found.end())
