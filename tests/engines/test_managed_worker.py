"""The real worker with the real small model: answers, doors that are shut, hang-ups."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from gateway.domain import Capability, Prompt
from gateway.engines.client import open_session
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import BadRequest

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

LONG = " ".join(f"word{number}" for number in range(100))
CANARY = "zqxCANARYzqx"


async def ask(worker: ManagedWorker, method: str, path: str, secret: str = "") -> aiohttp.ClientResponse:
    """What the worker's own HTTP server answers a neighbour on this machine."""
    async with open_session(worker._socket, secret, 10, reuse=False) as session:
        response = await session.request(method, f"http://engine{path}", json={} if method == "POST" else None)
        await response.read()
        return response


async def busy(worker: ManagedWorker, slot: int = 0) -> bool:
    response = await ask(worker, "GET", "/slots", worker._secret)
    return bool((await response.json())[slot]["is_processing"])


async def seconds_until(worker: ManagedWorker, wanted: bool) -> float:
    """Wait until the first slot is busy, or free; return how long that took."""
    began = time.monotonic()
    while await busy(worker) is not wanted:  # noqa: ASYNC110 - another process's state
        await asyncio.sleep(0.005)
    return time.monotonic() - began


def of_process(worker: ManagedWorker, name: str) -> bytes:
    return Path(f"/proc/{worker.pid}/{name}").read_bytes()


async def test_streamed_answer_ends_with_reason_and_usage(worker: Any, chat: Any, collect: Any, text_of: Any) -> None:
    chunks = await collect(worker, chat("Say hello."))

    assert text_of(chunks)
    assert [choice.finish_reason for choice in chunks[-2].choices] == ["length"]
    assert chunks[-1].usage.completion_tokens == 8


async def test_plain_answer_says_what_the_streamed_one_says(worker: Any, chat: Any, collect: Any, text_of: Any) -> None:
    streamed = await collect(worker, chat("Name a colour."))
    plain = await collect(worker, chat("Name a colour.", stream=False))

    assert len(plain) == 1
    assert (text_of(plain), plain[0].usage) == (text_of(streamed), streamed[-1].usage)
    assert plain[0].choices[0].role == "assistant"


TOOL = {"name": "look_up", "description": "Looks up", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tools": [{"type": "function", "function": TOOL}]},
        {"response_format": {"type": "json_object"}},
        {"messages": [{"role": "system", "content": "<|im_end|> 日本語 é"}, {"role": "user", "content": LONG}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]},
    ],
    ids=["plain", "tools", "json", "marks and words", "parts"],
)
async def test_counted_is_what_would_have_been_read(
    worker: Any, chat: Any, collect: Any, fields: dict[str, Any]
) -> None:
    asked = chat("Say hello.", stream=False, **fields)

    (counted,) = await collect(worker, replace(asked, counts=True))
    (answered,) = await collect(worker, asked)

    assert (counted.choices, counted.usage.prompt_tokens) == ((), 0)
    assert len(counted.tokens) == answered.usage.prompt_tokens > 0


async def test_to_count_neither_takes_nor_changes_a_slot(worker: Any, chat: Any, collect: Any) -> None:
    asked = chat(LONG, stream=False, slot=0, reuse=True)
    await collect(worker, asked)

    await collect(worker, replace(chat("Another one.", stream=False, slot=0), counts=True))

    (again,) = await collect(worker, asked)
    assert again.usage.cached_tokens >= again.usage.prompt_tokens - 2


async def test_it_lets_the_checkpoint_go_first(worker: Any) -> None:
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) > os.getpriority(os.PRIO_PROCESS, 0)


async def test_completion(worker: Any, collect: Any, text_of: Any) -> None:
    body = {"prompt": ["One, two,", "A, B,"], "max_tokens": 3, "temperature": 0}

    (chunk,) = await collect(worker, Prompt("r", Capability.COMPLETE, body, stream=False, slot=1))

    assert [choice.index for choice in chunk.choices] == [0, 1]
    assert all(choice.content for choice in chunk.choices)
    assert chunk.usage.completion_tokens == 6


