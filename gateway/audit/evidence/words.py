"""The words of reports, in four languages: ``words/en.yaml`` and its sisters, all with the same keys. Pure but for
reading them once.

::

    words = Words("de")
    words("summary_no_gaps")
    words("tile_decisions")
    words.event("policy.activated")
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from gateway.audit.evidence.document import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
FOLDER = Path(__file__).with_name("words")


class Words:
    """The texts of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        found = read(language)
        self._texts: dict[str, str] = found["texts"]
        self._events: dict[str, str] = found["events"]
        self.codes: dict[str, str] = found["codes"]
        self.name: str = found["language"]
        self.verify: str = found["VERIFY"]

    def __call__(self, key: str, **given: str) -> str:
        return self._texts[key].format_map(given) if given else self._texts[key]

    def event(self, kind: str) -> str:
        """Return what happened; a type without a name as it is, and a failure as one."""
        if kind.endswith(".failed") and kind.removesuffix(".failed") in self._events:
            return f"{self._events[kind.removesuffix('.failed')]} ({self('outcome_failed')})"
        return self._events.get(kind, kind)


@cache
def read(language: str) -> dict[str, Any]:
    """Return a language's file."""
    return cast(dict[str, Any], msgspec.yaml.decode((FOLDER / f"{language}.yaml").read_bytes()))
