"""OpenAI's answers as bytes <-> domain values: server-sent events, chunks, whole answers, errors. Pure.

The result never depends on how the network cut the bytes. Fields that we do not know (such as fingerprints) are
skipped without being built. No text of an engine's error goes further than this file: it may quote the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.domain import Choice, Chunk, Timings, ToolCallDelta, Usage
from gateway.errors import BadRequest, EngineUnavailable, SekishoError

MAX_EVENT_BYTES = 16 * 1024 * 1024
MOST_TOKENS = 2**40
_DONE = b"[DONE]"

_CONTEXT_TYPES = ("exceed_context_size_error", "context_length_exceeded")  # llama.cpp's type, OpenAI's code


class _Wire(msgspec.Struct, gc=False):
    """What comes in. Unknown fields are skipped."""


class _Function(_Wire, gc=False):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(_Wire, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Message(_Wire, gc=False):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(_Wire, gc=False):
    index: int = 0
    delta: _Message | None = None
    message: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Any = None


class _PromptDetails(_Wire, gc=False):
    cached_tokens: int | None = None


class _Usage(_Wire, gc=False):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Error(_Wire, gc=False):
    type: str | None = None
    code: str | int | None = None
    n_prompt_tokens: int | None = None
    n_ctx: int | None = None


class _Timings(_Wire, gc=False):
    """llama.cpp's own, with the last chunk."""

    prompt_n: int = 0
    prompt_ms: float = 0.0
    predicted_n: int = 0
    predicted_ms: float = 0.0
    cache_n: int = 0


class _Answer(_Wire, gc=False):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Error | None = None
    timings: _Timings | None = None
    prompt_progress: _Wire | None = None  # llama.cpp's: how far it has read the prompt


_decode = msgspec.json.Decoder(_Answer).decode


class EventSplitter:
    """Cuts a byte stream into the data of its events (HTML standard, 9.2.6). Comments and other fields are dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of every event that ``data`` completes.

        Raises:
            EngineUnavailable: one event is larger than :data:`MAX_EVENT_BYTES`.
        """
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_EVENT_BYTES:
            raise interrupted()
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif self._data and line in (b"", b"\r"):
                events.append(b"\n".join(self._data))
                self._data.clear()
        return events


def interrupted() -> EngineUnavailable:
    """The answer broke off, or is not in the form that was agreed."""
    return EngineUnavailable("The model's engine broke off its answer.", code="engine.interrupted")


def too_long(prompt_tokens: int | None, context_tokens: int | None) -> BadRequest:
    """The prompt does not fit; the numbers are told where they are known."""
    known = prompt_tokens is not None and context_tokens is not None
    numbers = f" It takes {context_tokens} tokens; this is {prompt_tokens}." if known else ""
    return BadRequest(f"The prompt is longer than this model's context.{numbers}", code="context_length_exceeded")


def rejected() -> BadRequest:
    """The engine cannot work with this request, whatever its own words for that are."""
    message = "The engine refuses these parameters; check response_format, grammar, tools and sampling values."
    return BadRequest(message, code="engine.rejected")


def _tool_calls(calls: Sequence[_ToolCall]) -> tuple[ToolCallDelta, ...]:
    return tuple(
        ToolCallDelta(
            index=position if call.index is None else call.index,
            id=call.id,
            name=call.function.name if call.function else None,
            arguments=call.function.arguments if call.function else None,
        )
        for position, call in enumerate(calls)
    )


def _choice(choice: _Choice) -> Choice:
    message = choice.delta or choice.message
    if message is None:  # /v1/completions
        return Choice(choice.index, None, choice.text, None, (), choice.finish_reason, choice.logprobs)
    return Choice(
        index=choice.index,
        role=message.role,
        content=message.content,
        reasoning=message.reasoning_content or message.reasoning,
        tool_calls=_tool_calls(message.tool_calls) if message.tool_calls else (),
        finish_reason=choice.finish_reason,
        logprobs=choice.logprobs,
    )


def _usage(usage: _Usage) -> Usage:
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return Usage(_count(usage.prompt_tokens), _count(usage.completion_tokens), _count(cached))


def _timings(told: _Timings) -> Timings:
    read, made, cached = _count(told.prompt_n), _count(told.predicted_n), _count(told.cache_n)
    return Timings(read, told.prompt_ms / 1e3, made, told.predicted_ms / 1e3, cached)


def _count(told: int) -> int:
    """Return a number of tokens as there can be one: an engine may tell any integer, -1 where it does not know."""
    return max(0, min(told, MOST_TOKENS))


def decode_chunk(data: bytes) -> Chunk | None:
    """Return one event, or one whole plain answer, as a chunk; ``None`` where it only tells of progress.

    Raises:
        BadRequest: the event is an error that the request caused.
        EngineUnavailable: any other error, or not the JSON that was agreed.
    """
    try:
        answer = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise interrupted() from error
    return _chunk(answer)


