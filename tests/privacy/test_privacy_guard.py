"""Guarding answers: what goes out, what does not, and that it does not hang on how the answer came in."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Choice, Chunk, Detection, Finding, Segment, ToolCallDelta, Usage
from gateway.errors import DetectorUnavailable, OutputBlocked
from gateway.privacy.guard import Guard
from gateway.privacy.own import Own
from gateway.privacy.redact import Book
from gateway.privacy.sentences import LONGEST_WINDOW, OVERLAP, next_window

SENT = ["Write to Ada Lovelace, +49 841 12345, about Carl."]
FOUND = {
    "PERSON": r"\b(?:Ada|Bob Bolt|Carl|Dörte)(?: Lovelace)?",
    "EMAIL_ADDRESS": r"[\w.]+@[\w.]+\w",
    "PHONE_NUMBER": r"\+\d[\d /-]{6,}\d",
    "BADGE": r"(?<=badge is\n)\w+(?: \d+)?",
    "STREET": r"Nordweg\n\d+",
}


class Detector:
    """Finds the words above. A tour: ``texts`` is all it was asked for, ``error`` is what it raises from then on."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.error: Exception | None = None

    async def detect(self, segments: Sequence[Segment]) -> Detection:
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        self.texts += [segment.text for segment in segments]
        return Detection(tuple(self._find(segments)), "test/1")

    def _find(self, segments: Sequence[Segment]) -> Iterable[Finding]:
        for index, segment in enumerate(segments):
            spans = [
                (m.start(), m.end(), type) for type, rule in FOUND.items() for m in re.finditer(rule, segment.text)
            ]
            yield from (Finding(index, start, end, type, 1.0, "test") for start, end, type in sorted(spans))


def guard(mode: Any = "redact", detector: Detector | None = None, book: Book | None = None) -> Guard:
    return Guard((detector or Detector()).detect, mode, book or Book(b"k" * 32), Own(SENT))


async def said(one: Guard, pieces: Iterable[str], kind: str = "content") -> str:
    def chunk(piece: str) -> Chunk:
        if kind == "arguments":
            return Chunk((Choice(0, tool_calls=(ToolCallDelta(0, arguments=piece),)),))
        return Chunk((Choice(0, content=piece) if kind == "content" else Choice(0, reasoning=piece),))

    chunks = [await one.feed(chunk(piece)) for piece in pieces] + [await one.flush()]
    choices = [choice for chunk in chunks if chunk for choice in chunk.choices]
    if kind == "arguments":
        return "".join(call.arguments or "" for choice in choices for call in choice.tool_calls)
    return "".join(getattr(choice, kind) or "" for choice in choices)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nothing here.", "Nothing here."),
        ("Ask Bob Bolt.", "Ask <PERSON>."),
        ("Ask bob@x.example or Bob Bolt", "Ask <EMAIL_ADDRESS> or <PERSON>"),
        ("Ada Lovelace, ADA, Carl: +4984112345.", "Ada Lovelace, ADA, Carl: +4984112345."),
        ("Call +49 841 99999.", "Call <PHONE_NUMBER>."),
        ("Adam Carl", "Adam Carl"),
        ("Dörte Lovelace", "<PERSON>"),
    ],
)
async def test_what_the_caller_did_not_send_is_masked(text: str, expected: str) -> None:
    assert await said(guard(), [text]) == expected


@pytest.mark.parametrize("kind", ["content", "reasoning", "arguments"])
async def test_every_text_of_an_answer_is_guarded(kind: str) -> None:
    assert await said(guard(), ["Ask Bob", " Bolt", " now"], kind) == "Ask <PERSON> now"
    with pytest.raises(OutputBlocked):
        await said(guard("block"), ["Ask Bob", " Bolt", " now"], kind)


async def test_a_name_of_a_tool_call_is_guarded() -> None:
    chunk = Chunk((Choice(0, tool_calls=(ToolCallDelta(0, "c1", "mail_bob@x.example", "{}"),)),))

    passed = await guard().feed(chunk)

    assert passed and passed.choices[0].tool_calls == (ToolCallDelta(0, "c1", "<EMAIL_ADDRESS>"),)


async def test_what_is_the_callers_own_is_not_blocked() -> None:
    assert await said(guard("block"), ["Ada Lovelace."]) == "Ada Lovelace."


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_escapes_hide_nothing(depth: int) -> None:
    text = "Ask D\\u00f6rte"
    for _ in range(depth - 1):
        text = json.dumps(text)[1:-1]
    arguments = f'{{"q": "{text}", "to": "bob\\u0040x.example"}}'

    passed = json.loads(await said(guard(), [arguments], "arguments"))

    assert passed == {"q": "Ask <PERSON>", "to": "<EMAIL_ADDRESS>"}


async def test_a_tag_is_read_as_its_value_and_goes_on_as_it_is() -> None:
    detector, book = Detector(), Book(b"k" * 32)
    tag = book.tag("PERSON", "Ada Lovelace")

    assert await said(guard("block", detector, book), [f"Dear {tag[:9]}", f"{tag[9:]}!"]) == f"Dear {tag}!"
    assert detector.texts == ["Dear Ada Lovelace!"]


