"""``POST /v1/chat/completions``: the typed request, where its text stands, and the answer's wire form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gateway.domain import Capability, Choice, ToolCallDelta
from gateway.errors import BadRequest
from gateway.http.body import convert
from gateway.http.call import Api
from gateway.http.fields import Count, Id, JsonObject, Metadata, Sampling, ServiceTier, Strict, ToolName
from gateway.http.media import refuse_media
from gateway.http.parameters import CHAT
from gateway.http.walk import FIXED, JSON, SCHEMA, TEXT

# --- request ---------------------------------------------------------------------------------------------------------


class TextPart(Strict):
    type: Literal["text"]
    text: str


class RefusalPart(Strict):
    type: Literal["refusal"]
    refusal: str


Parts = Annotated[list[TextPart], msgspec.Meta(min_length=1)]
Content = str | Parts


class System(Strict, tag_field="role", tag="system"):
    content: Content
    name: str | None = None


class Developer(Strict, tag_field="role", tag="developer"):
    content: Content
    name: str | None = None


class User(Strict, tag_field="role", tag="user"):
    content: Content
    name: str | None = None


class FunctionCall(Strict):
    name: ToolName
    arguments: str


class ToolCall(Strict):
    id: Id
    type: Literal["function"]
    function: FunctionCall


class Assistant(Strict, tag_field="role", tag="assistant"):
    """As a client sends an earlier answer back; the fields that are null in ours may come back as null."""

    content: Content | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    annotations: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None
    audio: None = None
    function_call: None = None


class Tool(Strict, tag_field="role", tag="tool"):
    content: Content
    tool_call_id: Id


Message = System | Developer | User | Assistant | Tool


class Function(Strict):
    name: ToolName
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class FunctionTool(Strict):
    type: Literal["function"]
    function: Function


class NamedFunction(Strict):
    name: ToolName


class NamedTool(Strict):
    type: Literal["function"]
    function: NamedFunction


class AllowedTools(Strict):
    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], msgspec.Meta(min_length=1, max_length=128)]


class OneTool(Strict, tag_field="type", tag="function"):
    function: NamedFunction


class SomeTools(Strict, tag_field="type", tag="allowed_tools"):
    allowed_tools: AllowedTools


class SchemaFormat(Strict):
    name: ToolName
    schema: JsonObject
    description: str | None = None
    strict: bool | None = None


class TextFormat(Strict, tag_field="type", tag="text"):
    pass


class JsonFormat(Strict, tag_field="type", tag="json_object"):
    pass


class JsonSchemaFormat(Strict, tag_field="type", tag="json_schema"):
    json_schema: SchemaFormat


class ChatRequest(Sampling, kw_only=True):
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=10_000)]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    response_format: TextFormat | JsonFormat | JsonSchemaFormat | None = None
    tools: Annotated[list[FunctionTool], msgspec.Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | OneTool | SomeTools | None = None
    parallel_tool_calls: bool | None = None
    metadata: Metadata | None = None
    store: bool | None = None
    service_tier: ServiceTier | None = None
    safety_identifier: str | None = None
    modalities: list[Literal["text"]] | None = None

    @property
    def chosen(self) -> list[str]:
        """Names of the tools that ``tool_choice`` speaks of."""
        if isinstance(self.tool_choice, OneTool):
            return [self.tool_choice.function.name]
        if isinstance(self.tool_choice, SomeTools):
            return [tool.function.name for tool in self.tool_choice.allowed_tools.tools]
        return []

    @property
    def uses_tools(self) -> bool:
        return bool(self.tools)

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def end_user(self) -> str:
        return self.safety_identifier or self.user or ""


_CONTENT = [{"type": FIXED, "text": TEXT}]
_FUNCTION = {"name": TEXT, "description": TEXT, "parameters": SCHEMA}
_NAMED = {"type": FIXED, "function": {"name": TEXT}}

SHAPE = {
    "model": FIXED,  # resolved to a known model or refused; never passed on
    "messages": [
        {
            "role": FIXED,
            "content": _CONTENT,
            "name": TEXT,
            "tool_call_id": FIXED,
            "tool_calls": [{"id": FIXED, "type": FIXED, "function": {"name": TEXT, "arguments": JSON}}],
        }
    ],
    "tools": [{"type": FIXED, "function": _FUNCTION}],
    "tool_choice": (FIXED, {**_NAMED, "allowed_tools": {"mode": FIXED, "tools": [_NAMED]}}),
    "response_format": {"type": FIXED, "json_schema": {"name": TEXT, "description": TEXT, "schema": SCHEMA}},
    "stream_options": FIXED,
    "logit_bias": {},
    "service_tier": FIXED,
    "modalities": FIXED,
}


def parse(tree: dict[str, Any]) -> ChatRequest:
    """Check the body; what this API has and our engines do not is named before the general «unknown field».

    Raises:
        BadRequest: ``unsupported_parameter``, ``request.part_unreadable``, ``request.base64_invalid``, or as
            :func:`gateway.http.body.convert`, naming the field.
    """
    CHAT.check(tree)
    refuse_media(tree.get("messages"))
    request = convert(tree, ChatRequest)
    _check_together(request)
    for message in tree["messages"]:
        if message["role"] == "developer":  # o-series name of the same thing; chat templates know only "system"
            message["role"] = "system"
    return request


def _check_together(request: ChatRequest) -> None:
    """Raise BadRequest where one parameter needs another."""
    if request.top_logprobs is not None and not request.logprobs:
        raise BadRequest("`top_logprobs` needs `logprobs: true`.", code="invalid_value", param="top_logprobs")
    known = {tool.function.name for tool in request.tools or ()}
    if request.tool_choice == "required" and not known:
        raise BadRequest("`tool_choice` needs `tools`.", code="invalid_value", param="tool_choice")
    if not known.issuperset(request.chosen):
        raise BadRequest("`tool_choice` names a tool that `tools` lacks.", code="invalid_value", param="tool_choice")


def recast(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body with only those tools that ``allowed_tools`` leaves: engines know no such choice."""
    choice = body.get("tool_choice")
    if not isinstance(choice, dict) or "allowed_tools" not in choice:
        return body
    allowed = choice["allowed_tools"]
    names = {tool["function"]["name"] for tool in allowed["tools"]}
    tools = [tool for tool in body["tools"] if tool["function"]["name"] in names]
    return {**body, "tools": tools, "tool_choice": allowed["mode"]}


