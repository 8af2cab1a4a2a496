"""OpenAI's wire, request by request: parameters, errors as a table, headers, browsers, and input that means harm.

The application is called as ASGI, with no socket between; the house behind it is in memory.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from house import House
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.domain import Choice, Chunk, Usage
from gateway.errors import Unauthenticated
from gateway.http import api, completions
from gateway.http.gate import Gate
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

CHAT = "/v1/chat/completions"
GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
PAGE = "https://apps.example"


class Answer:
    def __init__(self, messages: list[dict[str, Any]]) -> None:
        start, *bodies = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.raw = b"".join(body.get("body", b"") for body in bodies)

    @property
    def json(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def error(self) -> Any:
        return self.json["error"]


class App:
    """The application, and the house behind it."""

    def __init__(self, **settings: Any) -> None:
        self.house = House()
        whole = Chunk((Choice(0, "assistant", "hello", finish_reason="stop"),), Usage(3, 1))
        self.house.engines["a"].script = [whole]
        checkpoint = self.house.checkpoint()
        given = ServerSettings(max_body_bytes=100_000, max_text_chars=10_000, **settings)
        self.app = api.build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), given)

    async def ask(self, body: Any, path: str = CHAT, method: str = "POST", **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        said = {"authorization": "Bearer key", "content-type": "application/json"}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            **{"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""},
            **{
                "root_path": "",
                "scheme": "http",
                "http_version": "1.1",
                "client": ("127.0.0.1", 1),
                "server": ("h", 1),
            },
            "headers": [(name.encode(), value.encode()) for name, value in said.items()],
        }
        sent: list[dict[str, Any]] = []
        unread = [{"type": "http.request", "body": raw, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return unread.pop() if unread else await asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return Answer(sent)

    @property
    def told(self) -> dict[str, Any]:
        """What the engine was sent last."""
        return self.house.engines["a"].prompts[-1].body


# --- parameters ------------------------------------------------------------------------------------------------------

REFUSED: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "function_call": "auto",
    "functions": [],
    "modalities": ["text", "audio"],
    "moderation": {},
    "prediction": {"type": "content", "content": "x"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "service_tier": "flex",
    "store": True,
    "verbosity": "low",
    "web_search_options": {},
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_no_engine_honours_is_refused_by_name(name: str) -> None:
    app = App()

    answer = await app.ask({**GOOD, name: REFUSED[name]})

    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "unsupported_parameter", name)
    assert answer.error["type"] == "invalid_request_error"
    assert app.house.denials == ["unsupported_parameter"]


@pytest.mark.parametrize("said", [{"setting": True}, {"header": "true"}])
async def test_where_dropping_is_allowed_the_answer_names_what_was_dropped(said: dict[str, Any]) -> None:
    app = App(drop_params=said.get("setting", False))
    headers = {"x_sekisho_drop_params": said["header"]} if "header" in said else {}

    answer = await app.ask({**GOOD, **REFUSED, "stream_options": {"include_obfuscation": True}}, **headers)

    assert answer.status == 200
    dropped = set(answer.headers["x-sekisho-dropped-params"].split(", "))
    assert dropped == {*REFUSED, "stream_options.include_obfuscation"}
    assert not set(REFUSED) & set(app.told)


async def test_dropping_drops_nothing_that_the_specification_does_not_know() -> None:
    answer = await App(drop_params=True).ask({**GOOD, "invented": 1})

    assert (answer.status, answer.error["code"]) == (400, "unknown_parameter")


async def test_a_request_may_ask_to_be_refused_where_the_gateway_drops() -> None:
    answer = await App(drop_params=True).ask({**GOOD, "verbosity": "low"}, x_sekisho_drop_params="false")

    assert (answer.status, answer.error["param"]) == (400, "verbosity")


async def test_what_has_one_honest_value_passes_with_it_and_no_engine_is_told() -> None:
    app = App()
    kept = {"store": False, "service_tier": "auto", "modalities": ["text"], "metadata": {"a": "b"}, "verbosity": None}

    answer = await app.ask({**GOOD, **kept, "stream_options": {"include_obfuscation": False}})

    assert answer.status == 200
    assert not {*kept, "stream_options"} - {"verbosity"} & set(app.told)


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


async def test_of_allowed_tools_alone_the_engine_is_told() -> None:
    app = App()
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("b")]}}

    await app.ask({**GOOD, "tools": [tool("a"), tool("b")], "tool_choice": allowed})

    assert (app.told["tools"], app.told["tool_choice"]) == ([tool("b")], "required")


@pytest.mark.parametrize(
    "choice", [tool("b"), {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("b")]}}]
)
async def test_a_choice_of_a_tool_that_is_not_there_is_refused(choice: dict[str, Any]) -> None:
    answer = await App().ask({**GOOD, "tools": [tool("a")], "tool_choice": choice})

    assert (answer.status, answer.error["param"]) == (400, "tool_choice")


async def test_each_choice_of_several_has_its_own_place() -> None:
    app = App()
    app.house.engines["a"].script = [
        Chunk(
            (Choice(0, "assistant", "one", finish_reason="stop"), Choice(1, "assistant", "two", finish_reason="stop"))
        )
    ]

    answer = await app.ask({**GOOD, "n": 2})

    assert app.told["n"] == 2
    assert [choice["message"]["content"] for choice in answer.json["choices"]] == ["one", "two"]


# --- text completions ------------------------------------------------------------------------------------------------

TEXT: dict[str, Any] = {"model": "m", "prompt": ["say", "tell"]}


async def test_echo_puts_each_prompt_before_its_own_choices() -> None:
    app = App()
    app.house.engines["a"].script = [Chunk(tuple(Choice(n, content=f"-{n}", finish_reason="stop") for n in range(4)))]

    answer = await app.ask({**TEXT, "n": 2, "echo": True}, "/v1/completions")

    assert [choice["text"] for choice in answer.json["choices"]] == ["say-0", "say-1", "tell-2", "tell-3"]
    assert "echo" not in app.told


async def test_log_probabilities_of_a_text_have_their_own_form_also_streamed() -> None:
    def token(text: str, *tops: str) -> dict[str, Any]:
        return {"token": text, "logprob": -0.5, "top_logprobs": [{"token": top, "logprob": -1.0} for top in tops]}

    app = App()
    app.house.engines["a"].script = [
        Chunk((Choice(0, content="ab", logprobs={"content": [token("ab", "ab", "x", "y")]}),)),
        Chunk((Choice(0, content="c", finish_reason="stop", logprobs={"content": [token("c")]}),), Usage(1, 2)),
    ]

    answer = await app.ask({"model": "m", "prompt": "say", "logprobs": 2, "stream": True}, "/v1/completions")

    events = [orjson.loads(line[6:]) for line in answer.raw.split(b"\n\n") if line.startswith(b"data: {")]
    first, second = (event["choices"][0]["logprobs"] for event in events)
    assert first == {
        "tokens": ["ab"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{"ab": -1.0, "x": -1.0}],
        "text_offset": [0],
    }
    assert (second["tokens"], second["text_offset"]) == (["c"], [2])


@pytest.mark.parametrize(("said", "bound"), [({}, 16), ({"max_tokens": None}, 16), ({"max_tokens": 40}, 40)])
async def test_a_text_that_says_no_length_is_continued_by_sixteen_tokens(said: dict[str, Any], bound: int) -> None:
    app = App()

    await app.ask({**TEXT, **said}, "/v1/completions")

    assert app.told["max_tokens"] == bound
    assert completions.parse({**TEXT, **said, "n": 3}).output_bound == 2 * 3 * bound


async def test_a_chat_that_says_no_length_has_none() -> None:
    app = App()

    await app.ask(GOOD)

    assert "max_tokens" not in app.told


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"suffix": "x"}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"n": 2, "best_of": 1}, "best_of"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"prompt": [1, 2]}, "prompt"),
    ],
)
async def test_what_a_text_completion_cannot_is_refused_by_name(change: dict[str, Any], param: str) -> None:
    answer = await App().ask({**TEXT, **change}, "/v1/completions")

    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "unsupported_parameter", param)


# --- errors, as OpenAI's ---------------------------------------------------------------------------------------------

USER = b'{"role":"user","content":"x"}'


def body(rest: bytes = b"", message: bytes = USER) -> bytes:
    return b'{"model":"m","messages":[' + message + b"]" + rest + b"}"


ERRORS: dict[str, tuple[bytes, int, str, str]] = {  # body, status, code, param
    "no json": (b"{", 400, "request.invalid", "body"),
    "an array": (b"[]", 400, "request.invalid", "body"),
    "nothing": (b"", 400, "request.invalid", "body"),
    "not utf-8": (body(message=b'{"role":"user","content":"\xff"}'), 400, "request.invalid", "body"),
    "byte order mark": (b"\xef\xbb\xbf" + body(), 400, "request.invalid", "body"),
    "lone surrogate": (
        body(message=b'{"role":"user","content":"\\ud800"}'),
        400,
        "request.invalid",
        "messages[0].content",
    ),
    "nul": (body(message=b'{"role":"user","content":"a\\u0000"}'), 400, "invalid_value", "messages[0].content"),
    "raw nul": (body(message=b'{"role":"user","content":"\0"}'), 400, "request.invalid", "body"),
    "a field twice": (body(b',"model":"n"'), 400, "invalid_value", "model"),
    "a field twice below": (
        body(message=b'{"role":"user","role":"system","content":":"}'),
        400,
        "invalid_value",
        "role",
    ),
    "1e999": (body(b',"temperature":1e999'), 400, "request.invalid", "body"),
    "nan": (body(b',"temperature":NaN'), 400, "request.invalid", "body"),
    "2^64": (body(b',"seed":18446744073709551616'), 400, "invalid_type", "seed"),
    "2^63": (body(b',"seed":9223372036854775808'), 400, "invalid_value", "seed"),
    "a float": (body(b',"max_tokens":1.5'), 400, "invalid_type", "max_tokens"),
    "true for a number": (body(b',"max_tokens":true'), 400, "invalid_type", "max_tokens"),
    "too deep": (body(b',"tools":' + b"[" * 10_000 + b"]" * 10_000), 400, "request.invalid", "body"),
    "no message": (b'{"model":"m","messages":[]}', 400, "invalid_value", "messages"),
    "no model": (b'{"messages":[' + USER + b"]}", 400, "missing_required_parameter", "model"),
    "unknown role": (body(message=b'{"role":"pirate","content":"x"}'), 400, "invalid_value", "messages[0].role"),
    "null model": (b'{"model":null,"messages":[' + USER + b"]}", 400, "invalid_type", "model"),
    "null messages": (b'{"model":"m","messages":null}', 400, "invalid_type", "messages"),
    "null message": (body(message=b"null"), 400, "invalid_type", "messages[0]"),
    "null role": (body(message=b'{"role":null,"content":"x"}'), 400, "invalid_type", "messages[0].role"),
    "null content": (body(message=b'{"role":"user","content":null}'), 400, "invalid_type", "messages[0].content"),
    "unknown field": (body(b',"x":1'), 400, "unknown_parameter", "x"),
    "out of range": (body(b',"temperature":3'), 400, "invalid_value", "temperature"),
    "too large": (body(b" " * 100_000), 413, "request.body_too_large", ""),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_bad_input_is_told_as_openai_tells_it_and_is_a_record(name: str) -> None:
    raw, status, code, param = ERRORS[name]
    app = App()

    answer = await app.ask(raw)

    assert (answer.status, answer.error["code"], answer.error["param"] or "") == (status, code, param)
    assert set(answer.error) == {"message", "type", "param", "code"}
    assert answer.error["type"] == "invalid_request_error"
    assert (answer.headers["x-should-retry"], "retry-after" in answer.headers) == ("false", False)
    assert app.house.denials == [code]


@pytest.mark.parametrize("said", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_body_that_says_it_is_no_json_is_415(said: str) -> None:
    answer = await App().ask(GOOD, content_type=said)

    assert (answer.status, answer.error["code"]) == (415, "request.media_type")


@pytest.mark.parametrize(
    "said", ["application/json; charset=utf-8", "application/vnd.api+json", "", "Application/JSON"]
)
async def test_a_body_that_may_be_json_is_read(said: str) -> None:
    assert (await App().ask(GOOD, content_type=said)).status == 200


async def test_who_is_not_known_is_401_before_anything_else() -> None:
    app = App()
    app.house.faults["identify"] = Unauthenticated()

    answer = await app.ask(b"{", content_type="text/plain")

    assert (answer.status, answer.error["code"], answer.headers["www-authenticate"]) == (
        401,
        "invalid_api_key",
        "Bearer",
    )


async def test_nothing_is_called_safe_without_a_moderation_model() -> None:
    app = App()

    answer = await app.ask({"input": "x"}, "/v1/moderations")

    assert (answer.status, answer.error["code"]) == (404, "moderation_not_configured")
    assert app.house.denials == ["moderation_not_configured"]


# --- methods, headers, browsers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
async def test_a_wrong_method_is_405_and_says_which_is_right(method: str) -> None:
    answer = await App().ask(b"", method=method)

    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


async def test_options_says_what_an_address_takes_and_404_where_there_is_none() -> None:
    app = App()

    known, unknown = await app.ask(b"", method="OPTIONS"), await app.ask(b"", "/v1/nothing", "OPTIONS")

    assert (known.status, known.headers["allow"], known.raw) == (204, "POST, OPTIONS", b"")
    assert unknown.status == 404


async def test_head_is_answered_as_get() -> None:
    assert (await App().ask(b"", "/v1/models", "HEAD")).status == 200


@pytest.mark.parametrize(
    ("path", "method"), [(CHAT, "POST"), ("/v1/models", "GET"), ("/v1/nothing", "GET"), (CHAT, "PUT")]
)
async def test_every_answer_has_an_id_and_how_long_it_took(path: str, method: str) -> None:
    answer = await App().ask(GOOD, path, method)

    assert len(answer.headers["x-request-id"]) == 26
    assert int(answer.headers["openai-processing-ms"]) >= 0


def preflight(origin: str) -> dict[str, str]:
    asked = "authorization, content-type, x-stainless-os"
    return {"origin": origin, "access_control_request_method": "POST", "access_control_request_headers": asked}


async def test_a_preflight_of_a_listed_origin_is_answered_before_identity() -> None:
    app = App(cors_origins=(PAGE,))
    app.house.faults["identify"] = Unauthenticated()

    answer = await app.ask(b"", method="OPTIONS", **preflight(PAGE))

    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, PAGE)
    assert "x-stainless-os" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert app.house.diary == []


@pytest.mark.parametrize("origins", [(), (PAGE,)])
@pytest.mark.parametrize("origin", ["https://apps.example.evil", "null", "http://apps.example", "*"])
async def test_no_other_origin_gets_leave(origins: tuple[str, ...], origin: str) -> None:
    app = App(cors_origins=origins)

    for answer in (await app.ask(b"", method="OPTIONS", **preflight(origin)), await app.ask(GOOD, origin=origin)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(("raw", "status"), [(orjson.dumps(GOOD), 200), (b"{", 400)])
async def test_a_page_of_a_listed_origin_may_read_answers_and_refusals(raw: bytes, status: int) -> None:
    answer = await App(cors_origins=(PAGE,)).ask(raw, origin=PAGE)

    assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, PAGE)
    assert (answer.headers["vary"], "x-request-id" in answer.headers["access-control-expose-headers"]) == (
        "origin",
        True,
    )


# --- nothing is a 500 ------------------------------------------------------------------------------------------------

FULL: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "brief"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", **tool("a"), "type": "function"}]},
        {"role": "tool", "tool_call_id": "c", "content": "4.2 bar"},
        {"role": "user", "content": "hello", "name": "ada"},
    ],
    "tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "object", "enum": [1, "x"]}}}],
    "tool_choice": "auto",
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}},
    "logit_bias": {"5": 1},
    "metadata": {"a": "b"},
    "stop": ["x"],
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "n": 1,
    "seed": 3,
    "logprobs": True,
    "top_logprobs": 2,
}
FULL["messages"][1]["tool_calls"][0]["function"]["arguments"] = '{"x": [1]}'
HARM = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1.5,
        2**63,
        2**64 - 1,
        "",
        "x",
        "\u0000",
        "\ud7ff",
        [],
        {},
        [[]],
        {"": None},
        [None],
        "☃" * 99,
        -1e308,
    ]
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path of a body."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, value in items for found in places(value, (*path, key)))]


def changed(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = node.copy()
    copy[path[0]] = changed(node[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize(("path", "good"), [(CHAT, FULL), ("/v1/completions", {**TEXT, "echo": True, "stop": "x"})])
def test_no_body_makes_a_500_whatever_stands_in_it(path: str, good: dict[str, Any]) -> None:
    app = App()
    spots = [spot for spot in places(good) if spot]

    @hypothesis_settings(max_examples=150)
    @given(st.sampled_from(spots), HARM | st.text(max_size=3), st.booleans())
    def each(spot: tuple[Any, ...], value: Any, dropping: bool) -> None:
        answer = asyncio.run(app.ask(changed(good, spot, value), path, x_sekisho_drop_params=str(dropping).lower()))

        assert answer.status in (200, 400, 404)
        assert answer.status == 200 or answer.error["param"] or answer.error["code"] == "model_not_found"

    assert asyncio.run(app.ask(good, path)).status == 200
    each()
