"""Where no name stands by itself: code, logs, tables, identifiers, abbreviations, words that are written small.

A line is *code* when it is written for a machine (code, JSON, a log's line, columns), and *counts* when a third of it
is numbers (a list of parts). There only a cue, a label or a full name (given name and surname beside each other) makes
a name, and no classifier is asked. Elsewhere a word may be a name when it begins with a capital and is no part of an
identifier. Example: ``Gate("x = Spindle(bus)").kind(4) == CODE``; ``Gate("Ask Ms Ng.").may_be_name(7, 9)`` is true.
"""

from __future__ import annotations

import re

_CODE = re.compile(
    r"^\s*(?:def |class |import |from [\w.]+ import|return\b|if ?\(|for ?\(|while ?\(|elif |else ?[:{]|try:|except\b|raise |"
    r"assert |async |await |const |let |var |func |fn |pub |public |private |static |void |int |float |double |struct |"
    r"enum |package |namespace |using |#include|#define|//|/\*|\*/|@\w+[ (]?|\$ |SELECT\b|INSERT\b|UPDATE\b|CREATE\b|"
    r"ALTER\b|DROP\b|FROM [\w.]+|<[/?!\w]|[\"'][\w$.-]+[\"'] ?:|[{}\[\]();,]+\s*$|[-+]{3} |@@ |diff |at [\w.$]+\(|\.\w+\()"
    r"|[{;]\s*$|\)\s*:\s*$|[\"']\s*:\s*[\"\[{\d]|\w\(\)|\w\([\w\"', .=]*\)[.;:\s]*$|=>|->|::|[=!<>+*/|&-]=|&&|\|\||</|/>"
    r"|^\s*[\w.\[\]\"']+ ?(?:\+|-)?= ?\S|\b[a-z]\w*=[\w\"'.#/-]|\b\w+\.\w+\.\w+\(|^\s*[A-Z_]{3,} ?= "
)
_LOG = re.compile(
    r"^\W{0,3}(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d{2}:\d{2}:\d{2}[.,]\d|\d{10,13}\s|\w{3} [ \d]\d \d\d:\d\d:\d\d)"
    r"|\b(?:INFO|WARN|WARNING|ERROR|DEBUG|TRACE|FATAL|CRITICAL)\b"
)
_COLUMNS = re.compile(
    r"[^;\n]*;[^;\n]*;[^;\n]*;|[^|\n]*\|[^|\n]*\|[^|\n]*\||[^\t\n]*\t[^\t\n]*\t|(?:[^,\n]*,(?=\S)){3}"
)
_TOKEN = re.compile(r"\S+")
_DIGIT = re.compile(r"\d")
_CAMEL = re.compile(
    r"(?!(?:Mc|Mac|De|Di|Da|Du|La|Le|Lo|Van|Von|Fitz|O|D|L|Ben|Bar|El|Al|San|Del)[A-Z])\w*[a-zß-ÿ][A-Z]"
)
_TIED = frozenset("_/\\=<>@#$[]{}|~^*+&%§°")
SENTENCE, COUNTS, CODE = range(3)
COUNTED = 0.3  # share of tokens with digits from which on a line counts things
LONG = 2_000  # characters of a line that are looked at


class Gate:
    """Answers for one text; a line is looked at once, and only when a word of it is in question."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[int, int] = {}

    def kind(self, place: int) -> int:
        """Return what the line is in which ``place`` lies: a sentence (or a letter's head, or a form), counts, code."""
        start = self._text.rfind("\n", max(0, place - LONG), place) + 1
        known = self._known.get(start)
        if known is None:
            end = self._text.find("\n", place, place + LONG)
            known = self._known[start] = kind_of(self._text[start : end if end >= 0 else place + LONG])
        return known

    def may_be_name(self, start: int, end: int) -> bool:
        """Whether the word begins with a capital and is no identifier, nor tied to one."""
        text = self._text
        word = text[start:end]
        if not word[0].isupper() or not word.isalpha() or (len(word) > 3 and _CAMEL.match(word)):
            return False
        before, after = text[start - 1 : start], text[end : end + 1]
        if before in _TIED and before or after in _TIED and after or after == "(":
            return False
        if before in ".-:" and before and text[start - 2 : start - 1].isdigit():
            return False
        if after in ".-" and after and text[end + 1 : end + 2].isdigit():
            return False
        return not (after == "." and text[end + 1 : end + 2].islower() or before == "." and _ties(text, start - 2))


def _ties(text: str, place: int) -> bool:
    """Whether a full stop after the letter at ``place`` ties (``np.Array``), and is not that of ``J.Meier``, ``Dr.Ott``."""
    return place > 0 and text[place - 1 : place + 1].islower() and text[place - 1].isalpha()


def kind_of(line: str) -> int:
    """Return whether a line is a sentence, counts things, or is code, a log's, columns."""
    if _CODE.search(line) or _LOG.search(line) or _COLUMNS.search(line):
        return CODE
    if len(_DIGIT.findall(line)) < 6:
        return SENTENCE
    tokens = _TOKEN.findall(line)
    return COUNTS if sum(1 for token in tokens if _DIGIT.search(token)) >= COUNTED * len(tokens) else SENTENCE
