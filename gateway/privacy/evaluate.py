"""How well a detector finds: the rules of scoring. Takes labels and spans, returns figures; reads and writes nothing.

1. Types and labels are mapped to four kinds: PERSON, ADDRESS, CONTACT, ID (:func:`kind_of`). Dates, organisations,
   marks and whatever else has no kind count neither for nor against.
2. A corpus labels some of the kinds. What is found of another kind is left out: sentences whose people are labelled
   say nothing about addresses.
3. A labelled span is *found* when at least 80 % of its characters lie in found spans, of whichever kind the corpus has.
   It is found *as its kind* when spans of its own kind alone cover that much.
4. Character precision is the share of found characters that lie in labelled spans, again of whichever kind.
5. In a text that holds nothing personal every span of any type is a false alarm, given per 1,000 tokens. A token is
   what stands between white space; each Chinese or Japanese character is one of its own.

Example::

    score = Score(kinds={"PERSON"})
    score.add("en", "Ask Anna.", [(4, 8, "PERSON")], [Span(4, 8, "PERSON", 0.85, "name:x")])
    score.total().recall  # 1.0
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.privacy.span import Span

ENOUGH = 0.8
"""The share of a labelled span's characters that must be covered for it to count as found."""

Label = tuple[int, int, str]
"""``(start, end, kind)`` in code points."""

KINDS = ("PERSON", "ADDRESS", "CONTACT", "ID")

_KIND_OF = {
    "PERSON": "PERSON",
    "FAMILY": "PERSON",
    "GIVEN": "PERSON",
    "ADDRESS": "ADDRESS",
    "LOCATION": "ADDRESS",
    "STREET_ADDRESS": "ADDRESS",
    "ZIP_CODE": "ADDRESS",
    "UK_POSTCODE": "ADDRESS",
    "GPE": "ADDRESS",
    "CONTACT": "CONTACT",
    "EMAIL": "CONTACT",
    "EMAIL_ADDRESS": "CONTACT",
    "PHONE": "CONTACT",
    "PHONE_NUMBER": "CONTACT",
    "FAX_NUMBER": "CONTACT",
    "URL": "CONTACT",
    "DOMAIN_NAME": "CONTACT",
}

_NO_KIND = frozenset(
    "DATE DATE_TIME DATE_OF_BIRTH TIME AGE GENDER NRP ORGANIZATION TITLE PREFIX PROFESSION CLASSIFICATION "
    "CLASSIFICATION_MARK MARK MONEY SPECIAL".split()
)

_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)


def kind_of(type: str) -> str:
    """Return the kind of a type or label; "" for those that have none. An unknown type identifies somebody: ID."""
    name = type.upper()
    if name in _NO_KIND:
        return ""
    if name.endswith(("_ADDRESS_LINE", "_POSTAL_CODE", "_POSTAL_ADDRESS")):
        return "ADDRESS"
    return _KIND_OF.get(name, "ID")


def tokens(text: str) -> int:
    """Return how many tokens a text has, by rule 5."""
    return sum(1 for _ in _TOKEN.finditer(text))


@dataclass
class Figures:
    """Counts, and the shares that follow from them. A share of nothing is ``None``."""

    wanted: int = 0  # labelled spans
    found: int = 0  # of them, found
    as_kind: int = 0  # of them, found as their kind
    chars_found: int = 0
    chars_right: int = 0

    @property
    def recall(self) -> float | None:
        return self.found / self.wanted if self.wanted else None

    @property
    def recall_as_kind(self) -> float | None:
        return self.as_kind / self.wanted if self.wanted else None

    @property
    def precision(self) -> float | None:
        return self.chars_right / self.chars_found if self.chars_found else None

    def add(self, other: Figures) -> None:
        for name in ("wanted", "found", "as_kind", "chars_found", "chars_right"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True)
class Verdict:
    """What was wrong in one text."""

    missed: tuple[Label, ...] = ()
    extra: tuple[Span, ...] = ()  # found where nothing is labelled


@dataclass
class Score:
    """Adds up verdicts over texts.

    Args:
        kinds: which of :data:`KINDS` the corpus labels; others are left out on both sides.
    """

    kinds: Collection[str] = KINDS
    by: dict[tuple[str, str], Figures] = field(default_factory=dict)  # (kind, language)
    by_label: dict[str, Figures] = field(default_factory=dict)  # the corpus's own labels: recall only
    texts: int = 0
    chars: int = 0

    def add(self, lang: str, text: str, labels: Iterable[Label], spans: Iterable[Span]) -> Verdict:
        """Count one text; return what was missed and what was found without a label."""
        wanted = [label for label in labels if kind_of(label[2]) in self.kinds]
        found = [span for span in spans if kind_of(span.type) in self.kinds]
        self.texts += 1
        self.chars += len(text)
        missed = tuple(label for label in wanted if not self._add_label(lang, label, found))
        extra = tuple(span for span in found if not self._add_span(lang, span, wanted))
        return Verdict(missed, extra)

    def _add_label(self, lang: str, label: Label, found: Sequence[Span]) -> bool:
        start, end, name = label
        kind = kind_of(name)
        least = ENOUGH * (end - start)
        hit = covered(start, end, ((span.start, span.end) for span in found)) >= least
        own = covered(start, end, ((span.start, span.end) for span in found if kind_of(span.type) == kind)) >= least
        one = Figures(wanted=1, found=int(hit), as_kind=int(own))
        self.by.setdefault((kind, lang), Figures()).add(one)
        self.by_label.setdefault(name, Figures()).add(one)
        return hit

    def _add_span(self, lang: str, span: Span, wanted: Sequence[Label]) -> bool:
        right = covered(span.start, span.end, ((start, end) for start, end, _ in wanted))
        one = Figures(chars_found=span.end - span.start, chars_right=right)
        self.by.setdefault((kind_of(span.type), lang), Figures()).add(one)
        return right > 0

    def total(self, *, kind: str = "", lang: str = "") -> Figures:
        """Return the figures of a kind, of a language, or of all."""
        total = Figures()
        for (its_kind, its_lang), figures in self.by.items():
            if kind in {"", its_kind} and lang in {"", its_lang}:
                total.add(figures)
        return total


def covered(start: int, end: int, stretches: Iterable[tuple[int, int]]) -> int:
    """Return how many of the characters ``[start, end)`` lie in one stretch or more."""
    count, at = 0, start
    for low, high in sorted(stretches):
        first, last = max(low, at), min(high, end)
        if first < last:
            count += last - first
            at = last
    return count


@dataclass
class Alarms:
    """False alarms in texts that hold nothing personal."""

    spans: int = 0
    tokens: int = 0
    by_type: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, spans: Iterable[Span]) -> None:
        self.tokens += tokens(text)
        for span in spans:
            self.spans += 1
            self.by_type[span.type] = self.by_type.get(span.type, 0) + 1

    @property
    def per_thousand(self) -> float | None:
        return 1000 * self.spans / self.tokens if self.tokens else None
