"""Rules that tell whether the next character of a text stands inside a link.

A value that is restored inside a link can leave with it: a chat window fetches images and previews without asking. An
injected document could make a model write such a link. So unless ``urls`` is granted, tags inside links stay tags.

1. A link begins with ``http:``, ``https:``, ``www.``, ``//``, ``host.tld/`` (or ``?``, ``#``), or as the target of a
   Markdown link, ``](``. Backslashes and escapes do not hide it.
2. It ends at a blank, at ``<`` or ``>``, or at the partner of the quote or bracket it stands in: after ``(`` at the
   ``)`` whose opening is not part of the link. Anything else may be part of a link for some reader, so it does not end
   one: when in doubt, the text is still inside.
3. In an HTML attribute (``="…``) it ends at the quote, and in ``](<…>)`` at ``>``, for blanks are part of it there.
4. In JSON text an unescaped quote ends the string, and the link with it: :meth:`Link.leave`.

The answer depends on the text alone, not on how it was cut into pieces.
"""

from __future__ import annotations

import re

_TRIGGER = re.compile(r"[:/.(?#]")
_BEGINNING = re.compile(r"(?:https?:|//|www\.|\]\(|[\w-]\.[^\W\d_]{2,24}(?::\d{1,5})?[/?#])\Z", re.IGNORECASE)
_BEGINNING_LENGTH = 40
_LOOK_BACK = 128
_OPENING = re.compile(r"[\s<>\"'`(\[{]")
_ATTRIBUTE = re.compile(r"=\s*([\"'])[^\"'<>]*\Z")
_ENDING = re.compile(r"[\s<>\"'`()\[\]{}]")
_PARTNER = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`"}


class Link:
    """Follows one text, with its escapes already resolved."""

    def __init__(self) -> None:
        self.inside = False
        self.fresh = False
        """Whether the link has just begun: nothing of its target has been seen."""
        self._tail = ""
        self._closing = ""
        self._only_closing = False  # rule 3
        self._depth = 0

    def advance(self, text: str) -> None:
        """Read on."""
        text = text.replace("\\", "")
        while text:
            text = self._through(text) if self.inside else self._until(text)

    def leave(self) -> None:
        """The link, if any, ends here."""
        self.inside = self.fresh = False
        self._tail = ""

    def _until(self, text: str) -> str:
        """Read until a link begins; return what is left of the text."""
        seen = self._tail + text
        for trigger in _TRIGGER.finditer(seen, len(self._tail)):
            end = trigger.end()
            beginning = _BEGINNING.search(seen[max(0, end - _BEGINNING_LENGTH) : end])
            if beginning:
                self._enter(seen[max(0, end - _LOOK_BACK) : end], beginning[0])
                return seen[end:]
        self._tail = seen[-_LOOK_BACK:]
        return ""

    def _enter(self, seen: str, beginning: str) -> None:
        before = seen[: -len(beginning)]
        attribute = _ATTRIBUTE.search(before)
        openings = _OPENING.findall(before)
        self.inside = self.fresh = True
        self._depth = 0
        self._only_closing = attribute is not None
        if attribute:
            self._closing = attribute[1]
        elif beginning == "](":
            self._closing = ")"
        else:
            self._closing = _PARTNER.get(openings[-1], "") if openings else ""

    def _through(self, text: str) -> str:
        """Read until the link ends; return what is left of the text."""
        if self.fresh and self._closing == ")" and text[0] == "<":  # rule 3
            self._closing, self._only_closing = ">", True
        self.fresh = False
        for match in _ENDING.finditer(text):
            if self._ends(match[0]):
                self.leave()
                return text[match.end() :]
        return ""

    def _ends(self, char: str) -> bool:
        if char == self._closing and self._depth == 0:
            return True
        if self._only_closing:
            return char == "\n" and self._closing == ">"
        if char == self._closing:
            self._depth -= 1
        elif _PARTNER.get(char) == self._closing:
            self._depth += 1
        return char.isspace() or char in "<>"
