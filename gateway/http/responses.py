"""``POST /v1/responses`` and ``/v1/responses/input_tokens``: OpenAI's newer API, recast as engines' one chat form.

What came before, where a conversation goes on, was put before ``input`` by then (:mod:`.responses_endpoint`). Values
are searched and replaced in that body; what an engine gets is made of it::

    {"instructions": "Be brief.", "max_output_tokens": 9,
     "input": [{"role": "user", "content": "2 + 2?"},
               {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"},
               {"type": "function_call_output", "call_id": "c", "output": "4"}]}

    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"},
                  {"role": "assistant", "content": None, "tool_calls": […]},
                  {"role": "tool", "tool_call_id": "c", "content": "4"}],
     "max_tokens": 9}

What an answer is made of comes back as items of its own (reasoning, message, call), so an assistant's items that follow
each other become one turn again. Tokens are counted by the engine, as :mod:`.messages` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
import orjson

from gateway.domain import Capability, Chunk
from gateway.errors import BadRequest
from gateway.http.body import convert
from gateway.http.call import Answer, Api, Call, counted
from gateway.http.media import refuse_media
from gateway.http.parameters import RESPONSES
from gateway.http.responses_speech import SPEECH
from gateway.http.responses_types import DEFAULT, InputTokensRequest, Prompting, ResponsesRequest
from gateway.http.walk import FIXED, JSON, SCHEMA, TEXT

T = TypeVar("T", bound=Prompting)

_ITEMS = frozenset(("message", "function_call", "function_call_output", "reasoning"))
_CHOICES = frozenset(("function", "allowed_tools"))

_PARTS = [{"type": FIXED, "text": TEXT, "refusal": TEXT}]
_ITEM = {
    "type": FIXED,
    "role": FIXED,
    "id": FIXED,
    "call_id": FIXED,
    "status": FIXED,
    "phase": FIXED,
    "content": _PARTS,
    "output": _PARTS,
    "summary": _PARTS,
    "name": TEXT,
    "arguments": JSON,
}
_NAMED = {"type": FIXED, "name": TEXT}
SHAPE = {
    "model": FIXED,  # resolved to a known model or refused; never passed on
    "input": [_ITEM],
    "instructions": TEXT,
    "tools": [{"type": FIXED, "name": TEXT, "description": TEXT, "parameters": SCHEMA}],
    "tool_choice": (FIXED, {**_NAMED, "mode": FIXED, "tools": [_NAMED]}),
    "text": {
        "format": {"type": FIXED, "name": TEXT, "description": TEXT, "schema": SCHEMA},
        "verbosity": FIXED,
    },
    "truncation": FIXED,
    "service_tier": FIXED,
    "previous_response_id": FIXED,  # found for its owner or refused; never passed on
}


# --- request ---------------------------------------------------------------------------------------------------------


def parse(tree: dict[str, Any]) -> ResponsesRequest:
    """Check the body; a message that does not say its ``type`` is told to be one.

    Raises:
        BadRequest: ``unsupported_parameter``, ``request.part_unreadable``, ``request.base64_invalid``, or as
            :func:`gateway.http.body.convert`.
    """
    _refuse(tree)
    return _checked(convert(tree, ResponsesRequest))


def parse_count(tree: dict[str, Any]) -> InputTokensRequest:
    """Check the body of a count. Raises as :func:`parse`."""
    _refuse(tree)
    return _checked(convert(tree, InputTokensRequest))


def _checked(request: T) -> T:
    known = {tool.name for tool in request.tools or ()}
    if request.tool_choice == "required" and not known:
        raise BadRequest("`tool_choice` needs `tools`.", code="invalid_value", param="tool_choice")
    if not known.issuperset(request.chosen):
        raise BadRequest("`tool_choice` names a tool that `tools` lacks.", code="invalid_value", param="tool_choice")
    return request


def _refuse(tree: dict[str, Any]) -> None:
    """Refuse what OpenAI has and engines here have not."""
    RESPONSES.check(tree)
    for number, tool in enumerate(_objects(tree.get("tools"))):
        if isinstance(tool.get("type"), str) and tool["type"] != "function":
            where = f"tools[{number}].type"
            raise _unsupported(where, f"`{where}` is not function: nothing here runs other tools.")
    choice = tree.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("type"), str) and choice["type"] not in _CHOICES:
        raise _unsupported("tool_choice.type", "`tool_choice.type` is not function or allowed_tools.")
    given = tree.get("input")
    refuse_media(given, "input")
    refuse_media(given, "input", "output")
    for number, item in enumerate(_objects(given)):
        if "type" not in item and "role" in item:
            item["type"] = "message"
        kind = item.get("type")
        if isinstance(kind, str) and kind not in _ITEMS:
            where = f"input[{number}].type"
            raise _unsupported(where, f"`{where}` is none of {', '.join(sorted(_ITEMS))}; nothing here reads others.")


def _objects(items: Any) -> Iterable[dict[str, Any]]:
    return (item if isinstance(item, dict) else {} for item in (items if isinstance(items, list) else ()))


def _unsupported(param: str, problem: str) -> BadRequest:
    return BadRequest(problem, code="unsupported_parameter", param=param)


# --- to the engines' form --------------------------------------------------------------------------------------------


def recast(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the body in OpenAI's chat form."""
    said = [{"role": "system", "content": tree["instructions"]}] if tree.get("instructions") else []
    body: dict[str, Any] = {"messages": [*said, *_turns(tree["input"])]}
    if tree.get("tools"):
        body |= _tools(tree["tools"], tree.get("tool_choice"))
        if tree.get("parallel_tool_calls") is not None:
            body["parallel_tool_calls"] = tree["parallel_tool_calls"]
    shape = (tree.get("text") or {}).get("format")
    if shape is not None:
        body["response_format"] = _format(shape)
    if tree.get("max_output_tokens") is not None:
        body["max_tokens"] = tree["max_output_tokens"]
    return body | {name: DEFAULT if tree.get(name) is None else tree[name] for name in ("temperature", "top_p")}


