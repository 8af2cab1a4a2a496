"""What a caller may say of its waiting: a lower priority, and for how long at most."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import aiohttp
import orjson
import pytest
from house import House

from gateway.http import chat
from gateway.http.endpoint import Endpoint
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.settings import ServerSettings

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}


async def post(port: int, **headers: str) -> tuple[House, int, dict[str, Any]]:
    """Send one request with such headers; return the house it came to, its status, and the error in its answer."""
    house, settings = House(), ServerSettings(listen=f"127.0.0.1:{port}")
    listener = Listener.on_address(Endpoint(chat.API, house.checkpoint(), Gate(), settings), settings)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    url, said = f"http://127.0.0.1:{port}", {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.post(url, json=BODY, headers=said) as answer:
        content = await answer.read()
    listener.should_exit = True
    await serving
    return house, answer.status, orjson.loads(content)["error"] if answer.status != 200 else {}


async def test_the_time_to_wait_is_the_callers(free_port: int) -> None:
    before = time.monotonic()
    house, status, _ = await post(free_port, x_sekisho_wait="2.5")

    assert status == 200
    assert before + 2.5 <= house.deadlines[0] <= time.monotonic() + 2.5


async def test_without_a_word_the_caller_sets_no_end(free_port: int) -> None:
    house, status, _ = await post(free_port)

    assert (status, house.deadlines) == (200, [math.inf])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-sekisho-wait", "soon"),
        ("x-sekisho-wait", "-1"),
        ("x-sekisho-wait", "inf"),
        ("x-sekisho-wait", "1e3"),
        ("x-sekisho-priority", "urgent"),
        ("x-sekisho-priority", "High"),
    ],
)
async def test_what_is_no_word_for_it_is_refused_by_name(free_port: int, name: str, value: str) -> None:
    house, status, error = await post(free_port, **{name: value})

    assert (status, error["param"]) == (400, name)
    assert house.deadlines == []


@pytest.mark.parametrize("value", ["high", "normal", "low"])
async def test_a_priority_may_be_named(free_port: int, value: str) -> None:
    _, status, _ = await post(free_port, x_sekisho_priority=value)

    assert status == 200
