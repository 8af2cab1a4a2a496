"""``POST /api/chat``, ``/api/generate`` and ``/api/embed``: Ollama's API, recast as the one form of engines.

A model may be named with ``:latest`` behind it. A prompt of ``/api/generate`` is a conversation of one turn, or with
``raw`` a text that goes to the model as it is. Calls of tools have no ids here, so a tool's answer belongs to the
earliest call of its ``tool_name`` that is still without one::

    {"messages": [{"role": "tool", "tool_name": "add", "content": "4"}]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from gateway.domain import Capability, Chunk
from gateway.errors import BadRequest
from gateway.http import embeddings
from gateway.http.body import convert
from gateway.http.call import Answer, Api, Call, MayAsk
from gateway.http.embeddings import EmbeddingRequest, vectors_of
from gateway.http.models import Models
from gateway.http.ollama_speech import CHAT_SPEECH, GENERATE_SPEECH
from gateway.http.ollama_types import REFUSED, OllamaChat, OllamaGenerate
from gateway.http.parameters import Parameter, Table
from gateway.http.walk import DATA, FIXED, SCHEMA, TEXT

_SAME = ("seed", "top_k", "top_p", "min_p", "temperature", "presence_penalty", "frequency_penalty", "stop")
_ASKED = {"model": FIXED, "format": (FIXED, SCHEMA), "options": {"stop": TEXT}}
_CALL = {"id": FIXED, "type": FIXED, "function": {"name": TEXT, "arguments": DATA, "description": TEXT}}
_FUNCTION = {"name": TEXT, "description": TEXT, "parameters": SCHEMA}
_MESSAGE = {
    "role": FIXED,
    "content": TEXT,
    "thinking": TEXT,
    "tool_calls": [_CALL],
    "tool_name": TEXT,
    "tool_call_id": FIXED,
}
CHAT_SHAPE = {**_ASKED, "messages": [_MESSAGE], "tools": [{"type": FIXED, "function": _FUNCTION}]}

CHAT_TABLE = Table("/api/chat", *REFUSED)
GENERATE_TABLE = Table(
    "/api/generate",
    *REFUSED,
    Parameter("context", "refused", "Send the conversation to `/api/chat`."),
    Parameter("suffix", "refused", "No engine here fills in the middle."),
    Parameter("template", "refused", "A model's own template is part of what was signed; use `raw`."),
)
EMBED_TABLE = Table("/api/embed", *(row for row in REFUSED if row.name in ("keep_alive", "truncate")))


# --- requests --------------------------------------------------------------------------------------------------------


def parse_chat(tree: dict[str, Any]) -> OllamaChat:
    """Check the body. Raises BadRequest, naming the field."""
    _tidy(tree)
    CHAT_TABLE.check(tree)
    messages = tree.get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        _refuse_images(message, f"messages[{number}].images")
    return convert(tree, OllamaChat)


def parse_generate(tree: dict[str, Any]) -> OllamaGenerate:
    """Check the body. Raises BadRequest, naming the field."""
    _tidy(tree)
    GENERATE_TABLE.check(tree)
    _refuse_images(tree, "images")
    request = convert(tree, OllamaGenerate)
    if request.raw and request.system:
        raise BadRequest("`system` has no place in a `raw` prompt.", param="system")
    return request


def _tidy(tree: dict[str, Any]) -> None:
    if isinstance(tree.get("model"), str):
        tree["model"] = tree["model"].removesuffix(":latest")


def _refuse_images(holder: Any, param: str) -> None:
    if isinstance(holder, dict) and holder.get("images"):
        problem = f"`{param}` holds images, which this gateway has no reader for: what cannot be searched may not pass."
        raise BadRequest(problem, code="request.part_unreadable", param=param)


async def _prepare_generate(tree: dict[str, Any], may_ask: MayAsk) -> Api:
    return RAW if tree.get("raw") is True else GENERATE


# --- to the engines' form --------------------------------------------------------------------------------------------


def recast_chat(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the body in OpenAI's chat form."""
    body = {"messages": list(_turns(tree["messages"])), **_chosen(tree)}
    if tree.get("tools"):
        body["tools"] = [{"type": "function", "function": _told(tool["function"])} for tool in tree["tools"]]
    return body


