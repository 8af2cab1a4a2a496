"""Every split of a corpus, by ``chunk-invariance``: deltas, arguments, and the bytes of whole event streams.

The corpus has what splits badly: tags in every bend, escapes, links, JSON in JSON, letters of two to four bytes, two
choices and two tool calls side by side. How the whole gateway fares with ``pii-leak-benchmark`` and ``canarywire``
is in ``tests/clients``.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import pytest
from chunk_invariance import assert_chunk_invariant, assert_chunk_invariant_async

from gateway.domain import Choice, Chunk, Detection, Finding, Segment, ToolCallDelta
from gateway.engines.openai_wire import StreamDecoder
from gateway.privacy.door import Restorer
from gateway.privacy.guard import Guard
from gateway.privacy.own import Own
from gateway.privacy.redact import Book, Value
from gateway.privacy.restore import WayBack

ADA, QUOTE, SITE = "PERSON_7K3M9QX2T4VWB6HD", "PERSON_QQQQ0000QQQQ1111", "URL_ZZZZYYYYXXXXWWWW"
VALUES = {
    "7K3M9QX2T4VWB6HD": Value("PERSON", "山田 太郎"),
    "QQQQ0000QQQQ1111": Value("PERSON", 'Ada "Byron"\n\\ 🏭'),
    "ZZZZYYYYXXXXWWWW": Value("URL", "https://x.example/a"),
}
LINES = [
    f"Dear {ADA}, 拝啓 {ADA.lower()}さん!",
    f"**{ADA.replace('_', chr(92) + '_')}**'s desk, {ADA[:13]}… and {QUOTE}s",
    f"{ADA[7:15]} {ADA[15:]} &#80;ERSON&lowbar;{ADA[7:]} \\u0050{ADA[1:]}",
    f"[x](https://evil.example/{ADA}) ![]({SITE}) ({ADA})",
    "".join(chr(ord(char) + 0xFEE0) for char in ADA) + " 🏭" + "\u200b".join(ADA),
    json.dumps({"to": QUOTE, "n": [1, f"x {ADA}"], "inner": json.dumps({"cc": QUOTE})}),
    f'```json\n{{"a": "{QUOTE}"}}\n``` said "{QUOTE}"',
    "PERSON_7K3M, PERSON_7K3N, PERSON " * 2,
]


def restorer() -> Restorer:
    return WayBack(VALUES, ("text", "arguments")).restorer()


def content(pieces: Iterable[str]) -> Iterator[str]:
    one = restorer()
    for chunk in (*(one.feed(Chunk((Choice(0, content=piece),))) for piece in pieces), one.flush()):
        yield from (choice.content or "" for choice in chunk.choices) if chunk else ()


def arguments(pieces: Iterable[str]) -> Iterator[str]:
    one = restorer()
    calls = (one.feed(Chunk((Choice(0, tool_calls=(ToolCallDelta(0, arguments=piece),)),))) for piece in pieces)
    for chunk in (*calls, one.flush()):
        yield from (call.arguments or "" for choice in chunk.choices for call in choice.tool_calls) if chunk else ()


@pytest.mark.parametrize("channel", [content, arguments])
@pytest.mark.parametrize("line", LINES)
def test_every_split_of_deltas_restores_the_same(channel: Any, line: str) -> None:
    tried = assert_chunk_invariant(channel, lambda text: "".join(channel([text])), line)

    assert tried == len(line)
    assert "".join(channel([line])) != line


def test_every_split_into_three_deltas_restores_the_same() -> None:
    assert_chunk_invariant(content, lambda text: "".join(content([text])), f"a {ADA[:13]}, \\u0050{ADA[1:]}s", splits=3)


async def detect(segments: Sequence[Segment]) -> Detection:
    """Find whatever is written in capitals with a number, such as ``BOB 12``."""
    await asyncio.sleep(0)
    return Detection(
        tuple(
            Finding(index, match.start(), match.end(), "PERSON", 1.0, "test")
            for index, segment in enumerate(segments)
            for match in re.finditer(r"[A-ZÖ]{2,} \d+", segment.text)
        ),
        "test/1",
    )


def guard() -> Guard:
    return Guard(detect, "redact", Book(b"k" * 32, dict(VALUES)), Own(["I am ADA 36."]))


GUARDED = [
    "Ask BOB 12 or ADA 36 at once, please do. And also CAROL 7.\nThen some more words follow here. BOB 1",
    json.dumps({"who": "B\u00d6B 12", "why": "CAROL 7"}) + f" {ADA} and BOB 12",
    "x" * 380 + " BOB 12 " + "x" * 150,
]


@pytest.mark.parametrize("line", GUARDED)
async def test_every_split_of_deltas_is_guarded_the_same(line: str) -> None:
    async def stream(pieces: AsyncIterable[str]) -> AsyncIterator[str]:
        one, back = guard(), restorer()
        async for piece in pieces:
            passed = await one.feed(Chunk((Choice(0, content=piece),)))
            restored = back.feed(passed) if passed else None
            yield "".join(choice.content or "" for choice in restored.choices) if restored else ""
        rest = [passed and back.feed(passed) if (passed := await one.flush()) else None, back.flush()]
        yield "".join(choice.content or "" for chunk in rest if chunk for choice in chunk.choices)

    async def whole(text: str) -> str:
        return "".join([piece async for piece in stream(_one(text))])

    assert await assert_chunk_invariant_async(stream, whole, line) == len(line)
    assert not {"BOB", "CAROL", "BÖB"} & set(re.findall(r"\w+", await whole(line)))


async def _one(text: str) -> AsyncIterator[str]:
    yield text


def events(newline: bytes) -> bytes:
    """Return an engine's stream: two choices and two calls that grow side by side, three characters at a time."""
    deltas: list[dict[str, Any]] = []
    texts = [LINES[0], LINES[1]]
    calls = [json.dumps({"to": ADA}, ensure_ascii=False), json.dumps({"cc": QUOTE})]
    for at in range(0, 60, 7):
        for index, text in enumerate(texts):
            deltas.append({"index": index, "delta": {"content": text[at : at + 7]}})
        for index, call in enumerate(calls):
            part = {"index": index, "function": {"arguments": call[at : at + 7]}}
            deltas.append({"index": 0, "delta": {"tool_calls": [part]}})
    deltas += [{"index": index, "delta": {}, "finish_reason": "stop"} for index in range(2)]
    lines = [b"data: " + json.dumps({"choices": [delta]}, ensure_ascii=False).encode() for delta in deltas]
    return b": hello" + newline * 2 + b"".join(line + newline * 2 for line in (*lines, b"data: [DONE]"))


def outcome(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Decode and restore a stream; yield what its texts are in the end, as JSON."""
    decoder, one = StreamDecoder(), restorer()
    texts: dict[str, str] = {}
    for chunk in (one.feed(chunk) for part in parts for chunk in decoder.feed(part)):
        for choice in chunk.choices if chunk else ():
            texts[f"{choice.index}"] = texts.get(f"{choice.index}", "") + (choice.content or "")
            for call in choice.tool_calls:
                name = f"{choice.index}.{call.index}"
                texts[name] = texts.get(name, "") + (call.arguments or "")
    decoder.end()
    yield json.dumps(texts, sort_keys=True).encode()


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_every_split_of_the_bytes_of_an_event_stream_comes_out_the_same(newline: bytes) -> None:
    stream = events(newline)

    assert_chunk_invariant(outcome, lambda data: b"".join(outcome([data])), stream)

    texts = json.loads(b"".join(outcome([stream])))
    assert texts["0"] == "Dear 山田 太郎, 拝啓 山田 太郎さん!"
    assert json.loads(texts["0.0"]) == {"to": "山田 太郎"}
    assert json.loads(texts["0.1"]) == {"cc": VALUES["QQQQ0000QQQQ1111"].text}
