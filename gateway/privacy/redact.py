"""Redaction of one request for one target: values become tags or masks, and the way back stays here.

Rules:

1. A grant's operator for a finding is that of its type, else that of ``*``, else ``tag``: silence never lets a value
   through.
2. The same value has the same tag wherever it stands in the request (:mod:`gateway.privacy.tags`).
3. Text that would be read as one of this request's tags is itself replaced by a tag of type ``TAG`` that stands for
   just that text. So nothing that a user, a document or an earlier answer holds is ever restored to another's value.
   As new tags could be typed as well, this goes on until no text is left that would be read as one.
4. Where such text and a finding overlap, they are replaced together: masked if the finding was to be masked.

No value, tag or key is ever logged or shown by ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gateway.domain import Finding
from gateway.privacy.bends import Finder, Spot
from gateway.privacy.tags import canonical, core, mask, tag_type

Operator = Literal["keep", "tag", "mask"]
LITERAL_TYPE = "TAG"


class Value(NamedTuple):
    """What a tag stands for."""

    type: str  # as the tag writes it
    text: str


class _Span(NamedTuple):
    """``text[start:end]`` is to be replaced."""

    start: int
    end: int
    type: str
    masked: bool


@dataclass
class Book:
    """The tags of one request, by core: the only way back from tags to values."""

    key: bytes = field(repr=False)
    values: dict[str, Value] = field(default_factory=dict, repr=False)
    _cores: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _spellings: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def tag(self, type: str, text: str) -> str:
        """Return the tag of a value, made if it is new."""
        known = self._cores.get((type, text))
        if known is None:
            known = self._cores[type, text] = self._make(type, text)
        return f"{self.values[known].type}_{known}"

    def _make(self, type: str, text: str) -> str:
        same = canonical(type, text)
        first = self._spellings.setdefault((type, same), text)
        parts = (type, same) if first == text else (type, same, text)
        value = Value(tag_type(type), text)
        made = core(self.key, *parts)
        while self.values.setdefault(made, value) != value:  # two values with the same 80 bits
            parts = (*parts, "again")
            made = core(self.key, *parts)
        return made

    def finder(self) -> Finder:
        return Finder({made: value.type for made, value in self.values.items()})


class Redaction(NamedTuple):
    """Texts ready to be sent, how many values were replaced by type, and the way back."""

    texts: list[str]
    counts: dict[str, int]
    book: Book


def operator(redact: Mapping[str, Operator], type: str) -> Operator:
    """Return what a grant says of a finding's type (rule 1)."""
    return redact.get(type) or redact.get("*") or "tag"


def redact(
    texts: Sequence[str], findings: Sequence[Finding], operators: Mapping[str, Operator], key: bytes
) -> Redaction:
    """Return the texts without what the findings found.

    Args:
        texts: one per segment.
        findings: sorted by (segment, start), not overlapping.
        operators: :attr:`gateway.domain.Grant.redact`.
        key: the scope's key.
    """
    book = Book(key)
    found: dict[int, list[_Span]] = {}
    for finding in findings:
        what = operator(operators, finding.type)
        if what != "keep":
            span = _Span(finding.start, finding.end, finding.type, what == "mask")
            found.setdefault(finding.segment, []).append(span)
    if not found:
        return Redaction(list(texts), {}, book)
    while True:
        size = len(book.values)
        written, counts = _write(texts, found, book)
        if len(book.values) == size:
            return Redaction(written, counts, book)


def _write(texts: Sequence[str], found: Mapping[int, list[_Span]], book: Book) -> tuple[list[str], dict[str, int]]:
    """Return the texts as they read with the tags known so far; further tags that they need go into the book."""
    finder = book.finder()
    written = []
    counts: dict[str, int] = {}
    for index, text in enumerate(texts):
        spans = _together(found.get(index, ()), finder.find(text))
        for span in spans:
            counts[span.type] = counts.get(span.type, 0) + 1
        written.append(_replace(text, spans, book) if spans else text)
    return written, counts


def _together(found: Sequence[_Span], typed: Sequence[Spot]) -> list[_Span]:
    """Return findings and text that reads as a tag, in order; overlapping ones as one span (rules 3 and 4)."""
    if not typed:
        return list(found)
    spans: list[_Span] = []
    for span in sorted([*found, *(_Span(spot.start, spot.end, LITERAL_TYPE, False) for spot in typed)]):
        if spans and span.start < spans[-1].end:
            last = spans.pop()
            masked = next((each for each in (last, span) if each.masked), None)
            type = masked.type if masked else LITERAL_TYPE
            span = _Span(last.start, max(last.end, span.end), type, masked is not None)  # noqa: PLW2901
        spans.append(span)
    return spans


def _replace(text: str, spans: Sequence[_Span], book: Book) -> str:
    parts = []
    cursor = 0
    for span in spans:
        parts.append(text[cursor : span.start])
        parts.append(mask(span.type) if span.masked else book.tag(span.type, text[span.start : span.end]))
        cursor = span.end
    parts.append(text[cursor:])
    return "".join(parts)
