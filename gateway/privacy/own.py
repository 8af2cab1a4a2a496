"""Rules that tell whether a value in an answer is one that the caller itself sent."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.privacy.tags import canonical, is_compact

_SCRIPTS_WITHOUT_BLANKS = 0x2E80  # from the CJK radicals on, no blank parts one word from the next
_FEWEST = 5


class Own:
    """The texts of a request, to look values up in.

    A value is the caller's own if it stands in them in canonical form (:func:`gateway.privacy.tags.canonical`), not as
    a part of a longer word. Numbers are compared bare, whatever stands between their groups.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._plain: str | None = None  # made when first needed: most answers hold nothing
        self._bare = ""

    def holds(self, type: str, value: str) -> bool:
        """Whether the caller sent it."""
        if self._plain is None:
            self._plain = canonical("", "\n".join(self._texts))
            self._bare = "".join(char for char in self._plain if char.isalnum() or char == "+")
        if is_compact(type) and len(bare := canonical(type, value)) >= _FEWEST and bare in self._bare:
            return True
        return _stands_in(canonical("", value), self._plain)


def _stands_in(value: str, text: str) -> bool:
    at = text.find(value) if value else -1
    while at >= 0:
        end = at + len(value)
        if not _joined(text[at - 1 : at], value[0]) and not _joined(value[-1], text[end : end + 1]):
            return True
        at = text.find(value, at + 1)
    return False


def _joined(left: str, right: str) -> bool:
    """Whether two neighbours are part of one word."""
    return left.isalnum() and right.isalnum() and max(left, right) < chr(_SCRIPTS_WITHOUT_BLANKS)
