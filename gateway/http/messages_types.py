"""Anthropic's ``/v1/messages``: the typed request. What a gateway of one's own engines cannot do is refused by name.

Blocks that hold no text (images, documents) and tools that run at Anthropic have no type here: :mod:`.messages` says
so before these types would call them unknown.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gateway.http.fields import Count, Fraction, Id, JsonObject, ModelName, Strict, ToolName


class CacheControl(Strict):
    """A mark for a cache that is ours to keep; engines here reuse prompts of the same tenant without one."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class Block(Strict, tag_field="type"):
    cache_control: CacheControl | None = None


class TextBlock(Block, tag="text", kw_only=True):
    text: str
    citations: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None


class DirectCaller(Strict):
    type: Literal["direct"]


class ToolUse(Block, tag="tool_use", kw_only=True):
    id: Id
    name: ToolName
    input: JsonObject
    caller: DirectCaller | None = None
    toolset_name: None = None


class ToolResult(Block, tag="tool_result", kw_only=True):
    tool_use_id: Id
    content: str | list[TextBlock] | None = None
    is_error: bool | None = None
    toolset_name: None = None


class Thinking(Strict, tag_field="type", tag="thinking"):
    """Reasoning of an earlier answer of ours; our own ``signature`` is empty."""

    thinking: str
    signature: str = ""


Said = str | Annotated[list[TextBlock | ToolUse | ToolResult | Thinking], msgspec.Meta(min_length=1)]


_SAYS: dict[str, tuple[type[Any], ...]] = {
    "user": (TextBlock, ToolResult),
    "assistant": (TextBlock, ToolUse, Thinking),
    "system": (TextBlock,),
}


class Turn(Strict):
    role: Literal["user", "assistant", "system"]
    content: Said

    def __post_init__(self) -> None:
        if not isinstance(self.content, str) and not all(isinstance(b, _SAYS[self.role]) for b in self.content):
            raise ValueError(f"a message of role {self.role} holds a block that is not for that role")


class OwnTool(Strict):
    """A tool that the caller runs itself."""

    name: ToolName
    input_schema: JsonObject
    description: str | None = None
    type: Literal["custom"] | None = None
    cache_control: CacheControl | None = None
    strict: bool | None = None
    eager_input_streaming: bool | None = None


class Auto(Strict, tag_field="type", tag="auto"):
    disable_parallel_tool_use: bool | None = None


class Any_(Strict, tag_field="type", tag="any"):
    disable_parallel_tool_use: bool | None = None


class Named(Strict, tag_field="type", tag="tool"):
    name: ToolName
    disable_parallel_tool_use: bool | None = None


class NoTool(Strict, tag_field="type", tag="none"):
    pass


class Unthinking(Strict):
    type: Literal["disabled"]


class Metadata(Strict):
    user_id: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class OutputSchema(Strict):
    type: Literal["json_schema"]
    schema: JsonObject


class OutputConfig(Strict):
    format: OutputSchema | None = None


class Prompting(Strict):
    """What is read of a conversation: all that is counted."""

    model: ModelName
    messages: Annotated[list[Turn], msgspec.Meta(min_length=1, max_length=100_000)]
    system: str | list[TextBlock] | None = None
    tools: Annotated[list[OwnTool], msgspec.Meta(max_length=512)] | None = None
    tool_choice: Auto | Any_ | Named | NoTool | None = None
    thinking: Unthinking | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None

    @property
    def streams(self) -> bool:
        return False

    @property
    def includes_usage(self) -> bool:
        return True

    @property
    def uses_tools(self) -> bool:
        return bool(self.tools)

    @property
    def inputs(self) -> int:
        return 1

    @property
    def output_bound(self) -> int | None:
        return 1

    @property
    def end_user(self) -> str:
        """For whom the application says that it asks."""
        return ""


class CountRequest(Prompting):
    """Body of ``POST /v1/messages/count_tokens``."""


class MessagesRequest(Prompting, kw_only=True):
    """Body of ``POST /v1/messages``."""

    max_tokens: Count
    stream: bool | None = None
    stop_sequences: Annotated[list[str], msgspec.Meta(max_length=16)] | None = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None

    @property
    def streams(self) -> bool:
        return bool(self.stream)

    @property
    def output_bound(self) -> int | None:
        return self.max_tokens

    @property
    def end_user(self) -> str:
        return (self.metadata and self.metadata.user_id) or ""