def _turns(given: Any) -> Iterable[dict[str, Any]]:
    """Yield the turns that items are; an assistant's turn is its reasoning, its words and its calls, in that order."""
    if isinstance(given, str):
        yield {"role": "user", "content": given}
        return
    turn: dict[str, Any] = {}
    for item in given:
        kind = item["type"]
        mine = kind in {"reasoning", "function_call"} or item.get("role") == "assistant"
        if turn and (not mine or (kind != "function_call" and ("content" in turn or "tool_calls" in turn))):
            yield _assistant(turn)
            turn = {}
        if mine:
            _add(turn, item)
        elif kind == "function_call_output":
            yield {"role": "tool", "tool_call_id": item["call_id"], "content": _texts(item["output"])}
        else:
            role = "system" if item["role"] == "developer" else item["role"]  # templates know only "system"
            yield {"role": role, "content": _texts(item["content"])}
    if turn:
        yield _assistant(turn)


def _assistant(turn: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None if "tool_calls" in turn else "", **turn}


def _add(turn: dict[str, Any], item: dict[str, Any]) -> None:
    if item["type"] == "message":
        turn["content"] = _texts(item["content"])
    elif item["type"] == "function_call":
        function = {"name": item["name"], "arguments": item["arguments"]}
        turn.setdefault("tool_calls", []).append({"id": item["call_id"], "type": "function", "function": function})
    else:
        thoughts = [part["text"] for part in item.get("content") or item.get("summary") or ()]
        before = [turn["reasoning_content"]] if "reasoning_content" in turn else []
        if thoughts:
            turn["reasoning_content"] = "\n".join([*before, *thoughts])


def _texts(content: Any) -> Any:
    """Return text or parts as content of a message: one text, or parts where there are several."""
    if isinstance(content, str):
        return content
    parts = [{"type": "text", "text": part["refusal" if part["type"] == "refusal" else "text"]} for part in content]
    return parts if len(parts) > 1 else parts[0]["text"] if parts else ""


def _tools(tools: list[dict[str, Any]], choice: Any) -> dict[str, Any]:
    """Return tools and the choice among them; of ``allowed_tools`` an engine is told those alone."""
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        allowed = {tool["name"] for tool in choice["tools"]}
        tools = [tool for tool in tools if tool["name"] in allowed]
        choice = choice["mode"]
    elif isinstance(choice, dict):
        choice = {"type": "function", "function": {"name": choice["name"]}}
    told: dict[str, Any] = {"tools": [{"type": "function", "function": _function(tool)} for tool in tools]}
    return told if choice is None else {**told, "tool_choice": choice}


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tool.items() if name != "type" and value is not None}


def _format(shape: dict[str, Any]) -> dict[str, Any]:
    if shape["type"] != "json_schema":
        return {"type": shape["type"]}
    return {"type": "json_schema", "json_schema": _function(shape)}


# --- the two addresses -----------------------------------------------------------------------------------------------


def _counted(call: Call, chunk: Chunk, answer_id: str) -> Answer:
    return Answer(orjson.dumps({"object": "response.input_tokens", "input_tokens": counted(chunk)}))


API = Api(
    endpoint="responses",
    capability=Capability.CHAT,
    parse=parse,
    shape=SHAPE,
    withheld=frozenset(
        "model store background include metadata service_tier safety_identifier user stream stream_options "
        "reasoning truncation previous_response_id".split()
    ),
    recast=recast,
    speech=SPEECH,
    parameters=RESPONSES,
    tool_names=frozenset(
        (("tools", "name"), ("tool_choice", "name"), ("tool_choice", "tools", "name"), ("input", "name"))
    ),
)
COUNT = msgspec.structs.replace(
    API,
    endpoint="responses.input_tokens",
    parse=parse_count,
    recast=lambda tree: {**recast(tree), "max_tokens": 1},
    write=_counted,
    counts=True,
)
