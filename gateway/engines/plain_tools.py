"""Tools for a model whose chat template knows none: told in a system message, held to by a JSON schema, read back.

llama.cpp renders tools by the model's own template, and where that has no place for them it drops them without a word.
Here they are said in words that any model can read, and the answer is held to one of two forms::

    {"tool_calls": [{"name": "weigh", "arguments": {"part": "A-1"}}]}       a call, or several
    {"content": "It weighs 31 kg."}                                         an answer; only where a call is not required

Earlier calls and their results stand in the history in the same words. What comes back is :class:`Reader`'s to read.
Pure: bodies in, bodies out.

Example::

    body, form = told({"messages": [...], "tools": [...], "tool_choice": "required"})
    reader = Reader(form)                                                   # gateway.engines.plain_calls
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from gateway.domain import Capability, Prompt
from gateway.engines.openai_wire import rejected
from gateway.errors import BadRequest

Body = dict[str, Any]

PROBE_MARKS = ("sekisho_probe_description", "sekisho_probe_value", "sekisho_probe_result")
"""What a template that knows tools has in its prompt of :data:`PROBE`: a tool, a call of it, and the result."""

PROBE: Body = {
    "messages": [
        {"role": "user", "content": "What does it weigh?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call00001",  # nine letters and digits: what some templates insist on
                    "type": "function",
                    "function": {"name": "sekisho_probe", "arguments": f'{{"part": "{PROBE_MARKS[1]}"}}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call00001", "name": "sekisho_probe", "content": PROBE_MARKS[2]},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "sekisho_probe",
                "description": PROBE_MARKS[0],
                "parameters": {"type": "object", "properties": {"part": {"type": "string"}}, "required": ["part"]},
            },
        }
    ],
}

FORCED = Prompt(
    "warm-up",
    Capability.CHAT,
    {
        "messages": PROBE["messages"][:1],
        "tools": PROBE["tools"],
        "tool_choice": "required",
        "max_tokens": 48,
        "temperature": 0,
    },
    stream=True,
    slot=0,
)
"""What an engine that knows how its model writes calls answers with a call."""

_NOTHING: Body = {"type": "object", "properties": {}, "additionalProperties": False}
_VALUES = frozenset(("const", "enum", "default", "examples"))  # instances, where "$ref" is no reference
_HEAD = "You can call functions. To call, answer with nothing but JSON of this form:\n"
_ONE = '{"tool_calls": [{"name": "<function>", "arguments": {<its arguments>}}]}'
_MANY = '{"tool_calls": [{"name": "<function>", "arguments": {<its arguments>}}, <more calls, if needed>]}'
_MUST = "You must call. "
_MAY = 'Where no function helps, answer with JSON of this form: {"content": "<your answer>"}\n'


class Form(msgspec.Struct, frozen=True):
    """What an answer may look like. ``json_content``: its content is JSON itself, not a text."""

    json_content: bool = False


def named(body: Body) -> Body:
    """Return a body whose ``tool_choice`` is a word: of a tool that it names alone the model is told, and required.

    Raises:
        BadRequest: there is no such tool.
    """
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return body
    name = choice["function"]["name"]
    tools = [tool for tool in body.get("tools") or () if tool["function"]["name"] == name]
    if not tools:
        raise rejected()
    return {**body, "tools": tools, "tool_choice": "required"}


def told(body: Body) -> tuple[Body, Form | None]:
    """Return a chat's body in which no field speaks of tools, and how to read its answer; ``None`` where as it is.

    Args:
        body: in llama.cpp's words: ``tool_choice`` is a word, ``tools`` are those that may be called.

    Raises:
        BadRequest: ``stop`` beside tools, which would be looked for in the JSON around the answer; a tool that is no
            function.
    """
    bare = {name: value for name, value in body.items() if name not in _SPOKEN_OF}
    messages = _history(body.get("messages") or [])
    tools, choice = body.get("tools"), body.get("tool_choice") or "auto"
    if not tools or choice == "none":
        return {**bare, "messages": messages}, None
    if body.get("stop"):
        problem = "Unsupported parameter: `stop` beside `tools` is not supported with this model."
        raise BadRequest(problem, code="unsupported_parameter", param="stop")
    if any("function" not in tool for tool in tools):
        raise rejected()
    functions = [tool["function"] for tool in tools]
    several = body.get("parallel_tool_calls") is not False
    content = None if choice == "required" else _content(body.get("response_format"))
    schema = _schema(functions, several=several, content=content)
    words = _words(functions, several=several, must=content is None)
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    form = Form(json_content=content is not None and content != {"type": "string"})
    return {**bare, "messages": _with_system(messages, words), "response_format": shape}, form


_SPOKEN_OF = frozenset(("tools", "tool_choice", "parallel_tool_calls"))


def _words(functions: Sequence[Body], *, several: bool, must: bool) -> str:
    said = (
        {name: each[name] for name in ("name", "description", "parameters") if each.get(name)} for each in functions
    )
    lines = "\n".join(orjson.dumps(each).decode() for each in said)
    form = (_MANY if several else _ONE) + "\n"
    return f"{_HEAD}{form}{_MUST if must else _MAY}The functions, one a line:\n{lines}"


def _with_system(messages: list[Body], words: str) -> list[Body]:
    """Put the words at the end of the first message, where that is the system's; else before all messages."""
    if not messages or messages[0].get("role") not in ("system", "developer"):
        return [{"role": "system", "content": words}, *messages]
    first, content = messages[0], messages[0].get("content")
    if isinstance(content, list):
        return [{**first, "content": [*content, {"type": "text", "text": words}]}, *messages[1:]]
    return [{**first, "content": f"{content}\n\n{words}" if content else words}, *messages[1:]]


