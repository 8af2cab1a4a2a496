"""Bad input in Anthropic's and Ollama's APIs: refused in the original's own envelope, by field; each is one record.

Anthropic: ``{"type": "error", "error": {"type": "invalid_request_error", "message": …}}`` (its error guide). Ollama:
``{"error": "…"}``, words alone; what kind of mistake it was is in ``x-sekisho-code``.
"""

from __future__ import annotations

from typing import Any

import pytest
from asgi import Answered, post
from house import House

from gateway.http.api import build
from gateway.http.gate import Gate
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

MISSING, TYPE, VALUE, UNKNOWN = "missing_required_parameter", "invalid_type", "invalid_value", "unknown_parameter"
TURN = {"role": "user", "content": "hello"}
GOOD: dict[str, dict[str, Any]] = {
    "/v1/messages": {"model": "m", "max_tokens": 9, "messages": [TURN]},
    "/v1/messages/count_tokens": {"model": "m", "messages": [TURN]},
    "/api/chat": {"model": "m", "messages": [TURN]},
    "/api/generate": {"model": "m", "prompt": "hello"},
    "/api/embed": {"model": "m", "input": "hello"},
    "/api/show": {"model": "m"},
}
GONE = object()
CONVERSATION: list[tuple[str, Any, str]] = [("messages", GONE, MISSING), ("messages", "hello", TYPE)]
CONVERSED: list[tuple[str, Any, str]] = [*CONVERSATION, ("messages", [], VALUE), ("tools", {}, TYPE)]
OPTIONS: list[tuple[str, Any, str]] = [
    ("stream", "yes", TYPE),
    ("options", [], TYPE),
    ("options.temperature", "hot", TYPE),
    ("options.temperature", 2.1, VALUE),
    ("options.top_p", 1.1, VALUE),
    ("options.top_k", -1, VALUE),
    ("options.seed", "one", TYPE),
    ("options.num_predict", 1.5, TYPE),
    ("options.invented", 1, UNKNOWN),
]
ROWS: dict[str, list[tuple[str, Any, str]]] = {
    "/v1/messages": [
        *CONVERSED,
        ("max_tokens", GONE, MISSING),
        ("max_tokens", 0, VALUE),
        ("max_tokens", "9", TYPE),
        ("temperature", "hot", TYPE),
        ("temperature", 1.1, VALUE),
        ("temperature", -0.1, VALUE),
        ("top_p", 1.1, VALUE),
        ("top_k", -1, VALUE),
        ("top_k", 0.5, TYPE),
        ("stream", "yes", TYPE),
        ("stop_sequences", "stop", TYPE),
        ("system", 5, TYPE),
        ("service_tier", "gold", VALUE),
        ("metadata.user_id", 5, TYPE),
    ],
    "/v1/messages/count_tokens": CONVERSED,
    "/api/chat": [*CONVERSATION, ("tools", {}, TYPE), *OPTIONS],
    "/api/generate": [("prompt", 5, TYPE), ("system", 5, TYPE), *OPTIONS],
    "/api/embed": [("input", GONE, MISSING), ("input", 5, TYPE), ("dimensions", 0, VALUE), ("dimensions", "9", TYPE)],
    "/api/show": [("verbose", "yes", TYPE)],
}
EVERYWHERE = (("model", GONE, MISSING), ("model", 5, TYPE), ("model", "", VALUE), ("invented", 1, UNKNOWN))
TABLE = [(path, *row) for path in GOOD for row in (*ROWS[path], *EVERYWHERE)]
RAW: dict[str, bytes] = {
    "no JSON": b"{",
    "nothing": b"",
    "a list": b"[]",
    "a field twice": b'{"model":"m","model":"m"}',
    "not UTF-8": b'{"model":"\xff"}',
    "a lone surrogate": rb'{"model":"\ud800"}',
    "U+0000": rb'{"model":"\u0000"}',
    "too deep": b'{"model":' + b"[" * 1000 + b"]" * 1000 + b"}",
}


def body(path: str, field: str, value: Any) -> dict[str, Any]:
    outer, _, inner = field.partition(".")
    changed = {**GOOD[path], outer: {inner: value} if inner else value}
    return {name: one for name, one in changed.items() if one is not GONE}


async def refused(house: House, path: str, said: Any) -> tuple[Answered, str]:
    """Send it; return the answer, and the words of the error where that is in the original's envelope."""
    checkpoint = house.checkpoint()
    answer = await post(build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), ServerSettings()), said, path)
    told = answer.json
    if path.startswith("/api/"):
        assert set(told) == {"error"}
        assert isinstance(told["error"], str)
        return answer, told["error"]
    assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error")
    assert set(told) == {"type", "error", "request_id"}
    return answer, told["error"]["message"]


@pytest.mark.parametrize(
    ("path", "field", "value", "code"),
    TABLE,
    ids=[f"{path} {field} {'gone' if value is GONE else value}" for path, field, value, _ in TABLE],
)
async def test_a_wrong_field_is_named_in_the_originals_envelope(path: str, field: str, value: Any, code: str) -> None:
    house = House()
    answer, words = await refused(house, path, body(path, field, value))

    assert (answer.status, answer.headers["x-sekisho-code"]) == (400, code), words
    assert f"`{field}`" in words
    assert answer.headers["x-should-retry"] == "false"
    assert len(house.denials) == 1
    assert all(not engine.prompts for engine in house.engines.values())


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("kind", RAW)
async def test_what_is_no_body_is_told_in_the_originals_envelope(path: str, kind: str) -> None:
    house = House()
    answer, words = await refused(house, path, RAW[kind])

    assert answer.status == 400
    assert words
    assert len(house.denials) == 1
