"""``POST /v1/messages`` and ``/v1/messages/count_tokens``: Anthropic's API, recast as the one chat form of engines.

Values are searched and replaced in the caller's own body; what an engine gets is made of that::

    {"system": "Be brief.", "max_tokens": 9,
     "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "4"}]}]}

    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "tool", "tool_call_id": "t", "content": "4"}],
     "max_tokens": 9}

Tokens are counted by the engine: it reads the prompt, as it is redacted for it, says one token, and is asked how many
it read. The request that follows finds the prompt read already, where the engine keeps one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from gateway.domain import Capability, Chunk
from gateway.errors import BadRequest
from gateway.http.body import convert
from gateway.http.call import Answer, Api, Call, counted
from gateway.http.media import refuse_media
from gateway.http.messages_speech import SPEECH
from gateway.http.messages_types import CountRequest, MessagesRequest
from gateway.http.parameters import Parameter, Table
from gateway.http.walk import DATA, FIXED, SCHEMA, TEXT

_NO_OTHERS = "Nothing here runs it."
PARAMETERS = Table(
    "/v1/messages",
    *(
        Parameter(name, "refused", how)
        for name, how in (
            ("betas", "Say nothing, or use the header `anthropic-beta`, which is not looked at."),
            ("container", _NO_OTHERS),
            ("diagnostics", "Nothing here compares prompts of two requests."),
            ("context_management", "Nothing here edits a conversation."),
            ("fallbacks", "Models here have no others that take over."),
            ("inference_geo", "Policy decides where a prompt may go."),
            ("mcp_servers", "Nothing here calls servers for a model."),
            ("output_config.effort", "How long a model reasons is its own here."),
            ("output_format", "Use `output_config.format`."),
            ("speed", "There is one speed; `x-sekisho-priority` lowers a request's own priority."),
            ("user_profile_id", "Use `metadata.user_id`."),
            ("workspace_id", "A key belongs to one tenant; `x-sekisho-project` chooses among its projects."),
        )
    ),
    Parameter("thinking.type", "kept", "It must be disabled: no engine here takes a budget for it.", ("disabled",)),
)
_ELSEWHERE = frozenset(
    "redacted_thinking search_result server_tool_use web_search_tool_result web_fetch_tool_result container_upload "
    "code_execution_tool_result bash_code_execution_tool_result text_editor_code_execution_tool_result "
    "tool_search_tool_result mcp_tool_use mcp_tool_result compaction".split()
)
"""Blocks that only Anthropic's own servers can make or read."""

ERRED = "The tool failed: "
"""Before a tool's result that says ``is_error``: the engines' chat form has no other place for that."""

_CACHE = {"type": FIXED, "ttl": FIXED}
_TEXTS = [{"type": FIXED, "text": TEXT, "cache_control": _CACHE}]
_BLOCK = {
    "type": FIXED,
    "text": TEXT,
    "id": FIXED,
    "tool_use_id": FIXED,
    "name": TEXT,
    "input": DATA,
    "caller": {"type": FIXED},
    "content": _TEXTS,
    "thinking": TEXT,
    "cache_control": _CACHE,
}
SHAPE = {
    "model": FIXED,  # resolved to a known model or refused; never passed on
    "system": _TEXTS,
    "messages": [{"role": FIXED, "content": [_BLOCK]}],
    "tools": [{"type": FIXED, "name": TEXT, "description": TEXT, "input_schema": SCHEMA, "cache_control": _CACHE}],
    "tool_choice": {"type": FIXED, "name": TEXT},
    "thinking": {"type": FIXED},
    "metadata": {"user_id": TEXT},
    "output_config": {"format": {"type": FIXED, "schema": SCHEMA}},
    "service_tier": FIXED,
    "cache_control": _CACHE,
}


# --- request ---------------------------------------------------------------------------------------------------------


def parse(tree: dict[str, Any]) -> MessagesRequest:
    """Check the body of a message.

    Raises:
        BadRequest: ``unsupported_parameter``, ``request.part_unreadable``, ``request.base64_invalid``, or as
            :func:`gateway.http.body.convert`.
    """
    _refuse(tree)
    return convert(tree, MessagesRequest)


def parse_count(tree: dict[str, Any]) -> CountRequest:
    """Check the body of a count. Raises as :func:`parse`."""
    _refuse(tree)
    return convert(tree, CountRequest)


def _refuse(tree: dict[str, Any]) -> None:
    """Refuse what Anthropic has and engines here have not."""
    PARAMETERS.check(tree)
    for number, tool in enumerate(_objects(tree.get("tools"))):
        if isinstance(tool.get("type"), str) and tool["type"] != "custom":
            where = f"tools[{number}].type"
            raise _unsupported(where, f"`{where}` names a tool of Anthropic's own; only tools of your own are taken.")
    refuse_media(tree.get("messages"))
    for number, message in enumerate(_objects(tree.get("messages"))):
        _refuse_blocks(message.get("content"), f"messages[{number}].content")