# --- what was called before ------------------------------------------------------------------------------------------


def _history(messages: Sequence[Body]) -> list[Body]:
    """Return messages in roles that every template knows: calls as the assistant's text, results as the user's.

    Results that follow each other are one message, since many templates take turns only.
    """
    names: dict[str, str] = {}
    out: list[Body] = []
    results: list[str] = []
    for message in messages:
        if message.get("role") == "tool":
            name = names.get(message.get("tool_call_id") or "", "a function")
            results.append(f"Result of {name}:\n{_text(message.get('content'))}")
            continue
        if results:
            out.append({"role": "user", "content": "\n\n".join(results)})
            results = []
        calls = message.get("tool_calls")
        names |= {call["id"]: call["function"]["name"] for call in calls or ()}
        out.append(_called(message, calls) if calls else {k: v for k, v in message.items() if k != "tool_calls"})
    if results:
        out.append({"role": "user", "content": "\n\n".join(results)})
    return out


def _called(message: Body, calls: Sequence[Body]) -> Body:
    """Return an assistant's message with its calls in its text."""
    said = ", ".join(
        f'{{"name": {orjson.dumps(call["function"]["name"]).decode()}, "arguments": {_arguments(call["function"])}}}'
        for call in calls
    )
    text = _text(message.get("content"))
    content = (text + "\n" if text else "") + f'{{"tool_calls": [{said}]}}'
    return {**{name: value for name, value in message.items() if name != "tool_calls"}, "content": content}


def _arguments(function: Body) -> str:
    """Return the arguments as they came, or as a JSON text where a model once made what is no JSON."""
    given = function.get("arguments") or "{}"
    try:
        orjson.loads(given)
    except orjson.JSONDecodeError:
        return orjson.dumps(given).decode()
    return str(given)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content)
    return content or ""


# --- what may be answered --------------------------------------------------------------------------------------------


def _content(wanted: Mapping[str, Any] | None) -> Body:
    """Return the schema of an answer that is no call, as ``response_format`` wants it."""
    kind = (wanted or {}).get("type")
    if kind == "json_object":
        return {"type": "object"}
    if kind == "json_schema":
        return dict((wanted or {})["json_schema"].get("schema") or {"type": "object"})
    return {"type": "string"}


def _schema(functions: Sequence[Body], *, several: bool, content: Body | None) -> Body:
    """Return the schema of the whole answer. Each of the caller's stands below ``$defs``, its references with it."""
    parts = {f"tool{number}": _parameters(each) for number, each in enumerate(functions)}
    if content is not None:
        parts["content"] = content
    one_of = [
        _object({"name": {"const": each["name"]}, "arguments": {"$ref": f"#/$defs/tool{number}"}})
        for number, each in enumerate(functions)
    ]
    calls: Body = {"type": "array", "items": {"anyOf": one_of}, "minItems": 1}
    if not several:
        calls["maxItems"] = 1
    answers = [_object({"tool_calls": calls})]
    if content is not None:
        answers.append(_object({"content": {"$ref": "#/$defs/content"}}))
    return {"anyOf": answers, "$defs": {name: _moved(part, f"#/$defs/{name}") for name, part in parts.items()}}


def _parameters(function: Body) -> Body:
    given = function.get("parameters")
    if not given:
        return _NOTHING
    return given if "type" in given or "$ref" in given else {"type": "object", **given}


def _object(properties: Body) -> Body:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _moved(schema: Any, root: str) -> Any:
    """Return a schema whose references within itself hold at its new place."""
    if isinstance(schema, list):
        return [_moved(each, root) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _moved_member(name, value, root) for name, value in schema.items()}


def _moved_member(name: str, value: Any, root: str) -> Any:
    if name == "$ref" and isinstance(value, str) and value.startswith("#"):
        return root + value[1:]
    return value if name in _VALUES else _moved(value, root)