def recast_generate(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a prompt as a conversation of one turn."""
    system = [{"role": "system", "content": tree["system"]}] if tree.get("system") else []
    return {"messages": [*system, {"role": "user", "content": tree["prompt"]}], **_chosen(tree)}


def recast_raw(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a prompt as a text to go on with."""
    return {"prompt": tree["prompt"], **_chosen(tree)}


def _chosen(tree: dict[str, Any]) -> dict[str, Any]:
    options = tree.get("options") or {}
    chosen = {name: options[name] for name in _SAME if options.get(name) is not None}
    if (options.get("num_predict") or 0) > 0:
        chosen["max_tokens"] = options["num_predict"]
    wanted = tree.get("format")
    if wanted == "json":
        chosen["response_format"] = {"type": "json_object"}
    elif wanted:
        chosen["response_format"] = {"type": "json_schema", "json_schema": {"name": "output", "schema": wanted}}
    return chosen


def _turns(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    waiting: list[tuple[str, str]] = []  # (name, id) of calls whose answer is still to come
    for number, message in enumerate(messages):
        turn: dict[str, Any] = {"role": message["role"], "content": message.get("content") or ""}
        if message["role"] == "tool":
            turn["tool_call_id"] = _answers(message, waiting)
        if message.get("thinking"):
            turn["reasoning_content"] = message["thinking"]
        if message.get("tool_calls"):
            turn["tool_calls"] = calls = [_call(call, number, i) for i, call in enumerate(message["tool_calls"])]
            waiting += [(call["function"]["name"], call["id"]) for call in calls]
        yield turn


def _answers(message: dict[str, Any], waiting: list[tuple[str, str]]) -> str:
    """Return the id of the call that a tool's message answers, and have it wait no more."""
    said, name = message.get("tool_call_id"), message.get("tool_name")
    for call in waiting:
        if said == call[1] or (said is None and name in (None, call[0])):
            waiting.remove(call)
            return call[1]
    return said or "call_unknown"


def _call(call: dict[str, Any], message: int, number: int) -> dict[str, Any]:
    function = {"name": call["function"]["name"], "arguments": orjson.dumps(call["function"]["arguments"]).decode()}
    return {"id": call.get("id") or f"call_{message}_{number}", "type": "function", "function": function}


def _told(function: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in function.items() if value is not None}


# --- the addresses ---------------------------------------------------------------------------------------------------

CHAT = Api(
    endpoint="ollama.chat",
    capability=Capability.CHAT,
    parse=parse_chat,
    shape=CHAT_SHAPE,
    withheld=frozenset(("model", "stream")),
    recast=recast_chat,
    speech=CHAT_SPEECH,
    any_media_type=True,
    parameters=CHAT_TABLE,
    tool_names=frozenset(
        (("tools", "function", "name"), ("messages", "tool_calls", "function", "name"), ("messages", "tool_name"))
    ),
)
GENERATE = msgspec.structs.replace(
    CHAT,
    endpoint="ollama.generate",
    parse=parse_generate,
    shape={**_ASKED, "prompt": TEXT, "system": TEXT},
    recast=recast_generate,
    speech=GENERATE_SPEECH,
    parameters=GENERATE_TABLE,
    prepare=_prepare_generate,
    tool_names=frozenset(),
)
RAW = msgspec.structs.replace(GENERATE, capability=Capability.COMPLETE, recast=recast_raw)


def embed_api(models: Models) -> Api:
    """Return ``/api/embed`` for a house with these models: OpenAI's embeddings, their answer written as Ollama does."""
    base = embeddings.api(models)

    async def prepare(tree: dict[str, Any], may_ask: MayAsk) -> Api:
        _tidy(tree)
        if base.prepare is not None:
            await base.prepare(tree, may_ask)
        return api

    api = msgspec.structs.replace(
        base,
        endpoint="ollama.embed",
        parse=_parse_embed,
        withheld=base.withheld | {"truncate"},
        prepare=prepare,
        write=_embedded,
        speech=CHAT_SPEECH,
        any_media_type=True,
        parameters=EMBED_TABLE,
    )
    return api


def _parse_embed(tree: dict[str, Any]) -> EmbeddingRequest:
    EMBED_TABLE.check(tree)
    for field in ("user", "encoding_format", "options"):
        if tree.get(field):
            raise BadRequest(f"Unknown parameter: `{field}`.", code="unknown_parameter", param=field)
    for field in ("truncate", "keep_alive", "options"):
        tree.pop(field, None)
    return embeddings.parse(tree)


def _embedded(call: Call, chunk: Chunk, answer_id: str) -> Answer:
    request = call.request
    assert isinstance(request, EmbeddingRequest)  # noqa: S101 - parse made it
    vectors = embeddings.fitted(vectors_of(chunk, request.inputs), request.dimensions)
    body = {
        "model": call.model,
        "embeddings": vectors,
        "prompt_eval_count": chunk.usage.prompt_tokens if chunk.usage else 0,
    }
    return Answer(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY))
