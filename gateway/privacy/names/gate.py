"""Where no name stands by itself: code, logs, tables, identifiers, abbreviations, words that are written small.

A line is *code* when it is written for a machine (code, JSON, a log's line, columns), and *counts* when a third of it
is numbers (a list of parts). There only a cue, a label or a full name (given name and surname beside each other) makes
a name, and no classifier is asked. Elsewhere a word may be a name when it begins with a capital and is no part of an
identifier. Example: ``Gate("x = Spindle(bus)").kind(4) == CODE``; ``Gate("Ask Ms Ng.").may_be_name(7, 9)`` is true.
"""

from __future__ import annotations

import re
from bisect import bisect_right

_BEGINS = re.compile(
    r"\s*(?:def |class |import |from [\w.]+ import|return\b|elif |else ?[:{]|try:|except\b|raise |assert |"
    r"(?:async|await) |(?:if|for|while|switch) ?\(|(?:const|let|var|func|fn|pub|public|private|static|void|int|"
    r"float|double|struct) |"
    r"(?:enum|package|namespace|using) |#include|#define|//|/\*|\*/|@\w+[ (]?|\$ |(?:SELECT|INSERT|UPDATE|CREATE|"
    r"ALTER)\b|"
    r"(?:FROM|RUN|CMD|COPY|ADD|ENV|ARG|ENTRYPOINT|WORKDIR|EXPOSE|USER|LABEL) [\w./\[]|<[/?!\w]|[\"'][\w$.-]+[\"'] "
    r"?:|[{}\[\]();,]+\s*$|[-+]{3} |@@ |diff |at [\w.$]+\(|\.\w+\(|"
    r"[\w.\[\]\"']+ ?[+-]?= ?\S|[A-Z_]{3,} ?= )"
)
_SIGN = re.compile(r"[{}()=<>;|\"'&:_]")
_CODE = re.compile(
    r"[{;]\s*$|\)\s*:\s*$|[\"']\s*:\s*[\"\[{\d]|\(\)|(?<=\w)\([\w\"', .=]{0,80}\)[.;:\s]*$|=>|->|::|[=!<>+*/|&-]=|&&|"
    r"\|\||</|/>|(?<=\w)=[\w\"'.#/-]"
)
_LOG = re.compile(
    r"\W{0,3}(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d{2}:\d{2}:\d{2}[.,]\d|\d{10,13}\s|\w{3} [ \d]\d \d\d:\d\d:\d\d)"
)
_LEVEL = re.compile(r"\b(?:INFO|WARN|WARNING|ERROR|DEBUG|TRACE|FATAL|CRITICAL)\b")
_COLUMN = re.compile(r",(?=[^\s,])")
_TOKEN = re.compile(r"\S+")
_DIGIT = re.compile(r"\d")
_NUMBERED = re.compile(r"\S*\d\S*")
_SMALL = re.compile(r"(?<!\S)[a-zß-ÿ]{3,}(?=[,.;:]?(?:\s|\Z))")
_CAMEL = re.compile(
    r"(?!(?:Mc|Mac|De|Di|Da|Du|La|Le|Lo|Van|Von|Fitz|O|D|L|Ben|Bar|El|Al|San|Del)[A-Z])\w*[a-zß-ÿ][A-Z]"
)
_TIED = frozenset("_/\\=<>@#$[]{}|~^*+&%§°")
SENTENCE, COUNTS, CODE = range(3)
COUNTED, MOSTLY_COUNTED = 0.3, 0.4  # share of tokens with digits from which on a line counts things; whatever it tells
TELLING = 3  # words in small letters from which on a line tells something
LONG = 1_000  # characters; longer lines are looked at in pieces


class Gate:
    """Answers for one text; a line is looked at once, and only when a word of it is in question."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._known: dict[int, int] = {}

    def kind(self, place: int) -> int:
        """Return what the line is in which ``place`` lies: a sentence (or a letter's head, or a form), counts, code."""
        line = bisect_right(self._starts, place)
        start = self._starts[line - 1]
        start += (place - start) // LONG * LONG
        known = self._known.get(start)
        if known is None:
            end = self._starts[line] - 1 if line < len(self._starts) else len(self._text)
            known = self._known[start] = kind_of(self._text[start : min(end, start + LONG)])
        return known

    def may_be_name(self, start: int, end: int) -> bool:
        """Whether the word begins with a capital and is no identifier, nor tied to one."""
        text = self._text
        word = text[start:end]
        if not word[0].isupper() or not word.isalpha() or (len(word) > 3 and _CAMEL.match(word)):
            return False
        before, after = text[start - 1 : start] or " ", text[end : end + 1] or " "
        if before == ">" and text[start - 2 : start - 1] in ("", "\n", ">"):  # a mail that is quoted
            before = " "
        if before == "@" and text[start - 2 : start - 1] in ("", "\n", " "):  # somebody is called in a chat
            before = " "
        if (before in _TIED and before != "=") or after in _TIED or after == "(":
            return False
        if (before in ".-:" and text[start - 2 : start - 1].isdigit()) or (
            after in ".-" and text[end + 1 : end + 2].isdigit()
        ):
            return False
        return not ((after == "." and text[end + 1 : end + 2].islower()) or (before == "." and _ties(text, start - 2)))


def _ties(text: str, place: int) -> bool:
    """Whether a full stop after ``text[place]`` ties (``np.Array``), and is not that of ``J.Meier`` or ``Dr.Ott``."""
    return place > 0 and text[place - 1 : place + 1].islower() and text[place - 1].isalpha()


def kind_of(line: str) -> int:
    """Return whether a line is a sentence, counts things, or is code, a log's, columns."""
    if _BEGINS.match(line) or _LOG.match(line) or _LEVEL.search(line) or _is_columns(line):
        return CODE
    if _SIGN.search(line) and _CODE.search(line):
        return CODE
    if len(_DIGIT.findall(line)) < 6:
        return SENTENCE
    numbered = len(_NUMBERED.findall(line)) / max(1, len(_TOKEN.findall(line)))
    counts = numbered >= COUNTED and (numbered >= MOSTLY_COUNTED or len(_SMALL.findall(line)) < TELLING)
    return COUNTS if counts else SENTENCE


def _is_columns(line: str) -> bool:
    """Whether three marks or more part the line: semicolons, bars, tabs, or commas without a space."""
    marks = (line.count(";"), line.count("|"), line.count("\t") + 1 if "\t" in line else 0)
    return max(marks) >= 3 or len(_COLUMN.findall(line)) >= 3
