"""Guards one answer: personal data in it that the caller did not send are masked, or end it.

Rules:

1. Guarding comes before restoring. What is judged is the engine's own answer: text is held until a window of it is
   complete (:mod:`gateway.privacy.sentences`), searched by the same detector as requests, and only then goes on to be
   restored. For the search, tags are read as the values that they stand for, so that a sentence is a sentence.
2. What the caller sent is the caller's (:mod:`gateway.privacy.own`), be it restored or repeated; all else that the
   detector finds is not. Where ``redact`` is set its mask, such as ``<PERSON>``, goes out in its place; where ``block``
   is set the answer ends there: :class:`gateway.errors.OutputBlocked`. Either is counted by type, never by value.
3. A window is searched together with :data:`CONTEXT` code points before it. What a finding has there is out already;
   its rest is masked. One that reaches the end of all that is seen goes on to the end of its word: it may be longer.
4. Text is also searched with its escapes resolved, as often as they are nested: JSON hides nothing.
5. Fail closed: while a search runs nothing goes out, and one that fails or comes too late ends the answer.

The result does not depend on how the answer was cut into chunks, for each choice, its reasoning, its tool calls' names
and their arguments apart.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from gateway.domain import Chunk, Detection, Finding, Segment
from gateway.errors import OutputBlocked
from gateway.privacy.bends import Finder, units
from gateway.privacy.channels import Channels, Key, texts_of
from gateway.privacy.own import Own
from gateway.privacy.redact import Book
from gateway.privacy.sentences import next_window
from gateway.privacy.tags import mask

CONTEXT = 128
_DEEPEST = 3
_WORD = re.compile("[!-~]*")

Detect = Callable[[Sequence[Segment]], Awaitable[Detection]]
View = list[tuple[int, int, str]]
"""A text to search: each of its characters, and the start and end of what it stands for in the answer."""


@dataclass
class _Text:
    """One text of the answer."""

    held: str = ""
    before: str = ""  # the end of what was let go, as the engine wrote it
    ready: str = ""
    masked: int = 0  # how many of the code points that follow belong to what was masked already
    runs_on: bool = False  # and perhaps the rest of a word behind those


class _Case(NamedTuple):
    """``raw[start:end]`` is to be judged; what stands around it helps."""

    text: _Text
    raw: str
    start: int
    end: int
    views: list[View]


class _Span(NamedTuple):
    start: int
    end: int
    type: str


@dataclass
class Guard:
    """See :class:`gateway.privacy.door.Guard`.

    Args:
        detect: raises when the search did not finish.
        mode: :attr:`gateway.domain.Grant.output_guard`.
        book: the tags of the request.
        own: what the caller sent.
    """

    detect: Detect
    mode: Literal["redact", "block"]
    book: Book
    own: Own
    counts: dict[str, int] = field(init=False, default_factory=dict)
    _finder: Finder = field(init=False)
    _channels: Channels = field(init=False)
    _texts: dict[Key, _Text] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._finder = self.book.finder()
        self._channels = Channels(self._write)

    async def feed(self, chunk: Chunk) -> Chunk | None:
        """As :meth:`gateway.privacy.door.Guard.feed`."""
        chunk = _without_logprobs(chunk)
        for key, text in texts_of(chunk):
            self._texts.setdefault(key, _Text()).held += text
        complete = {choice.index for choice in chunk.choices if choice.finish_reason is not None}
        await self._judge(lambda key: key.kind == "name" or key.choice in complete)
        return self._channels.feed(chunk)

    async def flush(self) -> Chunk | None:
        """As :meth:`gateway.privacy.door.Guard.flush`."""
        await self._judge(lambda key: True)
        return self._channels.flush()

    def _write(self, key: Key, text: str, last: bool) -> str:
        of = self._texts[key]
        ready, of.ready = of.ready, ""
        return ready

    async def _judge(self, is_complete: Callable[[Key], bool]) -> None:
        """Search every window that is complete, all at once, and make ready what may go."""
        cases = [case for key, text in self._texts.items() for case in self._cases(text, is_complete(key))]
        segments = [_segment(view) for case in cases for view in case.views]
        if segments:
            detection = await self.detect(segments)
            found: list[list[Finding]] = [[] for _ in segments]
            for finding in detection.findings:
                found[finding.segment].append(finding)
            by_view = iter(found)
            for case in cases:
                spans = [span for view in case.views for span in self._not_own(case, view, next(by_view))]
                self._let_go(case, sorted(spans))

    def _cases(self, text: _Text, complete: bool) -> Iterator[_Case]:
        while window := next_window(text.held, complete):
            start = len(text.before)
            raw = text.before + text.held[: window.seen]
            end = start + window.end
            text.held = text.held[window.end :]
            text.before = raw[max(0, end - CONTEXT) : end]
            yield _Case(text, raw, start, end, self._views(raw))

    def _views(self, raw: str) -> list[View]:
        """Return the text with tags read as values, then with its escapes resolved, once, twice, … (rule 4)."""
        view: View = []
        cursor = 0
        for spot in self._finder.find(raw):
            view += [(at, at + 1, raw[at]) for at in range(cursor, spot.start)]
            view += [(spot.start, spot.end, char) for char in self.book.values[spot.core].text]
            cursor = spot.end
        view += [(at, at + 1, raw[at]) for at in range(cursor, len(raw))]
        views = [view]
        while len(views) <= _DEEPEST:
            deeper = [(view[start][0], view[end - 1][1], char) for start, end, char in units(_read(view))]
            if len(deeper) == len(view):
                break
            views.append(view := deeper)
        return views

    def _not_own(self, case: _Case, view: View, findings: Sequence[Finding]) -> Iterator[_Span]:
        """Yield what was found in the window or reaches into it, and is not the caller's own."""
        for finding in findings:
            characters = view[finding.start : finding.end]
            start, end = characters[0][0], characters[-1][1]
            if end > case.start and start < case.end and not self.own.holds(finding.type, _read(characters)):
                yield _Span(start, end, finding.type)

    def _let_go(self, case: _Case, spans: Sequence[_Span]) -> None:
        text = case.text
        masked_to = case.start + text.masked
        if text.runs_on and (rest := _WORD.match(case.raw, masked_to)):
            masked_to = rest.end()
        text.runs_on = masked_to == len(case.raw) > case.start or any(span.end == len(case.raw) for span in spans)
        parts = []
        cursor = min(masked_to, case.end)
        for span in spans:
            if masked_to == case.start or span.start >= masked_to:
                parts += [case.raw[cursor : max(cursor, span.start)], mask(span.type)]
                self.counts[span.type] = self.counts.get(span.type, 0) + 1
            masked_to = max(masked_to, span.end)
            cursor = min(masked_to, case.end)
        if spans and self.mode == "block":
            raise OutputBlocked
        parts.append(case.raw[cursor : case.end])
        text.masked = max(0, masked_to - case.end)
        text.ready += "".join(parts)


def _read(view: View) -> str:
    return "".join(char for _, _, char in view)


def _segment(view: View) -> Segment:
    return Segment(("answer",), _read(view), "assistant", "out")


def _without_logprobs(chunk: Chunk) -> Chunk:
    """Return the chunk without log probabilities: they spell out what may be masked, and what else was likely."""
    if all(choice.logprobs is None for choice in chunk.choices):
        return chunk
    return Chunk(tuple(msgspec.structs.replace(choice, logprobs=None) for choice in chunk.choices), chunk.usage)