def _refuse_blocks(content: Any, where: str) -> None:
    results = []
    for number, block in enumerate(content if isinstance(content, list) else ()):
        kind = block.get("type") if isinstance(block, dict) else None
        if isinstance(kind, str) and kind in _ELSEWHERE:
            raise _unsupported(f"{where}[{number}]", f"`{where}[{number}]` is a block that this gateway cannot read.")
        if kind == "tool_result":
            results.append((number, block.get("content")))
    for number, inner in results:
        try:
            refuse_media([{"content": inner}])
        except BadRequest as error:
            problem = f"{where}[{number}].content[{(error.param or '').partition('].content[')[2]}"
            message = error.message.replace(error.param or "", problem)
            raise BadRequest(message, code=error.code, param=problem) from error


def _objects(items: Any) -> Iterable[dict[str, Any]]:
    return (item if isinstance(item, dict) else {} for item in (items if isinstance(items, list) else ()))


def _unsupported(param: str, problem: str) -> BadRequest:
    return BadRequest(problem, code="unsupported_parameter", param=param)


# --- to the engines' form --------------------------------------------------------------------------------------------


def recast(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the body in OpenAI's chat form."""
    body: dict[str, Any] = {"messages": [*_system(tree.get("system")), *_turns(tree["messages"])]}
    if tree.get("tools"):
        body["tools"] = [_tool(tool) for tool in tree["tools"]]
        choice = tree.get("tool_choice")
        if choice is not None:
            body |= _choice(choice)
    shape = (tree.get("output_config") or {}).get("format")
    if shape is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "output", "schema": shape["schema"]}}
    if tree.get("stop_sequences"):
        body["stop"] = tree["stop_sequences"]
    same = ("max_tokens", "temperature", "top_p", "top_k")
    return body | {name: tree[name] for name in same if tree.get(name) is not None}


def _system(system: Any) -> list[dict[str, Any]]:
    return [{"role": "system", "content": _texts(system)}] if system else []


def _texts(content: Any) -> Any:
    """Return text or text blocks as content of a message: one text, or parts where there are several."""
    if not isinstance(content, list):
        return content or ""
    parts = [{"type": "text", "text": block["text"]} for block in content]
    return parts if len(parts) > 1 else parts[0]["text"] if parts else ""


def _turns(messages: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            yield {"role": message["role"], "content": content}
        elif message["role"] == "assistant":
            yield _answered(content)
        else:
            yield from _asked(message["role"], content)


def _answered(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    texts = [block for block in blocks if block["type"] == "text"]
    calls = [_call(block) for block in blocks if block["type"] == "tool_use"]
    thoughts = "\n".join(block["thinking"] for block in blocks if block["type"] == "thinking")
    turn: dict[str, Any] = {"role": "assistant", "content": _texts(texts) if texts else None if calls else ""}
    if thoughts:
        turn["reasoning_content"] = thoughts
    if calls:
        turn["tool_calls"] = calls
    return turn


def _call(block: dict[str, Any]) -> dict[str, Any]:
    arguments = orjson.dumps(block["input"]).decode()
    return {"id": block["id"], "type": "function", "function": {"name": block["name"], "arguments": arguments}}


def _asked(role: str, blocks: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield what a turn holds, in its order: results of tools are messages of their own."""
    texts: list[dict[str, Any]] = []
    for block in blocks:
        if block["type"] != "tool_result":
            texts.append(block)
            continue
        if texts:
            yield {"role": role, "content": _texts(texts)}
            texts = []
        yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": _result(block)}
    if texts:
        yield {"role": role, "content": _texts(texts)}


def _result(block: dict[str, Any]) -> Any:
    content = _texts(block.get("content"))
    if not block.get("is_error"):
        return content
    return ERRED + content if isinstance(content, str) else [{"type": "text", "text": ERRED}, *content]


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    function |= {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
    return {"type": "function", "function": function}


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    named = {"type": "function", "function": {"name": choice.get("name")}}
    said = {"auto": "auto", "any": "required", "none": "none"}.get(choice["type"], named)
    alone = choice.get("disable_parallel_tool_use")
    return {"tool_choice": said} if alone is None else {"tool_choice": said, "parallel_tool_calls": not alone}


# --- the two addresses -----------------------------------------------------------------------------------------------


def _counted(call: Call, chunk: Chunk, answer_id: str) -> Answer:
    return Answer(orjson.dumps({"input_tokens": counted(chunk)}))


API = Api(
    endpoint="messages",
    capability=Capability.CHAT,
    parse=parse,
    shape=SHAPE,
    withheld=frozenset(("model", "metadata", "stream", "service_tier", "cache_control", "thinking")),
    recast=recast,
    speech=SPEECH,
    parameters=PARAMETERS,
    tool_names=frozenset((("tools", "name"), ("tool_choice", "name"), ("messages", "content", "name"))),
)
COUNT = msgspec.structs.replace(
    API,
    endpoint="messages.count_tokens",
    parse=parse_count,
    recast=lambda tree: {**recast(tree), "max_tokens": 1},
    write=_counted,
    counts=True,
)