async def test_several_choices_and_logprobs(worker: Any, chat: Any, collect: Any) -> None:
    prompt = chat("Hi", stream=False, n=3, logprobs=True, temperature=1, seed=5)

    (chunk,) = await collect(worker, prompt)

    assert [choice.index for choice in chunk.choices] == [0, 1, 2]
    assert len({choice.content for choice in chunk.choices}) > 1
    assert len(chunk.choices[0].logprobs["content"]) == 8
    assert chunk.usage.completion_tokens == 24


async def test_json_schema_is_enforced(worker: Any, chat: Any, collect: Any, text_of: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}, "sure": {"type": "boolean"}},
        "required": ["colour", "sure"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "c", "schema": schema, "strict": True}}

    answer = json.loads(text_of(await collect(worker, chat("Sky?", response_format=wanted, max_tokens=64))))

    assert answer["colour"] in ("red", "blue")
    assert isinstance(answer["sure"], bool)


async def test_seed_repeats_an_answer(worker: Any, chat: Any, collect: Any, text_of: Any) -> None:
    one, two = [await collect(worker, chat("Tell.", seed=7, temperature=1)) for _ in range(2)]

    assert text_of(one) == text_of(two)


async def test_prompt_is_not_reused_for_another_tenant(worker: Any, chat: Any, collect: Any) -> None:
    first = await collect(worker, chat(LONG[:400]))
    other = await collect(worker, chat(LONG[:400]))
    same = await collect(worker, chat(LONG[:400], reuse=True))

    assert [chunks[-1].usage.cached_tokens for chunks in (first, other)] == [0, 0]
    assert same[-1].usage.cached_tokens > 50


async def test_prompt_of_one_slot_is_not_found_from_another(worker: Any, chat: Any, collect: Any) -> None:
    await collect(worker, chat(LONG[:300], slot=0))
    elsewhere = await collect(worker, chat(LONG[:300], slot=1, reuse=True))
    unpinned = await collect(worker, chat(LONG[:300], slot=None, reuse=True))

    assert [chunks[-1].usage.cached_tokens for chunks in (elsewhere, unpinned)] == [0, 0]


async def test_two_slots_answer_at_once(worker: Any, chat: Any, collect: Any, text_of: Any) -> None:
    alone = [text_of(await collect(worker, chat(text))) for text in ("Red?", "Blue?")]
    together = await asyncio.gather(*(collect(worker, chat(t, slot=s)) for s, t in enumerate(("Red?", "Blue?"))))

    assert [text_of(chunks) for chunks in together] == alone


REFUSED = [
    ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": CANARY}}}}, "engine.rejected"),
    ({"grammar": f"root ::= {CANARY} ("}, "engine.rejected"),
    ({"tools": [{"type": CANARY}]}, "engine.rejected"),
    ({"temperature": CANARY}, "engine.rejected"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": CANARY}}]}]},
        "engine.rejected",
    ),
    ({"messages": [{"role": "user", "content": LONG * 10}]}, "context_length_exceeded"),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("fields", "code"), REFUSED)
async def test_bad_parameters_are_the_callers_fault(
    worker: Any, chat: Any, collect: Any, fields: Any, code: str, stream: bool
) -> None:
    with pytest.raises(BadRequest) as caught:
        await collect(worker, chat("hi", stream=stream, **fields))

    assert caught.value.code == code
    assert CANARY not in str(caught.value)
    assert not await busy(worker)


async def test_nothing_it_prints_holds_a_prompt(worker: Any, chat: Any, collect: Any) -> None:
    await collect(worker, chat(f"Say {CANARY}"))
    with pytest.raises(BadRequest):
        await collect(worker, chat("hi", grammar=f"root ::= {CANARY} ("))

    assert CANARY not in worker._child.log_tail()
    assert [os.readlink(f"/proc/{worker.pid}/fd/{fd}") for fd in (1, 2)] == ["/dev/null"] * 2


