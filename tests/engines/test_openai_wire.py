from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Choice, Chunk, ToolCallDelta, Usage
from gateway.engines import openai_wire as wire
from gateway.errors import BadRequest, EngineUnavailable

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


def event(choices: list[dict[str, object]], **fields: object) -> bytes:
    return b"data: " + msgspec.json.encode({"choices": choices, "object": "x", **fields}) + b"\n\n"


def stream(texts: list[str]) -> bytes:
    body = b": a comment\n\n" + event([{"index": 0, "delta": {"role": "assistant", "content": None}}])
    body += b"".join(event([{"index": 0, "delta": {"content": text}}], timings={"ms": 1}) for text in texts)
    body += event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    body += event([], usage={"prompt_tokens": 3, "completion_tokens": len(texts)})
    return body + b"data: [DONE]\n\n"


def decode(parts: list[bytes]) -> list[Chunk]:
    decoder = wire.StreamDecoder()
    chunks = [chunk for part in parts for chunk in decoder.feed(part)]
    decoder.end()
    return chunks


@given(st.lists(TEXT, max_size=5), st.data())
def test_chunks_do_not_depend_on_how_the_bytes_were_cut(texts: list[str], data: st.DataObject) -> None:
    body = stream(texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    assert decode(parts) == decode([body])


@given(st.lists(TEXT, max_size=5))
def test_line_ends_of_two_characters_mean_the_same(texts: list[str]) -> None:
    body = stream(texts)

    assert decode([bytes([byte]) for byte in body.replace(b"\n", b"\r\n")]) == decode([body])


@given(st.lists(TEXT, max_size=5))
def test_assembled_stream_has_the_whole_text(texts: list[str]) -> None:
    assembler = wire.Assembler()
    for chunk in decode([stream(texts)]):
        assembler.add(chunk)

    whole = assembler.chunk()

    assert (whole.choices[0].content or "") == "".join(texts)
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage == Usage(3, len(texts))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        stream(["a"]).replace(b"data: [DONE]\n\n", b""),
        stream(["a"]).replace(b'"finish_reason":"stop"', b'"finish_reason":null'),
        b"data: {broken\n\n",
        b"data: [1]\n\n",
        b'data: {"choices": "x"}\n\ndata: [DONE]\n\n',
        b'data: {"choices":[{"text":"\xff"}]}\n\n',
    ],
)
def test_stream_that_does_not_end_well_is_interrupted(body: bytes) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        if decode([body]) == []:
            raise wire.interrupted()

    assert caught.value.code == "engine.interrupted"


def test_endless_event_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_EVENT_BYTES", 100)

    with pytest.raises(EngineUnavailable):
        list(wire.StreamDecoder().feed(b"data: " + b"x" * 100))


def test_completion_text_becomes_content() -> None:
    usage = {"prompt_tokens": 2, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 1}}
    choice = {"text": "hm", "index": 1, "logprobs": None, "finish_reason": "length"}

    chunk = wire.decode_chunk(msgspec.json.encode({"choices": [choice], "usage": usage}))

    assert chunk == Chunk((Choice(1, content="hm", finish_reason="length"),), Usage(2, 1, 1))


@pytest.mark.parametrize(("told", "kept"), [("-1", 0), ("7", 7), ("1" + "0" * 400, 2**40)])
def test_counts_are_what_there_can_be_whatever_an_engine_tells(told: str, kept: int) -> None:
    usage, timings = '{"prompt_tokens": N, "completion_tokens": N}', '{"cache_n": N, "prompt_n": N}'
    text = f'{{"choices": [], "usage": {usage}, "timings": {timings}}}'

    chunk = wire.decode_chunk(text.replace("N", told).encode())

    assert chunk is not None and chunk.usage is not None and chunk.timings is not None
    assert (chunk.usage.prompt_tokens, chunk.usage.completion_tokens) == (kept, kept)
    assert (chunk.timings.cached_tokens, chunk.timings.prompt_tokens) == (kept, kept)


def test_progress_is_no_chunk() -> None:
    choice = {"index": 0, "delta": {"role": "assistant", "content": None}}

    assert wire.decode_chunk(msgspec.json.encode({"choices": [choice], "prompt_progress": {"total": 9}})) is None


def test_tool_calls_and_reasoning_are_joined_by_index() -> None:
    assembler = wire.Assembler()
    calls = [
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}},
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
    ]
    for call in calls:
        event = {"choices": [{"index": 0, "delta": {"tool_calls": [call], "reasoning_content": "h"}}]}
        assembler.add(wire.decode_chunk(msgspec.json.encode(event)) or Chunk(()))

    choice = assembler.chunk().choices[0]

    assert choice.tool_calls == (ToolCallDelta(0, "a", "f", '{"x":1}'), ToolCallDelta(1, "b", "g", ""))
    assert (choice.reasoning, choice.content) == ("hhh", None)


def test_logprobs_are_joined() -> None:
    assembler = wire.Assembler()
    for token in "ab":
        assembler.add(Chunk((Choice(0, logprobs={"content": [{"token": token}]}),)))

    assert assembler.chunk().choices[0].logprobs == {"content": [{"token": "a"}, {"token": "b"}]}


ERRORS = [
    (400, {"type": "invalid_request_error", "message": "CANARY"}, "engine.rejected", BadRequest),
    (
        400,
        {"type": "exceed_context_size_error", "n_ctx": 8, "n_prompt_tokens": 9},
        "context_length_exceeded",
        BadRequest,
    ),
    (400, {"code": "context_length_exceeded", "message": "CANARY"}, "context_length_exceeded", BadRequest),
    (401, {"type": "authentication_error"}, "engine.unavailable", EngineUnavailable),
    (404, {"code": 404, "message": "CANARY"}, "engine.unavailable", EngineUnavailable),
    (503, {"message": "CANARY"}, "engine.unavailable", EngineUnavailable),
    (502, None, "engine.unavailable", EngineUnavailable),
]


@pytest.mark.parametrize(("status", "error", "code", "kind"), ERRORS)
def test_engine_errors_have_our_code_and_our_words(
    status: int, error: object, code: str, kind: type[Exception]
) -> None:
    body = msgspec.json.encode({"error": error}) if error else b"<html>CANARY"

    refusal = wire.refusal(status, body, frozenset({400}))

    assert isinstance(refusal, kind)
    assert refusal.code == code
    assert "CANARY" not in str(refusal)


def test_context_error_tells_the_numbers() -> None:
    error = {"type": "exceed_context_size_error", "n_ctx": 1024, "n_prompt_tokens": 2000}

    refusal = wire.refusal(400, msgspec.json.encode({"error": error}), frozenset({400}))

    assert "1024" in refusal.message
    assert "2000" in refusal.message


@pytest.mark.parametrize(
    ("type_", "kind"), [("invalid_request_error", BadRequest), ("server_error", EngineUnavailable)]
)
def test_error_event_is_raised(type_: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        wire.decode_chunk(msgspec.json.encode({"error": {"type": type_, "code": 400, "message": "CANARY"}}))
