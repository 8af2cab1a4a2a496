"""Ollama's API: the typed requests, and what becomes of parameters that are about a machine of one's own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gateway.http.fields import (
    Count,
    Fraction,
    Id,
    JsonObject,
    ModelName,
    Penalty,
    Reading,
    Seed,
    Stop,
    Strict,
    Temperature,
    ToolName,
)
from gateway.http.parameters import Parameter

_LOADED = "How a model is loaded is set where it is served."
_SAMPLERS = "Not a sampler that every engine here has."
REFUSED = (
    Parameter("keep_alive", "refused", "How long a model stays loaded is the fleet's."),
    Parameter("think", "kept", "It must be false: whether a model reasons is its own here.", (False,)),
    Parameter("logprobs", "kept", "Ask for them at `/v1/chat/completions`.", (False,)),
    Parameter("top_logprobs", "kept", "Ask for them at `/v1/chat/completions`.", (0,)),
    Parameter("truncate", "kept", "It must be false: what does not fit is refused, never cut.", (False,)),
    Parameter("shift", "kept", "It must be false: what does not fit is refused, never cut.", (False,)),
    *(
        Parameter(f"options.{name}", "refused", _LOADED)
        for name in (
            "numa num_ctx num_batch num_gpu main_gpu low_vram f16_kv logits_all vocab_only use_mmap use_mlock "
            "embedding_only num_thread num_keep draft_num_predict"
        ).split()
    ),
    *(
        Parameter(f"options.{name}", "refused", _SAMPLERS)
        for name in (
            "tfs_z typical_p repeat_last_n repeat_penalty mirostat mirostat_tau mirostat_eta penalize_newline".split()
        )
    ),
)


class Options(Strict):
    """What is chosen for one answer. ``num_predict`` below 0: as much as fits."""

    seed: Seed | None = None
    num_predict: Annotated[int, msgspec.Meta(ge=-2, le=2**31 - 1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    top_p: Fraction | None = None
    min_p: Fraction | None = None
    temperature: Temperature | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    stop: Stop = None


class Asked(Strict):
    """What all requests for text share. They are streamed unless they say otherwise."""

    model: ModelName
    stream: bool | None = None
    format: Literal["", "json"] | JsonObject | None = None
    options: Options | None = None
    think: bool | None = None  # these five have one honest value: see the table above
    logprobs: bool | None = None
    top_logprobs: int | None = None
    truncate: bool | None = None
    shift: bool | None = None

    @property
    def streams(self) -> bool:
        return self.stream is not False

    @property
    def includes_usage(self) -> bool:
        return True

    @property
    def uses_tools(self) -> bool:
        return False

    @property
    def inputs(self) -> int:
        return 1

    @property
    def output_bound(self) -> int | None:
        most = self.options.num_predict if self.options else None
        return most if most is not None and most > 0 else None

    @property
    def end_user(self) -> str:
        """This API has no field for whom a program asks."""
        return ""


class Called(Strict):
    name: ToolName
    arguments: JsonObject
    index: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    description: str | None = None


class OllamaCall(Strict):
    function: Called
    id: Id | None = None
    type: Literal["function"] | None = None


class OllamaMessage(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None
    tool_calls: list[OllamaCall] | None = None
    tool_name: ToolName | None = None
    tool_call_id: Id | None = None


class Described(Strict):
    name: ToolName
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class OllamaTool(Strict):
    function: Described
    type: Literal["function"] | None = None


class OllamaChat(Asked, kw_only=True):
    """Body of ``POST /api/chat``."""

    messages: Annotated[list[OllamaMessage], msgspec.Meta(min_length=1, max_length=10_000)]
    tools: Annotated[list[OllamaTool], msgspec.Meta(max_length=128)] | None = None

    @property
    def uses_tools(self) -> bool:
        return bool(self.tools)


class OllamaGenerate(Asked, kw_only=True):
    """Body of ``POST /api/generate``."""

    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    system: str | None = None
    raw: bool | None = None
    images: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None


class OllamaEmbed(Reading, kw_only=True):
    """Body of ``POST /api/embed``."""

    input: str | list[str]
    dimensions: Count | None = None
    truncate: bool | None = None

    @property
    def inputs(self) -> int:
        return 1 if isinstance(self.input, str) else len(self.input)


class OllamaShow(Strict):
    """Body of ``POST /api/show``."""

    model: ModelName
    verbose: bool | None = None
