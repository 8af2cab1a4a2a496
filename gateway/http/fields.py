"""Types shared by the typed requests: bounded strings, ids, numbers, and parameters that only have one honest value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
ToolName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
TokenId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,7}$")]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Temperature = Annotated[float, msgspec.Meta(ge=0, le=2)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
Bias = Annotated[float, msgspec.Meta(ge=-100, le=100)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Stop = str | Annotated[list[str], msgspec.Meta(max_length=16)] | None
Choices = Annotated[int, msgspec.Meta(ge=1, le=128)]
Metadata = Annotated[dict[str, str], msgspec.Meta(max_length=16)]
ServiceTier = Literal["auto", "default"]
JsonObject = dict[str, Any]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Base of everything that comes from a caller: an unknown field is an error, never ignored."""


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Sampling(Strict):
    """What chat and text completions share."""

    model: ModelName
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Fraction | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    min_p: Fraction | None = None
    n: Choices | None = None
    stop: Stop = None
    seed: Seed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[TokenId, Bias] | None = None
    user: str | None = None

    @property
    def streams(self) -> bool:
        return bool(self.stream)

    @property
    def includes_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def uses_tools(self) -> bool:
        return False

    @property
    def prompts(self) -> int:
        """How many texts there are to answer, each with ``n`` choices."""
        return 1

    @property
    def inputs(self) -> int:
        return self.prompts * (self.n or 1)

    @property
    def most_tokens(self) -> int | None:
        """Tokens of one choice at most, as the caller says."""
        return self.max_tokens

    @property
    def output_bound(self) -> int | None:
        return None if self.most_tokens is None else self.most_tokens * self.inputs

    @property
    def end_user(self) -> str:
        """For whom the application says that it asks."""
        return self.user or ""


MARKS = 4
"""Tokens that an engine puts around one input, at most: ``[CLS]`` and ``[SEP]``, or what stands in a short template."""


class Reading(Strict):
    """What is only read: the engine answers with numbers, so no text is made and none is streamed."""

    model: ModelName

    @property
    def streams(self) -> bool:
        return False

    @property
    def includes_usage(self) -> bool:
        return False

    @property
    def uses_tools(self) -> bool:
        return False

    @property
    def end_user(self) -> str:
        return ""

    @property
    def inputs(self) -> int:
        raise NotImplementedError

    @property
    def beside(self) -> int:
        """Tokens that are read beside the texts of the body, at most."""
        return MARKS * self.inputs

    @property
    def output_bound(self) -> int:
        return self.beside