async def test_text_waits_for_the_end_of_its_sentence() -> None:
    one = guard()

    first = await one.feed(Chunk((Choice(0, content="This is the first sentence of all. And"),)))
    second = await one.feed(Chunk((Choice(0, content=" more"),), Usage(1, 2)))
    last = await one.feed(Chunk((Choice(0, content=".", finish_reason="stop"),)))

    assert first == Chunk((Choice(0, content="This is the first sentence of all."),))
    assert second == Chunk((), Usage(1, 2))
    assert last == Chunk((Choice(0, content=" And more.", finish_reason="stop"),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The number that is on the badge is\nK77 today.", "The number that is on the badge is\n<BADGE> today."),
        (
            "The address asked for would be Nordweg\n12, here.",
            "The address asked for would be Nordweg\n<STREET>, here.",
        ),
    ],
)
async def test_what_stands_before_a_window_helps_to_judge_it(text: str, expected: str) -> None:
    assert await said(guard(), [text]) == expected


async def test_log_probabilities_are_dropped() -> None:
    passed = await guard().feed(Chunk((Choice(0, content="Hi", logprobs={"content": []}, finish_reason="stop"),)))

    assert passed == Chunk((Choice(0, content="Hi", finish_reason="stop"),))


async def test_a_search_that_fails_lets_nothing_out() -> None:
    detector = Detector()
    one = guard(detector=detector)
    await one.feed(Chunk((Choice(0, content="Held back"),)))
    detector.error = DetectorUnavailable(code="privacy.detector_timeout")

    with pytest.raises(DetectorUnavailable):
        await one.flush()


async def test_choices_and_calls_are_held_apart() -> None:
    one = guard()
    await one.feed(Chunk((Choice(0, content="Ask Bob"), Choice(1, content="Ask Carl"))))
    await one.feed(Chunk((Choice(0, tool_calls=(ToolCallDelta(0, arguments="Bob"), ToolCallDelta(1, arguments="x"))),)))

    await one.feed(Chunk((Choice(0, content=" Bolt", tool_calls=(ToolCallDelta(0, arguments=" Bolt"),)),)))
    rest = await one.flush()

    calls = (ToolCallDelta(0, arguments="<PERSON>"), ToolCallDelta(1, arguments="x"))
    assert rest == Chunk((Choice(0, content="Ask <PERSON>", tool_calls=calls), Choice(1, content="Ask Carl")))


@pytest.mark.parametrize("before", range(LONGEST_WINDOW - OVERLAP - 16, LONGEST_WINDOW - OVERLAP + 4))
@pytest.mark.parametrize("filler", ["x", "あ", "x " * 3])
async def test_nothing_slips_through_where_a_long_text_is_cut(before: int, filler: str) -> None:
    text = (filler * before)[: before - 1] + " Bob Bolt and bob@plant.example " + filler * 600

    passed = await said(guard(), [text])

    assert "Bolt" not in passed
    assert "plant" not in passed
    assert passed == text.replace("Bob Bolt", "<PERSON>").replace("bob@plant.example", "<EMAIL_ADDRESS>")


@pytest.mark.parametrize("length", [200, 700, 2000])
async def test_the_end_of_a_very_long_finding_is_masked_too(length: int) -> None:
    text = "Hi bob@" + "x" * length + ".example bye, and Bob Bolt. x"

    assert await said(guard(), [text]) == "Hi <EMAIL_ADDRESS> bye, and <PERSON>. x"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("A sentence that is long enough now. And", 35),
        ("A sentence that is long enough now.", None),
        ('She said: "it is long enough by now." And', 37),
        ("It is long enough, is it not, Dr. Bolt? Yes", 39),
        ("It is long enough, by far: 3.5 mm, z. B. here", None),
        ("Too short. Also short", None),
        ("これは十分に長い文なので、ここで切れるはずです。ええと、もう少しだけ長くします。次", 40),
        ("A line that is long enough for a window\nnext", 40),
        ("", None),
    ],
)
def test_a_window_ends_where_a_sentence_does(text: str, end: int | None) -> None:
    window = next_window(text, last=False)

    assert (window and window.end) == end


pieces = st.sampled_from(
    ["Bob Bolt", "Ada Lovelace", "bob@x.example", ". ", "! ", "。", "\n", " and so on it goes", "x" * 90,
     "\\u0042ob Bolt", "\\", '"', " Dr. ", "Bob", " ", "+49 841 99999"]
)  # fmt: skip


@given(text=st.lists(pieces, max_size=30).map("".join), cuts=st.lists(st.integers(0, 900), max_size=8))
async def test_the_result_does_not_depend_on_how_the_answer_is_cut(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})

    assert await said(guard(), [text[a:b] for a, b in pairwise(edges)]) == await said(guard(), [text])


async def test_one_character_at_a_time_gives_the_same() -> None:
    text = "Ask Bob Bolt at bob@x.example today. " * 20 + "x" * 600 + " Bob Bolt\nand Ada. " + "Bob" + " Bolt" * 3

    assert await said(guard(), list(text)) == await said(guard(), [text])


@pytest.mark.parametrize(
    ("type", "value", "own"),
    [
        ("PERSON", "ada  LOVELACE", True),
        ("PERSON", "Ada", True),
        ("PERSON", "Love", False),
        ("PERSON", "Ada Bolt", False),
        ("PHONE_NUMBER", "+49-841/12345", True),
        ("PHONE_NUMBER", "+49 841 12346", False),
        ("PERSON", "", False),
    ],
)
def test_what_the_caller_sent_is_its_own_in_any_spelling(type: str, value: str, own: bool) -> None:
    assert Own(SENT).holds(type, value) is own


def test_a_name_among_words_without_blanks_is_the_callers_own() -> None:
    assert Own(["山田太郎さんへ"]).holds("PERSON", "山田")
