"""Redaction of one request for one target: values become tags, hashes or masks, and the way back stays here.

Rules:

1. A grant's operator for a finding is that of its type, else that of ``*``, else ``pseudonymise``: silence never lets a
   value through.
2. The same value has the same tag wherever it stands in the request (:mod:`gateway.privacy.tags`).
3. Text that would be read as one of this request's tags is itself replaced by a tag of type ``TAG`` that stands for
   just that text. So nothing that a user, a document or an earlier answer holds is ever restored to another's value.
   As new tags could be typed as well, this goes on until no text is left that would be read as one.
4. Where such text and a finding overlap, or two findings, they are replaced together, as the longest of those says that
   leaves the least (``redact``, ``mask``, ``hash``, ``pseudonymise``). Nothing of the shorter one stays.
5. One pass, from left to right: what stands in place of a value is never searched again.

No value, tag or key is ever logged or shown by ``repr``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gateway.domain import Finding
from gateway.kinds import GROUP_OF
from gateway.privacy.bends import Finder, Spot
from gateway.privacy.tags import REDACTED, canonical, core, hashed, mask, tag_type

Operator = Literal["keep", "pseudonymise", "mask", "hash", "redact"]
LITERAL_TYPE = "TAG"
_LEFT = {"redact": 0, "mask": 1, "hash": 2, "pseudonymise": 3, "keep": 4}  # how much of a value an operator leaves


class Value(NamedTuple):
    """What a tag stands for."""

    type: str  # as the tag writes it
    text: str


class _Span(NamedTuple):
    """``text[start:end]`` is to be replaced."""

    start: int
    end: int
    type: str
    operator: Operator

    def joined(self, other: _Span) -> _Span:
        """Return one span over both (rule 4)."""
        first = min(self, other, key=lambda span: (_LEFT[span.operator], span.start - span.end))
        return first._replace(start=min(self.start, other.start), end=max(self.end, other.end))


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
    return redact.get(type) or redact.get(GROUP_OF.get(type, "*")) or redact.get("*") or "pseudonymise"


def redact(
    texts: Sequence[str], findings: Sequence[Finding], operators: Mapping[str, Operator], key: bytes
) -> Redaction:
    """Return the texts without what the findings found.

    Args:
        texts: one per segment.
        findings: sorted by (segment, start).
        operators: :attr:`gateway.domain.Grant.redact`.
        key: the scope's key.
    """
    book = Book(key)
    found = _to_replace(findings, operators)
    if not found:
        return Redaction(list(texts), {}, book)
    while True:
        size = len(book.values)
        written, counts = _write(texts, found, book)
        if len(book.values) == size:
            return Redaction(written, counts, book)


def _to_replace(findings: Iterable[Finding], operators: Mapping[str, Operator]) -> dict[int, list[_Span]]:
    """Return what is not kept, by segment."""
    found: dict[int, list[_Span]] = {}
    for finding in findings:
        what = operator(operators, finding.type)
        if what != "keep":
            found.setdefault(finding.segment, []).append(_Span(finding.start, finding.end, finding.type, what))
    return {segment: _apart(spans) for segment, spans in found.items()}


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
    """Return findings and text that reads as a tag, in order, overlapping ones as one span (rules 3 and 4)."""
    if not typed:
        return list(found)
    literal = [_Span(spot.start, spot.end, LITERAL_TYPE, "pseudonymise") for spot in typed]
    return _apart(sorted([*found, *literal]))


def _apart(spans: Iterable[_Span]) -> list[_Span]:
    """Return sorted spans with overlapping ones joined."""
    apart: list[_Span] = []
    for span in spans:
        if apart and span.start < apart[-1].end:
            apart[-1] = apart[-1].joined(span)
        else:
            apart.append(span)
    return apart


def _replace(text: str, spans: Sequence[_Span], book: Book) -> str:
    parts = []
    cursor = 0
    for span in spans:
        parts.append(text[cursor : span.start])
        parts.append(_in_place_of(text[span.start : span.end], span, book))
        cursor = span.end
    parts.append(text[cursor:])
    return "".join(parts)


def _in_place_of(value: str, span: _Span, book: Book) -> str:
    match span.operator:
        case "redact":
            return REDACTED
        case "mask":
            return mask(span.type)
        case "hash":
            return hashed(book.key, span.type, value)
        case _:
            return book.tag(span.type, value)
