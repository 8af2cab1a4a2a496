"""No prompt text, found value, tag map, end user or API key anywhere but in the answer: canaries, then a search.

Where content is kept it is sealed, so that the same search finds nothing either.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import secrets
import signal
import zipfile
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from left_behind import files_of
from running import Running, sekisho

from gateway import settings
from gateway.audit.outbox import Sequel
from gateway.cli import bundle_outbox

pytestmark = [pytest.mark.real, pytest.mark.slow]

MODEL = "smollm2-135m-instruct"
PREFIX = "kanari"


class Aviary:
    """Hands out canaries, each once, and knows them all."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.released: list[str] = []

    def __call__(self, form: str = "{}") -> str:
        bird = f"{PREFIX}{next(self._numbers)}x{secrets.token_hex(4)}"
        self.released.append(bird)
        return form.format(bird)


def chat(bird: Aviary, **change: Any) -> dict[str, Any]:
    arguments = '{"' + bird() + '": "' + bird() + '"}'
    call = {"id": "call_1", "type": "function", "function": {"name": bird(), "arguments": arguments}}
    parameters = {"type": "object", "properties": {bird(): {"type": "string", "enum": [bird()], "description": bird()}}}
    return {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": bird(), "name": bird()},
            {"role": "user", "content": [{"type": "text", "text": bird("Write to {}@example.com, please.")}]},
            {"role": "assistant", "content": bird(), "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": bird()},
            {"role": "user", "content": bird("My name is Anna {} and I live in Berlin.")},
        ],
        "tools": [{"type": "function", "function": {"name": bird(), "description": bird(), "parameters": parameters}}],
        "stop": [bird()],
        "user": bird(),
        "safety_identifier": bird(),
        "metadata": {bird(): bird()},
        "max_tokens": 4,
        **change,
    }


def message(bird: Aviary, **change: Any) -> dict[str, Any]:
    """A body of Anthropic's API, with a bird in every field that holds text."""
    schema = {"type": "object", "properties": {bird(): {"type": "string", "enum": [bird()], "description": bird()}}}
    name = bird()
    used = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {bird(): [bird()]}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": bird()}]}
    return {
        "model": MODEL,
        "system": [{"type": "text", "text": bird(), "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": bird("Write to {}@example.com, please.")},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": bird()}, used]},
            {"role": "user", "content": [result, {"type": "text", "text": bird("My name is Anna {}.")}]},
        ],
        "tools": [{"name": name, "description": bird(), "input_schema": schema}],
        "metadata": {"user_id": bird()},
        "stop_sequences": [bird()],
        "max_tokens": 4,
        **change,
    }