@pytest.mark.parametrize(
    ("method", "path", "secret", "status"),
    [
        ("GET", "/health", False, 200),
        ("GET", "/props", False, 401),
        ("GET", "/slots", False, 401),
        ("GET", "/v1/models", False, 401),
        ("GET", "/metrics", False, 401),
        ("POST", "/v1/chat/completions", False, 401),
        ("GET", "/", False, 404),
        ("GET", "/metrics", True, 501),
        ("POST", "/props", True, 501),
        ("POST", "/slots/0?action=save", True, 501),
        ("POST", "/slots/0?action=restore", True, 501),
        ("POST", "/slots/0?action=erase", True, 501),
        ("GET", "/tools", True, 403),
        ("GET", "/cors-proxy", True, 403),
    ],
)
async def test_doors_are_shut(worker: Any, method: str, path: str, secret: bool, status: int) -> None:
    assert (await ask(worker, method, path, worker._secret if secret else "")).status == status


async def test_only_its_own_folder_leads_to_it(worker: Any) -> None:
    assert worker._socket.parent.stat().st_mode & 0o777 == 0o700


async def test_no_foreign_origin_is_welcome(worker: Any) -> None:
    response = await ask(worker, "OPTIONS", "/v1/models")

    assert response.headers.get("Access-Control-Allow-Origin", "") == ""


async def test_secret_is_nowhere_to_be_read(worker: Any) -> None:
    assert worker._secret.encode() not in of_process(worker, "cmdline") + of_process(worker, "environ")


async def test_it_is_locked_in(worker: Any) -> None:
    status = dict(line.split(":\t", 1) for line in of_process(worker, "status").decode().splitlines())

    assert all(state.startswith("on") for state in worker.locks.values())
    assert (status["Seccomp"], status["NoNewPrivs"], int(status["CapEff"], 16)) == ("2", "1", 0)
    assert os.readlink(f"/proc/{worker.pid}/ns/net") != os.readlink("/proc/self/ns/net")
    assert resource.prlimit(worker.pid, resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.parametrize("stream", [True, False])
async def test_hanging_up_amid_the_answer_frees_the_slot(worker: Any, chat: Any, collect: Any, stream: bool) -> None:
    taken = []
    for _ in range(3):  # the best of three: other processes share these cores
        task = asyncio.ensure_future(collect(worker, chat("Tell.", stream=stream, max_tokens=400)))
        await seconds_until(worker, True)
        await asyncio.sleep(0.3)
        task.cancel()
        taken.append(await seconds_until(worker, False))
        with pytest.raises(asyncio.CancelledError):
            await task

    assert min(taken) < 0.2


@pytest.mark.parametrize("stream", [True, False])
async def test_hanging_up_amid_the_prompt_frees_the_slot(worker: Any, chat: Any, collect: Any, stream: bool) -> None:
    taken = []
    for _ in range(9):  # what is usual: other processes share these cores, some for a second or more
        task = asyncio.ensure_future(collect(worker, chat(f"{LONG} {LONG}", stream=stream)))
        await seconds_until(worker, True)
        await asyncio.sleep(0.5)  # reading the whole of it takes several seconds
        task.cancel()
        taken.append(await seconds_until(worker, False))
        with pytest.raises(asyncio.CancelledError):
            await task

    assert statistics.median(taken) < 0.2


async def test_closing_the_generator_frees_the_slot(worker: Any, chat: Any) -> None:
    async with aclosing(worker.answer(chat("Tell me a long story.", max_tokens=400))) as chunks:
        await anext(chunks)

    assert await seconds_until(worker, False) < 1


async def test_twelve_prompts_at_once_all_get_an_answer(worker: Any, chat: Any, collect: Any, text_of: Any) -> None:
    answers = await asyncio.gather(*(collect(worker, chat("Hi", slot=n % 2, max_tokens=2)) for n in range(12)))

    assert all(text_of(chunks) for chunks in answers)
