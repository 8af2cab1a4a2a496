"""The second engine, real: llama-cpp-python is built by `make deps`, and these tests fail, not skip, without it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.domain import Capability, Prompt
from gateway.engines import llama_cpp_python
from gateway.engines.llama_cpp_python import InProcess
from gateway.engines.openai_wire import Assembler
from gateway.errors import BadRequest, EngineUnavailable
from gateway.settings import EngineSettings

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SMALL = EngineSettings(kind="llama-cpp-python", threads=2, context_tokens=512, slots=4, gpu_layers=0)
CANARY = "zqxCANARYzqx"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(model_file: Path) -> AsyncIterator[InProcess]:
    if importlib.util.find_spec("llama_cpp") is None:
        pytest.fail("llama-cpp-python is not installed. Run: make deps")
    running = InProcess(SMALL, weights=model_file, model="small")
    await running.start()
    yield running
    await running.stop()


async def test_streamed_answer_ends_with_reason_and_usage(engine: Any, chat: Any, collect: Any, text_of: Any) -> None:
    chunks = await collect(engine, chat("Say hello."))

    assert text_of(chunks)
    assert [choice.finish_reason for choice in chunks[-2].choices] == ["length"]
    assert (chunks[-1].usage.completion_tokens, chunks[-1].usage.cached_tokens) == (8, 0)
    assert chunks[-1].usage.prompt_tokens > 10


async def test_plain_answer_says_what_the_streamed_one_says(engine: Any, chat: Any, collect: Any, text_of: Any) -> None:
    streamed = await collect(engine, chat("Name a colour."))
    plain = await collect(engine, chat("Name a colour.", stream=False))

    assert len(plain) == 1
    assert (text_of(plain), plain[0].usage) == (text_of(streamed), streamed[-1].usage)


async def test_completions_of_several_prompts(engine: Any, collect: Any) -> None:
    body = {"prompt": ["One, two,", "A, B,"], "n": 2, "max_tokens": 3, "temperature": 1, "seed": 1}

    (chunk,) = await collect(engine, Prompt("r", Capability.COMPLETE, body, stream=False))

    assert [choice.index for choice in chunk.choices] == [0, 1, 2, 3]
    assert all(choice.content for choice in chunk.choices)
    assert chunk.usage.completion_tokens == 12


async def test_json_schema_is_enforced(engine: Any, chat: Any, collect: Any, text_of: Any) -> None:
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "c", "schema": schema}}

    answer = json.loads(text_of(await collect(engine, chat("Sky?", response_format=wanted, max_tokens=64))))

    assert isinstance(answer["sure"], bool)


async def test_prompt_is_reused_only_where_that_is_allowed(engine: Any, chat: Any, collect: Any) -> None:
    text = " ".join(f"word{number}" for number in range(20))
    cached = [
        (await collect(engine, chat(text, reuse=reuse, max_tokens=2)))[-1].usage.cached_tokens
        for reuse in (False, False, True)
    ]

    assert cached[:2] == [0, 0]
    assert cached[2] > 50


async def test_closing_stops_at_the_next_token(engine: Any, chat: Any, collect: Any) -> None:
    async with aclosing(engine.answer(chat("Tell.", max_tokens=400))) as chunks:
        await anext(chunks)
        await anext(chunks)
    began = time.monotonic()
    await collect(engine, chat("Hi", max_tokens=1))

    assert time.monotonic() - began < 8  # 400 tokens take longer than that


async def test_cancelled_plain_call_stops_too(engine: Any, chat: Any, collect: Any) -> None:
    task = asyncio.ensure_future(collect(engine, chat("Tell.", stream=False, max_tokens=400)))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await collect(engine, chat("Hi", max_tokens=1)))[-1].usage.completion_tokens == 1


async def test_a_text_comes_back_from_its_tokens(engine: Any, collect: Any) -> None:
    text = "Halle 7 \u2014 M\u00fcnchen"
    wanted = {"content": text, "add_special": False, "parse_special": True, "with_pieces": True}

    (cut,) = await collect(engine, Prompt("r", Capability.TOKENIZE, wanted, stream=False))
    (again,) = await collect(
        engine,
        Prompt("r", Capability.TOKENIZE, {"spell": True, "content": text, "tokens": list(cut.tokens)}, stream=False),
    )
    (by_text,) = await collect(engine, Prompt("r", Capability.TOKENIZE, {"spell": True, "content": text}, stream=False))

    assert b"".join(cut.pieces).decode() == text
    assert again.choices[0].content == by_text.choices[0].content == text


async def test_prompts_take_turns(engine: Any, chat: Any, collect: Any, text_of: Any) -> None:
    answers = await asyncio.gather(*(collect(engine, chat("Hi", max_tokens=2)) for _ in range(4)))

    assert len({text_of(chunks) for chunks in answers}) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"logprobs": True}, "engine.rejected"),
        ({"grammar": f"root ::= {CANARY} ("}, "engine.rejected"),
        ({"messages": [{"role": "user"}]}, "engine.rejected"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": CANARY}}}}, "engine.rejected"),
        ({"tool_choice": {"function": {"name": CANARY}}, "tools": []}, "engine.rejected"),
        ({"messages": [{"role": "user", "content": "word " * 600}]}, "context_length_exceeded"),
    ],
)
async def test_bad_parameters_are_the_callers_fault(
    engine: Any, chat: Any, collect: Any, capfd: Any, fields: Any, code: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        await collect(engine, chat("hi", **fields))

    assert caught.value.code == code
    assert CANARY not in str(caught.value) + "".join(capfd.readouterr())


@pytest.mark.parametrize("stream", [False, True])
async def test_a_required_call_of_a_tool_is_made(engine: Any, chat: Any, collect: Any, stream: bool) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Munich"]}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
    one: Any = {"tools": tools, "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 250}

    whole = Assembler()
    for chunk in await collect(engine, chat("The weather in Paris?", stream=stream, **one)):
        whole.add(chunk)

    [choice] = whole.chunk().choices
    assert (choice.finish_reason, choice.content or None) == ("tool_calls", None)
    assert [call.name for call in choice.tool_calls] == ["weather"]
    assert json.loads(choice.tool_calls[0].arguments or "")["city"] in ("Paris", "Munich")


async def test_stopping_amid_an_answer_ends_it(model_file: Path, chat: Any, collect: Any) -> None:
    engine = InProcess(SMALL, weights=model_file, model="small")
    await engine.start()
    task = asyncio.ensure_future(collect(engine, chat("Tell.", max_tokens=400)))
    await asyncio.sleep(0.3)
    await engine.stop()

    with pytest.raises(EngineUnavailable):
        await task
    assert not engine.ready()


async def test_missing_library_names_the_mend(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "llama_cpp", None)
    engine = llama_cpp_python.InProcess(SMALL, weights=model_file, model="small")

    with pytest.raises(EngineUnavailable, match="pip install") as caught:
        await engine.start()

    assert caught.value.code == "engine.not_installed"
    await engine.stop()


async def test_broken_weights_are_told(short_dir: Path) -> None:
    (short_dir / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    engine = InProcess(SMALL, weights=short_dir / "broken.gguf", model="small")

    with pytest.raises(EngineUnavailable) as caught:
        await engine.start()

    assert caught.value.code == "engine.start_failed"
    await engine.stop()


async def test_a_template_of_ours_writes_the_prompt(model_file: Path, chat: Any, collect: Any) -> None:
    template = (
        "{% for message in messages %}{{ raise_exception('no') if 'forbidden' in message.content }}x {% endfor %}"
    )
    engine = InProcess(SMALL, weights=model_file, model="small", chat_template=template)
    await engine.start()

    chunks = await collect(engine, chat("Tell me everything that there is to tell about presses."))
    with pytest.raises(BadRequest):
        await collect(engine, chat("forbidden"))

    assert 0 < chunks[-1].usage.prompt_tokens < 10
    await engine.stop()