def chunk_from(value: object) -> Chunk | None:
    """As :func:`decode_chunk`, from plain objects that were JSON elsewhere."""
    try:
        answer = msgspec.convert(value, _Answer)
    except msgspec.ValidationError as error:
        raise interrupted() from error
    return _chunk(answer)


def _chunk(answer: _Answer) -> Chunk | None:
    if answer.error is not None:
        raise _refusal(answer.error, _blames_request(answer.error))
    if answer.prompt_progress is not None:
        return None
    usage = _usage(answer.usage) if answer.usage is not None else None
    if not answer.choices and usage is None:
        return None
    timings = _timings(answer.timings) if answer.timings is not None else None
    return Chunk(tuple([_choice(choice) for choice in answer.choices]), usage, timings=timings)


class StreamDecoder:
    """Turns the bytes of a streamed answer into chunks. It MUST end with ``[DONE]``, after each choice's reason."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        self._unfinished: set[int] = set()
        self._done = False

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """Yield every chunk that ``data`` completes. Raises as :func:`decode_chunk`."""
        for event in self._splitter.feed(data):
            if event == _DONE:
                self._done = True
            elif (chunk := decode_chunk(event)) is not None:
                for choice in chunk.choices:
                    (self._unfinished.add if choice.finish_reason is None else self._unfinished.discard)(choice.index)
                yield chunk

    def end(self) -> None:
        """The bytes are over. Raises EngineUnavailable if the answer is not."""
        if not self._done or self._unfinished:
            raise interrupted()


def _blames_request(error: _Error) -> bool:
    named = (error.type, error.code)
    return "invalid_request_error" in named or any(name in named for name in _CONTEXT_TYPES)


def _refusal(error: _Error, requests_fault: bool) -> SekishoError:
    if error.type in _CONTEXT_TYPES or error.code in _CONTEXT_TYPES:
        return too_long(error.n_prompt_tokens, error.n_ctx)
    return rejected() if requests_fault else EngineUnavailable()


def refusal(status: int, body: bytes, requests_faults: frozenset[int]) -> SekishoError:
    """Return what an HTTP status other than 200 means to the caller. ``requests_faults`` are blamed on the request."""
    try:
        error = _decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = None
    return _refusal(error or _Error(), status in requests_faults)


class _Whole:
    """One choice, as it grows."""

    def __init__(self) -> None:
        self.text: dict[str, list[str]] = {"content": [], "reasoning": []}
        self.calls: dict[int, list[ToolCallDelta]] = {}
        self.logprobs: list[Any] = []
        self.role: str | None = None
        self.finish_reason: str | None = None

    def add(self, part: Choice) -> None:
        if part.content is not None:
            self.text["content"].append(part.content)
        if part.reasoning is not None:
            self.text["reasoning"].append(part.reasoning)
        for call in part.tool_calls:
            self.calls.setdefault(call.index, []).append(call)
        if part.logprobs is not None:
            self.logprobs.append(part.logprobs)
        self.role = part.role or self.role
        self.finish_reason = part.finish_reason or self.finish_reason

    def _joined(self, channel: str) -> str | None:
        return "".join(self.text[channel]) if self.text[channel] else None

    def choice(self, index: int) -> Choice:
        return Choice(
            index=index,
            role=self.role,
            content=self._joined("content"),
            reasoning=self._joined("reasoning"),
            tool_calls=tuple(_whole_call(parts) for _, parts in sorted(self.calls.items())),
            finish_reason=self.finish_reason,
            logprobs=_joined_logprobs(self.logprobs),
        )


def _whole_call(parts: Sequence[ToolCallDelta]) -> ToolCallDelta:
    return ToolCallDelta(
        index=parts[0].index,
        id=next((part.id for part in parts if part.id), None),
        name="".join(part.name for part in parts if part.name) or None,
        arguments="".join(part.arguments for part in parts if part.arguments is not None),
    )


def _joined_logprobs(parts: Sequence[Any]) -> Any:
    """Join the lists of each part under their names (``content``; ``tokens``, ``token_logprobs``, ...)."""
    if not parts:
        return None
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            whole[name] = [*whole.get(name, []), *value] if isinstance(value, list) else value
    return whole


class Assembler:
    """Joins the chunks of a streamed answer into the one chunk of a plain answer."""

    def __init__(self) -> None:
        self._choices: dict[int, _Whole] = {}
        self._usage: Usage | None = None
        self._timings: Timings | None = None

    def add(self, chunk: Chunk) -> None:
        for part in chunk.choices:
            self._choices.setdefault(part.index, _Whole()).add(part)
        self._usage = chunk.usage or self._usage
        self._timings = chunk.timings or self._timings

    def chunk(self) -> Chunk:
        choices = tuple(whole.choice(index) for index, whole in sorted(self._choices.items()))
        return Chunk(choices, self._usage, timings=self._timings)
