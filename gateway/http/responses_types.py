"""OpenAI's ``/v1/responses``: the typed request. What this gateway cannot do is refused by name.

Items and parts that hold no text, or that only OpenAI's own servers make, have no type here: :mod:`.responses` says so
before these types would call them unknown.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gateway.http.fields import (
    Count,
    Fraction,
    Id,
    JsonObject,
    Metadata,
    ModelName,
    ServiceTier,
    Strict,
    Temperature,
    ToolName,
)

Status = Literal["in_progress", "completed", "incomplete"]
DEFAULT = 1.0  # OpenAI API reference, "Create a model response": temperature and top_p; an answer says which held
Nothing = Annotated[list[Any], msgspec.Meta(max_length=0)]

# --- input -----------------------------------------------------------------------------------------------------------


class InputText(Strict, tag_field="type", tag="input_text"):
    text: str


class OutputText(Strict, tag_field="type", tag="output_text"):
    """A text of an earlier answer, as ours was: nothing is cited in it."""

    text: str
    annotations: Nothing | None = None
    logprobs: Nothing | None = None


class Refusal(Strict, tag_field="type", tag="refusal"):
    refusal: str


class SummaryText(Strict, tag_field="type", tag="summary_text"):
    text: str


class ReasoningText(Strict, tag_field="type", tag="reasoning_text"):
    text: str


Said = str | Annotated[list[InputText | OutputText | Refusal], msgspec.Meta(min_length=1)]


class Message(Strict, tag_field="type", tag="message"):
    """A message of either side; its ``type`` may be left out, as in the API."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Said
    id: Id | None = None
    status: Status | None = None
    phase: Literal["commentary", "final_answer"] | None = None

    def __post_init__(self) -> None:
        fitting = (OutputText, Refusal) if self.role == "assistant" else (InputText,)
        if not isinstance(self.content, str) and not all(isinstance(part, fitting) for part in self.content):
            raise ValueError(f"a message of role {self.role} holds a part that is not for that role")


class FunctionCall(Strict, tag_field="type", tag="function_call"):
    """A call of an earlier answer."""

    call_id: Id
    name: ToolName
    arguments: str
    id: Id | None = None
    status: Status | None = None
    namespace: None = None
    caller: None = None


class FunctionCallOutput(Strict, tag_field="type", tag="function_call_output"):
    call_id: Id
    output: str | list[InputText]
    id: Id | None = None
    status: Status | None = None
    name: None = None
    namespace: None = None
    caller: None = None


class Reasoning(Strict, tag_field="type", tag="reasoning"):
    """Reasoning of an earlier answer of ours, which is never encrypted."""

    id: Id | None = None
    summary: list[SummaryText] | None = None
    content: list[ReasoningText] | None = None
    encrypted_content: None = None
    status: Status | None = None


Item = Message | FunctionCall | FunctionCallOutput | Reasoning

# --- tools, form of the answer ---------------------------------------------------------------------------------------


class FunctionTool(Strict):
    """A function that the caller runs itself."""

    type: Literal["function"]
    name: ToolName
    parameters: JsonObject | None = None
    description: str | None = None
    strict: bool | None = None


class NamedTool(Strict):
    type: Literal["function"]
    name: ToolName


class OneTool(Strict, tag_field="type", tag="function"):
    name: ToolName


class SomeTools(Strict, tag_field="type", tag="allowed_tools"):
    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], msgspec.Meta(min_length=1, max_length=128)]


class PlainFormat(Strict, tag_field="type", tag="text"):
    pass


class JsonFormat(Strict, tag_field="type", tag="json_object"):
    pass


class SchemaFormat(Strict, tag_field="type", tag="json_schema"):
    name: ToolName
    schema: JsonObject
    description: str | None = None
    strict: bool | None = None


class TextConfig(Strict):
    format: PlainFormat | JsonFormat | SchemaFormat | None = None
    verbosity: Literal["medium"] | None = None


class ReasoningConfig(Strict):
    """Nothing of it can be chosen; clients that always send it send nulls."""

    effort: None = None
    summary: None = None
    generate_summary: None = None
    context: None = None
    mode: None = None


class Unpadded(Strict):
    include_obfuscation: Literal[False] | None = None


# --- requests --------------------------------------------------------------------------------------------------------


class Prompting(Strict):
    """What is read of a conversation: all that is counted."""

    model: ModelName
    input: str | Annotated[list[Item], msgspec.Meta(min_length=1, max_length=10_000)]
    instructions: str | None = None
    tools: Annotated[list[FunctionTool], msgspec.Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | OneTool | SomeTools | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: ReasoningConfig | None = None
    truncation: Literal["disabled"] | None = None
    previous_response_id: Id | None = None

    @property
    def chosen(self) -> list[str]:
        """Names of the tools that ``tool_choice`` speaks of."""
        if isinstance(self.tool_choice, OneTool):
            return [self.tool_choice.name]
        return [tool.name for tool in self.tool_choice.tools] if isinstance(self.tool_choice, SomeTools) else []

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


class InputTokensRequest(Prompting):
    """Body of ``POST /v1/responses/input_tokens``."""


class ResponsesRequest(Prompting, kw_only=True):
    """Body of ``POST /v1/responses``."""

    max_output_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Fraction | None = None
    stream: bool | None = None
    stream_options: Unpadded | None = None
    store: bool | None = None
    background: Literal[False] | None = None
    include: Nothing | None = None
    metadata: Metadata | None = None
    service_tier: ServiceTier | None = None
    safety_identifier: str | None = None
    user: str | None = None

    @property
    def streams(self) -> bool:
        return bool(self.stream)

    @property
    def output_bound(self) -> int | None:
        return self.max_output_tokens

    @property
    def end_user(self) -> str:
        return self.safety_identifier or self.user or ""
