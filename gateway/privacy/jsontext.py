"""Rules that tell whether the next character of an answer stands inside a JSON string, and how deep.

A value that is restored inside a JSON string must be escaped for it, or the JSON breaks. Models write JSON where they
are told to (JSON mode) and where they are not, so the text itself decides:

1. It is JSON as long as it begins with ``{`` or ``[`` and nothing but JSON stands outside its strings. A line
   ```` ```json ```` begins anew.
2. A string whose text begins with ``{`` or ``[`` may be JSON itself; then a value in a string of that is two deep, and
   is escaped twice. At most :data:`DEEPEST`.

The answer depends on the text alone, not on how it was cut into pieces.
"""

from __future__ import annotations

import json
import re

DEEPEST = 3

_START, _OUTSIDE, _STRING, _PROSE = range(4)
_NO_STRING = re.compile(r"[\s{}\[\]:,0-9+\-.eEtrufalsn]*")
_IN_STRING = re.compile(r'(?:[^"\\]+|\\(?:u[0-9a-fA-F]{4}|[^u]))*')
_CUT = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_FENCE = re.compile(r"(?:\A|\n)[ \t]*(?:```|~~~)[ \t]*json[^\n]*\n", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_LONGEST_LINE = 40


class JsonText:
    """Follows one text."""

    def __init__(self, level: int = 1) -> None:
        self._level = level
        self._state = _START
        self._inner: JsonText | None = None
        self._cut = ""  # in a string: an escape that may go on
        self._line = ""  # in prose: the line so far, if it may be a fence

    @property
    def depth(self) -> int:
        """How many strings the next character stands in; 0 where it is not JSON or not in a string."""
        if self._state != _STRING:
            return 0
        return 1 + (self._inner.depth if self._inner else 0)

    def advance(self, text: str) -> None:
        """Read on."""
        steps = (self._start, self._outside, self._string, self._prose)
        while text:
            text = steps[self._state](text)

    def _start(self, text: str) -> str:
        text = text.lstrip()
        if text:
            self._state = _OUTSIDE if text[0] in "{[" else _PROSE
        return text

    def _outside(self, text: str) -> str:
        match = _NO_STRING.match(text)
        end = match.end() if match else 0
        if end == len(text):
            return ""
        if text[end] != '"':
            self._state, self._line = _PROSE, "`"  # a line that is no fence
            return text[end:]
        self._state = _STRING
        self._inner = JsonText(self._level + 1) if self._level < DEEPEST else None
        return text[end + 1 :]

    def _string(self, text: str) -> str:
        text, self._cut = self._cut + text, ""
        match = _IN_STRING.match(text)
        end = match.end() if match else 0
        if self._inner:
            self._inner.advance(_ESCAPE.sub(_unescape, text[:end]))
        if _CUT.match(text, end):
            self._cut = text[end:]
            return ""
        if text[end : end + 1] == '"':
            self._state = _OUTSIDE
        return text[end + 1 :]

    def _prose(self, text: str) -> str:
        if self._level > 1:
            return ""
        seen = self._line + text
        fence = _FENCE.search(seen)
        if fence:
            self._state, self._line = _START, ""
            return seen[fence.end() :]
        newline = seen.rfind("\n")
        self._line = seen[newline:][:_LONGEST_LINE] if newline >= 0 else seen[:_LONGEST_LINE]
        return ""


def _unescape(match: re.Match[str]) -> str:
    what = match[1]
    return chr(int(what[1:], 16)) if len(what) > 1 else _ESCAPED.get(what, what)


def escaped(text: str, depth: int) -> str:
    """Return the text as it is written inside so many JSON strings."""
    for _ in range(depth):
        text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text