def response(bird: Aviary, **change: Any) -> dict[str, Any]:
    """A body of OpenAI's responses, with a bird in every field that holds text."""
    schema = {"type": "object", "properties": {bird(): {"type": "string", "enum": [bird()], "description": bird()}}}
    name = bird()
    thought = {"type": "reasoning", "id": "rs_1", "content": [{"type": "reasoning_text", "text": bird()}]}
    call = {"type": "function_call", "call_id": "call_1", "name": name, "arguments": json.dumps({bird(): [bird()]})}
    return {
        "model": MODEL,
        "instructions": bird(),
        "input": [
            {"role": "developer", "content": bird()},
            {"role": "user", "content": [{"type": "input_text", "text": bird("Write to {}@example.com, please.")}]},
            {**thought, "summary": [{"type": "summary_text", "text": bird()}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": bird()}]},
            call,
            {"type": "function_call_output", "call_id": "call_1", "output": bird()},
            {"role": "user", "content": bird("My name is Anna {}.")},
        ],
        "tools": [{"type": "function", "name": name, "description": bird(), "parameters": schema}],
        "metadata": {bird(): bird()},
        "user": bird(),
        "safety_identifier": bird(),
        "max_output_tokens": 4,
        **change,
    }


def llama(bird: Aviary, **change: Any) -> dict[str, Any]:
    """A body of Ollama's API, with a bird in every field that holds text."""
    name = bird()
    call = {"function": {"name": name, "arguments": {bird(): bird()}}}
    function = {"name": name, "description": bird(), "parameters": {"type": "object", "description": bird()}}
    return {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": bird()},
            {"role": "user", "content": bird("Write to {}@example.com, please.")},
            {"role": "assistant", "thinking": bird(), "tool_calls": [call]},
            {"role": "tool", "tool_name": name, "content": bird()},
        ],
        "tools": [{"type": "function", "function": function}],
        "options": {"num_predict": 4, "stop": [bird()]},
        **change,
    }


def others(bird: Aviary) -> list[tuple[str, Any, dict[str, str]]]:
    """As :func:`requests`, of the APIs that are not OpenAI's."""
    uncounted = {name: value for name, value in message(bird).items() if name in ("model", "messages", "system")}
    return [
        ("/v1/messages", message(bird), {}),
        ("/v1/messages", message(bird, stream=True), {}),
        ("/v1/messages", message(bird, **{bird(): bird()}), {}),
        ("/v1/messages", message(bird), {"authorization": "", "x-api-key": bird("sk-sekisho-{}")}),
        ("/v1/messages/count_tokens", uncounted, {}),
        ("/v1/responses", response(bird), {}),
        ("/v1/responses", response(bird, stream=True), {}),
        ("/v1/responses", response(bird, **{bird(): bird()}), {}),
        ("/v1/responses", response(bird, previous_response_id=bird()), {}),
        ("/v1/responses/input_tokens", {"model": MODEL, "input": bird(), "instructions": bird()}, {}),
        ("/api/chat", llama(bird), {}),
        ("/api/chat", llama(bird, stream=False, format={"type": "string", "const": bird()}), {}),
        ("/api/chat", llama(bird, options={bird(): 1}), {}),
        ("/api/generate", {"model": MODEL, "prompt": bird(), "system": bird(), "options": {"num_predict": 2}}, {}),
        ("/api/generate", {"model": MODEL, "prompt": bird(), "raw": True, "options": {"num_predict": 2}}, {}),
        ("/api/embed", {"model": MODEL, "input": [bird()], "truncate": bird()}, {}),
        ("/api/show", {"model": bird()}, {}),
    ]


def requests(bird: Aviary) -> list[tuple[str, Any, dict[str, str]]]:
    """Return (path, body, headers): good ones, and bad ones of every kind."""
    schema = {"name": bird(), "description": bird(), "schema": {"type": "string", "const": bird()}}
    wrong = {"model": MODEL, "messages": [{"role": "user", "content": bird()}], "max_tokens": 2}
    return [
        ("/v1/chat/completions", chat(bird), {}),
        ("/v1/chat/completions", chat(bird, stream=True), {}),
        ("/v1/chat/completions", chat(bird, response_format={"type": "json_schema", "json_schema": schema}), {}),
        ("/v1/completions", {"model": MODEL, "prompt": bird(), "max_tokens": 2, "stop": bird(), "user": bird()}, {}),
        ("/v1/completions", {"model": MODEL, "prompt": [bird(), bird()], "max_tokens": 2}, {}),
        ("/v1/chat/completions", {**wrong, "model": bird()}, {}),
        ("/v1/chat/completions", {**wrong, bird(): bird()}, {}),
        ("/v1/chat/completions", {**wrong, "temperature": bird()}, {}),
        ("/v1/chat/completions", {**wrong, "messages": [{"role": bird(), "content": bird()}]}, {}),
        ("/v1/chat/completions", {**wrong, "prediction": bird()}, {}),
        ("/v1/chat/completions", {**wrong, "user": bird() * 20_000}, {}),
        ("/v1/chat/completions", bird('{{"{}": broken').encode(), {}),
        ("/v1/chat/completions", bird('{{"{}": "\\ud800"}}').encode(), {}),
        ("/v1/chat/completions", wrong, {"authorization": bird("Bearer sk-sekisho-{}")}),
        ("/v1/chat/completions", wrong, {"authorization": bird()}),
        ("/v1/chat/completions", wrong, {"x-sekisho-class": bird()}),
        ("/v1/chat/completions", wrong, {"x-sekisho-project": bird(), "x-sekisho-purpose": bird()}),
        ("/v1/chat/completions", wrong, {"user-agent": bird(), "x-request-id": bird(), "cookie": bird()}),
        (bird("/v1/{}?") + bird("q={}"), {bird(): bird()}, {}),
        *others(bird),
    ]


async def send_all(running: Running, key: str, wanted: list[tuple[str, Any, dict[str, str]]]) -> list[int]:
    statuses = []
    async with aiohttp.ClientSession() as session:
        for path, body, headers in wanted:
            sent = {"data": body} if isinstance(body, bytes) else {"json": body}
            said = {"authorization": f"Bearer {key}", **headers}
            async with session.post(running.base + path, headers=said, **sent) as answer:
                await answer.read()
                statuses.append(answer.status)
    return statuses


async def read(running: Running, path: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(running.base + path) as answer:
        return await answer.read()


def traces(running: Running) -> dict[str, bytes]:
    """Return everything that is left behind, by name: each file of the installation but the model's weights."""
    return files_of(running.folder, without=("store",))


def keeping(running: Running) -> None:
    """Have prompts and answers of the test's project kept."""
    said = "projects: {acme/default: {keep_content_days: 30}}\n"
    (running.folder / "organisation.yaml").write_text(said, encoding="utf-8")


def ask_about(running: Running, person: str) -> None:
    """Ask for a search for that person, and erase them, on the running server."""
    said = ("--subject", person, "--reason", "a test")
    sekisho(running.folder, "audit", "subject", "request", *said)
    sekisho(running.folder, "audit", "erase", *said)


def carried_out(running: Running) -> dict[str, bytes]:
    """Return what ``sekisho bundle outbox create`` writes of all records so far, unpacked."""
    here = settings.load(str(running.folder / "sekisho.yaml"))
    stick = running.folder / "stick"
    stick.mkdir()
    made = bundle_outbox._made(here, Sequel(here.site.name, 1, "", "", "2100-01-01T00:00:00.000000Z"), stick)
    with zipfile.ZipFile(made.path) as archive:
        outer = {f"outbox/{name}": archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(io.BytesIO(outer.pop("outbox/pack.zip"))) as pack:
        return outer | {f"outbox/pack/{name}": pack.read(name) for name in pack.namelist()}


def found(birds: list[str], places: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(bird, place) for place, content in places.items() for bird in birds if bird.encode() in content]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kept", [False, True], ids=["not kept", "kept"])
async def test_no_canary_is_left_anywhere(installed: Callable[..., Running], kept: bool) -> None:
    running, bird = installed(server={"max_text_chars": 100_000}), Aviary()
    if kept:
        keeping(running)
    running.start()
    key, vouching = running.key("aviary"), running.key("vouching", "--vouches-for-users")
    person = bird()

    statuses = await send_all(running, key, requests(bird))
    statuses += await send_all(running, vouching, [("/v1/chat/completions", chat(bird, user=person), {})])
    statuses += await send_all(running, vouching, [("/v1/chat/completions", chat(bird, safety_identifier=person), {})])
    sealed = {place for place in traces(running) if place.startswith(".sekisho/content/")}
    ask_about(running, person)
    metrics = await read(running, "/metrics")
    outbox = await asyncio.to_thread(carried_out, running)
    places = {**traces(running), **outbox, "metrics": metrics}

    assert statuses.count(200) >= 4
    assert 500 not in statuses
    assert len(bird.released) > 80
    assert found([*bird.released, key, vouching, PREFIX], places) == []
    assert bool(sealed) == kept
    assert any(place.startswith(".sekisho/audit/") for place in places)
    records = b"".join(content for place, content in outbox.items() if place.endswith("records.jsonl"))
    assert records.count(b'"type":"intent"') >= 4
    assert json.loads(outbox["outbox/usage.json"])["rows"][0]["requests"] >= 5


def test_the_search_itself_would_find_one(installed: Callable[..., Running]) -> None:
    running = installed()
    (running.folder / ".sekisho" / "leak").write_text("a kanari0x flew")

    assert found(["kanari0x"], traces(running)) == [("kanari0x", ".sekisho/leak")]


@pytest.mark.parametrize("child", ["", "gateway.engines"])
def test_a_crash_leaves_no_core_file(installed: Callable[..., Running], child: str) -> None:
    running = installed().start()

    os.kill(running.child(child) if child else running.pid, signal.SIGABRT)
    if not child:
        assert running.process is not None
        running.process.wait(10)

    assert [path for path in running.folder.rglob("core*") if path.is_file()] == []