API = Api(
    endpoint="chat.completions",
    capability=Capability.CHAT,
    parse=parse,
    shape=SHAPE,
    withheld=frozenset(
        "user safety_identifier metadata store service_tier modalities stream_options stream model".split()
    ),
    parameters=CHAT,
    recast=recast,
)

# --- answer ----------------------------------------------------------------------------------------------------------


def message_of(choice: Choice, tool_name: Any) -> dict[str, Any]:
    """Return a plain answer's choice."""
    message: dict[str, Any] = {"role": "assistant", "content": choice.content, "refusal": None, "annotations": []}
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.tool_calls:
        message["tool_calls"] = [
            {"id": t.id, "type": "function", "function": {"name": tool_name(t.name or ""), "arguments": t.arguments}}
            for t in choice.tool_calls
        ]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": choice.finish_reason,
    }


def delta_of(choice: Choice, tool_name: Any) -> dict[str, Any]:
    """Return a streamed part of a choice."""
    delta: dict[str, Any] = {}
    if choice.role is not None:
        delta["role"] = choice.role
    if choice.content is not None:
        delta["content"] = choice.content
    if choice.reasoning is not None:
        delta["reasoning_content"] = choice.reasoning
    if choice.tool_calls:
        delta["tool_calls"] = [_tool_delta(t, tool_name) for t in choice.tool_calls]
    return {"index": choice.index, "delta": delta, "logprobs": choice.logprobs, "finish_reason": choice.finish_reason}


def _tool_delta(call: ToolCallDelta, tool_name: Any) -> dict[str, Any]:
    function: dict[str, Any] = {}
    if call.name is not None:
        function["name"] = tool_name(call.name)
    if call.arguments is not None:
        function["arguments"] = call.arguments
    head = {} if call.id is None else {"id": call.id, "type": "function"}
    return {"index": call.index, **head, "function": function}
