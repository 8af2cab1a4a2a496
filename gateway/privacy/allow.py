"""What a project has declared to be no personal data: part numbers, public contacts. Rules only; nothing is read here.

``privacy.allow`` maps a project to texts and globs::

    privacy:
      allow:
        bodyshop: ["4G0-*-???", "info@example.com", "+49 841 89-0"]

1. A finding is dropped when its whole value matches an entry of the caller's project, and only then: an entry never
   reaches into a longer value.
2. ``*`` stands for any characters, ``?`` for one; everything else for itself. Width (NFKC), case and runs of white
   space do not count.
3. Secrets and classification marks are never dropped, whatever an entry says.
4. An entry that says almost nothing (fewer than three letters or digits) is refused: it would switch detection off.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.errors import SetupError
from gateway.privacy.patterns.rule import Rule
from gateway.privacy.span import Span

LONGEST = 256
"""Values with more characters than this are never dropped."""

LEAST = 3
_PROTECTED_FAMILIES = frozenset({"secrets", "marks"})


def protected_types(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the types that no allow-list drops."""
    return frozenset({rule.type for rule in rules if rule.family in _PROTECTED_FAMILIES} | {"URL_CREDENTIALS"})


class _Part(NamedTuple):
    """What stands between two stars of a glob: an expression without a repeat, and how many characters it takes."""

    expression: re.Pattern[str]
    length: int


class AllowList:
    """The entries of one project.

    Args:
        entries: texts and globs.
        protected: types that are kept whatever an entry says.

    Raises:
        SetupError: an entry that would allow almost everything.
    """

    def __init__(self, entries: Iterable[str], protected: Collection[str]) -> None:
        plain = [_plain(entry) for entry in entries]
        for entry in plain:
            if sum(map(str.isalnum, entry)) < LEAST:
                mend = f"It needs {LEAST} letters or digits at least, beside * and ?."
                raise SetupError(f"`privacy.allow` has an entry that allows too much: {entry}", mend, exit_code=2)
        self._protected = frozenset(protected)
        self._texts = frozenset(entry for entry in plain if not set(entry) & {"*", "?"})
        self._globs = [_compiled(entry) for entry in plain if set(entry) & {"*", "?"}]

    def without_allowed(self, text: str, spans: Sequence[Span]) -> list[Span]:
        """Return the spans of ``text`` that no entry allows, in their order."""
        if not self._texts and not self._globs:
            return list(spans)
        return [span for span in spans if not self._allows(text, span)]

    def _allows(self, text: str, span: Span) -> bool:
        if span.type in self._protected or span.end - span.start > LONGEST:
            return False
        value = _plain(text[span.start : span.end])
        return value in self._texts or any(_matches(glob, value) for glob in self._globs)


def allow_lists(allow: Mapping[str, Sequence[str]], rules: Iterable[Rule]) -> dict[str, AllowList]:
    """Return the list of each project that has one. Raises SetupError."""
    protected = protected_types(rules)
    return {project: AllowList(entries, protected) for project, entries in allow.items()}


def _plain(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _compiled(entry: str) -> tuple[_Part, ...]:
    """Return a glob as the parts between its stars."""
    return tuple(_part(part) for part in entry.split("*"))


def _part(part: str) -> _Part:
    expression = "".join("." if sign == "?" else re.escape(sign) for sign in part)
    return _Part(re.compile(expression, re.DOTALL), len(part))


def _matches(glob: tuple[_Part, ...], value: str) -> bool:
    """Whether the parts stand in the value in order, the first at its start and the last at its end.

    The leftmost place of each part leaves the most room for the next, so nothing is tried twice.
    """
    first, *others = glob
    if not first.expression.match(value):
        return False
    at = first.length
    for part in others[:-1]:
        found = part.expression.search(value, at)
        if found is None:
            return False
        at = found.end()
    start = len(value) - glob[-1].length
    fits = start >= at if others else start == 0
    return fits and glob[-1].expression.match(value, start) is not None
