"""litellm behind the door: its switches off, its errors told by type; the real one before a provider on loopback."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gateway.domain import Capability, Prompt
from gateway.engines.client import open_session
from gateway.engines.config import ProviderConfig
from gateway.engines.dialect import OpenAIDialect
from gateway.engines.openai_http import Exchange
from gateway.engines.provider import OFFLINE, ProviderEngine
from gateway.engines.providers import Translator, _quiet
from gateway.errors import BadRequest, EngineUnavailable, SetupError
from gateway.settings import RemoteEngineSettings

CANARY = "zqxCANARYzqx"


class Failed(Exception):
    status_code = 503


class Refused(Failed):
    status_code = 400


class TooLong(Refused):
    pass


class Translated:
    """An answer, or a part of one, as litellm hands it over."""

    def __init__(self, text: str) -> None:
        self.text = text

    def model_dump(self, *, exclude_none: bool) -> dict[str, Any]:
        assert exclude_none
        said = {"role": "assistant", "content": self.text}
        return {"choices": [{"index": 0, "message": said, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}


def library(act: Callable[..., Any]) -> Any:
    """A litellm that does one thing."""
    names = ("acompletion", "atext_completion", "aembedding", "arerank")
    errors = {"ContextWindowExceededError": TooLong, "BadRequestError": Refused, "UnprocessableEntityError": Refused}
    return SimpleNamespace(**errors, **dict.fromkeys(names, act))


def config(folder: Path) -> ProviderConfig:
    return ProviderConfig(1, "p/model", "https://p.example", "key", str(folder / "s"), "secret", 5.0, "required")


@asynccontextmanager
async def translating(folder: Path, act: Callable[..., Any], said: str = "secret") -> AsyncIterator[Exchange]:
    """What speaks to a translator before a litellm that does one thing."""
    app = Translator(library(act), config(folder)).application()
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "s")).start()
    exchange = Exchange(open_session(folder / "s", said, 5.0), "http://engine", "p/model", OpenAIDialect())
    try:
        yield exchange
    finally:
        await exchange.close()
        await runner.cleanup()


def hello(**fields: Any) -> Prompt:
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 8, **fields}
    return Prompt("r", Capability.CHAT, body, stream=False)


async def ask(exchange: Exchange, prompt: Prompt) -> Any:
    async with aclosing(exchange.answer(prompt)) as chunks:
        return [chunk async for chunk in chunks]


async def test_one_call_is_made_with_retries_off(short_dir: Path) -> None:
    seen = []

    async def act(**call: Any) -> Translated:
        seen.append(call)
        return Translated("hello")

    async with translating(short_dir, act) as exchange:
        (chunk,) = await ask(exchange, hello(temperature=0))

    assert chunk.choices[0].content == "hello"
    ours = {"model": "p/model", "api_key": "key", "api_base": "https://p.example", "num_retries": 0, "max_retries": 0}
    assert ours.items() <= seen[0].items()
    assert seen[0]["temperature"] == 0


class Part(SimpleNamespace):
    """A part of a streamed answer, as litellm hands it over."""

    def model_dump(self, *, exclude_none: bool) -> dict[str, Any]:
        return vars(self)


async def test_the_empty_choice_beside_the_usage_is_no_new_choice(short_dir: Path) -> None:
    async def parts() -> AsyncIterator[Part]:
        yield Part(choices=[{"index": 0, "delta": {"content": "hello"}}])
        yield Part(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
        yield Part(choices=[{"index": 0, "delta": {}}], usage={"prompt_tokens": 3, "completion_tokens": 1})

    async def act(**call: Any) -> AsyncIterator[Part]:
        return parts()

    async with translating(short_dir, act) as exchange:
        chunks = await ask(exchange, msgspec.structs.replace(hello(), stream=True))

    assert [len(chunk.choices) for chunk in chunks] == [1, 1, 0]
    assert chunks[-1].usage.prompt_tokens == 3


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        (TooLong, BadRequest, "context_length_exceeded"),
        (Refused, BadRequest, "engine.rejected"),
        (Failed, EngineUnavailable, "engine.unavailable"),
        (RuntimeError, EngineUnavailable, "engine.unavailable"),
    ],
)
async def test_errors_are_told_by_type_and_never_by_text(short_dir: Path, error: Any, expected: Any, code: str) -> None:
    async def act(**call: Any) -> None:
        raise error(CANARY)

    async with translating(short_dir, act) as exchange:
        with pytest.raises(expected) as caught:
            await ask(exchange, hello())

    assert caught.value.code == code
    assert CANARY not in str(caught.value)


async def test_who_has_no_secret_gets_nothing(short_dir: Path) -> None:
    called = []

    async def act(**call: Any) -> None:
        called.append(call)

    async with translating(short_dir, act, said="another") as exchange:
        with pytest.raises(EngineUnavailable):
            await ask(exchange, hello())

    assert called == []


async def test_a_hang_up_ends_the_call(short_dir: Path) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def act(**call: Any) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with translating(short_dir, act) as exchange:
        task = asyncio.ensure_future(ask(exchange, hello()))
        await asyncio.wait_for(began.wait(), 10)
        task.cancel()
        await asyncio.wait_for(ended.wait(), 10)


def test_all_that_it_would_do_by_itself_is_off(tmp_path: Path) -> None:
    quiet = SimpleNamespace(callbacks=["x"], num_retries=3, telemetry=True, cache=object(), drop_params=True)
    _quiet(quiet, config(tmp_path))

    assert (quiet.callbacks, quiet.num_retries, quiet.telemetry, quiet.cache) == ([], 0, False, None)
    assert not quiet.drop_params
    assert OFFLINE["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"


def test_without_its_environment_it_says_so(tmp_path: Path) -> None:
    wanted = RemoteEngineSettings(name="p", model="m", kind="litellm")
    for python in ("", "none/bin/python"):
        with pytest.raises(SetupError, match="providers_python"):
            ProviderEngine(wanted, base=tmp_path, run_dir=tmp_path, python=python)


class Anthropic:
    """A provider with an API of its own, on loopback: Anthropic's Messages, as far as these tests go."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.gone = asyncio.Event()
        self.waits = False

    async def messages(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append((request.headers.get("x-api-key", ""), body))
        if self.status != 200:
            error = {"type": "error", "error": {"type": "api_error", "message": CANARY}}
            return web.json_response(error, status=self.status)
        message = {"id": "1", "type": "message", "role": "assistant", "model": "claude-test", "stop_sequence": None}
        usage = {"input_tokens": 5, "output_tokens": 2}
        if not body.get("stream"):
            content = [{"type": "text", "text": "Good day."}]
            return web.json_response({**message, "content": content, "stop_reason": "end_turn", "usage": usage})
        start = {**message, "content": [], "stop_reason": None, "usage": usage}
        return await self._stream(request, start, usage)

    async def _stream(self, request: web.Request, start: Any, usage: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Good"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " day."}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
            {"type": "message_stop"},
        ]
        try:
            for event in events:
                await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                if self.waits and event["type"] == "content_block_delta":
                    await asyncio.Event().wait()
        finally:
            self.gone.set()
        return response


@pytest.fixture(scope="session")
def providers_python(repository: Path) -> str:
    """The Python of an environment with litellm, made from its lock where there is none yet."""
    venv = repository / ".cache/providers-venv"
    python = venv / "bin/python"
    if not list(venv.glob("lib/python*/site-packages/litellm")):
        lock = repository / "offline-bundle/locks/providers.txt"
        options = ["--quiet", "--no-compile", "--no-deps", "--require-hashes"]  # few of its modules are ever imported
        install = [str(python), "-m", "pip", "install", *options, "-r", str(lock)]
        try:
            subprocess.run(["python3.11", "-m", "venv", str(venv)], check=True, capture_output=True)
            subprocess.run(install, check=True, capture_output=True, timeout=600)
        except (OSError, subprocess.SubprocessError):
            pytest.skip("the environment of offline-bundle/locks/providers.txt cannot be made here")
    return str(python)


@pytest.fixture
async def anthropic(free_port: int) -> AsyncIterator[Anthropic]:
    provider = Anthropic()
    app = web.Application()
    app.router.add_post("/v1/messages", provider.messages)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", free_port).start()
    yield provider
    await runner.cleanup()


def shown_of(pid: int | None) -> bytes:
    """What anybody on this machine may read of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_real_one_translates_and_keeps_to_itself(
    anthropic: Anthropic, providers_python: str, short_dir: Path, free_port: int, chat: Any, collect: Any, text_of: Any
) -> None:
    (short_dir / "key").write_text("sk-provider")
    wanted = RemoteEngineSettings(
        name="claude",
        model="claude",
        kind="litellm",
        remote_model="anthropic/claude-test",
        url=f"http://127.0.0.1:{free_port}",
        api_key_file="key",
    )
    up = asyncio.Event()
    engine = ProviderEngine(wanted, base=short_dir, run_dir=short_dir, python=providers_python, on_change=up.set)
    await engine.start()
    try:
        await asyncio.wait_for(up.wait(), 500)
        plain = await collect(engine, chat("hello", stream=False))
        streamed = await collect(engine, chat("hello"))
        told = shown_of(engine.pid)
        anthropic.status = 500
        before = len(anthropic.asked)
        with pytest.raises(EngineUnavailable) as caught:
            await collect(engine, chat("hello", stream=False))
        tries = len(anthropic.asked) - before
        anthropic.status, anthropic.waits = 200, True
        anthropic.gone.clear()
        async with aclosing(engine.answer(chat("hello"))) as chunks:
            await anext(chunks)
        await asyncio.wait_for(anthropic.gone.wait(), 10)
    finally:
        await engine.stop()

    assert (text_of(plain), text_of(streamed)) == ("Good day.", "Good day.")
    assert plain[0].usage.prompt_tokens == 5
    assert anthropic.asked[0][0] == "sk-provider"
    assert b"sk-provider" not in told
    assert tries == 1
    assert CANARY not in str(caught.value)
    assert engine.build.startswith("litellm/")
    assert engine.locks["landlock"].startswith("on")
