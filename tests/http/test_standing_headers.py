"""What a caller is told of its limits, on the wire: on an answer, and on a refusal."""

from __future__ import annotations

import asyncio
from typing import Any

from house import House

from gateway.errors import RateExceeded
from gateway.http import chat
from gateway.http.endpoint import Endpoint
from gateway.http.gate import Gate
from gateway.identity.door import Standing
from gateway.settings import ServerSettings

LEFT = Standing(60, 59, 1.0, 1000, 0, 90.0)
TOLD = {
    b"x-ratelimit-limit-requests": b"60",
    b"x-ratelimit-remaining-requests": b"59",
    b"x-ratelimit-reset-requests": b"1s",
    b"x-ratelimit-limit-tokens": b"1000",
    b"x-ratelimit-remaining-tokens": b"0",
    b"x-ratelimit-reset-tokens": b"1m30s",
}


async def headers_of(house: House) -> tuple[int, dict[bytes, bytes]]:
    """Send one request as ASGI does; return status and headers of its answer."""
    body = b'{"model":"m","messages":[{"role":"user","content":"hello"}],"stream":true}'
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}
    sent: list[Any] = []
    asked = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return asked.pop() if asked else {"type": "http.disconnect"} if sent else await _never()

    async def send(message: Any) -> None:
        sent.append(message)

    await Endpoint(chat.API, house.checkpoint(), Gate(), ServerSettings())(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


async def _never() -> Any:
    await asyncio.Event().wait()


async def test_an_answer_tells_what_is_left() -> None:
    house = House()
    house.standing = LEFT
    status, headers = await headers_of(house)
    assert status == 200
    assert {name: value for name, value in headers.items() if name.startswith(b"x-ratelimit")} == TOLD


async def test_a_refusal_tells_it_too() -> None:
    house, refusal = House(), RateExceeded("too many", of="requests", code="limits.requests", retry_after_seconds=7)
    refusal.standing = LEFT
    house.faults["reserve"] = refusal
    status, headers = await headers_of(house)
    assert (status, headers[b"retry-after"], headers[b"x-sekisho-code"]) == (429, b"7", b"limits.requests")
    assert TOLD.items() <= headers.items()


async def test_without_such_limits_no_number_is_made_up() -> None:
    _, headers = await headers_of(House())
    assert not [name for name in headers if name.startswith(b"x-ratelimit")]
