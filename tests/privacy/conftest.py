"""What the tests of this room share: a room without a detector, and answers cut into chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from gateway.domain import Caller, Choice, Chunk, Finding, Grant, Role, Segment
from gateway.privacy.detector import NoDetection
from gateway.privacy.door import Redacted, Restorer
from gateway.privacy.service import PrivacyRoom

CALLER = Caller("k1", "acme", "press-shop", (Role.USER,), "support", "munich", "DE", "DE", "DE")
Redact = Callable[..., Redacted]


@pytest.fixture(scope="session")
def room() -> PrivacyRoom:
    return PrivacyRoom(NoDetection(), lambda tenant: tenant.encode().ljust(32, b"."))


@pytest.fixture(scope="session")
def caller() -> Caller:
    return CALLER


@pytest.fixture(scope="session")
def redact(room: PrivacyRoom) -> Redact:
    """Redact texts in which each (type, value) pair is found wherever it stands."""

    def run(texts: Iterable[str], values: Iterable[tuple[str, str]], **grant: object) -> Redacted:
        segments = [Segment((index,), text) for index, text in enumerate(texts)]
        found = [finding for segment in segments for finding in occurrences(segment, values)]
        options = {"restore": ("text", "arguments", "urls"), **grant}
        return room.redact(segments, found, Grant("t", **options), CALLER, "request-1")  # type: ignore[arg-type]

    return run


def occurrences(segment: Segment, values: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    index = int(segment.path[0])
    spans: list[tuple[int, int, str]] = []
    for type, value in values:
        at = segment.text.find(value)
        while at >= 0:
            spans.append((at, at + len(value), type))
            at = segment.text.find(value, at + len(value))
    end = 0
    for start, stop, type in sorted(spans):
        if start >= end:
            yield Finding(index, start, stop, type, 1.0, "test")
            end = stop


@pytest.fixture(scope="session")
def answer() -> Callable[..., str]:
    """Feed pieces of one text to a restorer and return what came out in all."""

    def run(restorer: Restorer, pieces: Iterable[str]) -> str:
        chunks = [restorer.feed(Chunk((Choice(0, content=piece),))) for piece in pieces]
        chunks.append(restorer.flush())
        return "".join(choice.content or "" for chunk in chunks if chunk for choice in chunk.choices)

    return run
