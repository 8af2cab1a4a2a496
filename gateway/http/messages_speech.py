"""Answers and errors in Anthropic's form, plain and as named server-sent events.

A stream is ``message_start``, for each block ``content_block_start``, ``content_block_delta`` … ``content_block_stop``,
then ``message_delta`` with the reason and the counts, and ``message_stop``. After the first byte an error is an
``error`` event, and nothing follows. The engine counts at its end, so ``message_start`` says 0 and ``message_delta``
what was counted; tokens of the prompt that the engine had read before are ``cache_read_input_tokens``.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.domain import Choice, Chunk, Usage
from gateway.errors import EngineUnavailable, SekishoError
from gateway.http.call import Call
from gateway.http.messages_blocks import Block, Blocks, event_of, object_of, text_of, tool_use
from gateway.http.speech import Speech

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
}
_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
OVERLOADED = 529

# what Anthropic's own servers have to say and engines here have not
_UNSTOPPED: dict[str, Any] = {"stop_reason": None, "stop_sequence": None, "stop_details": None, "container": None}
_WHOLE: dict[str, Any] = {
    "cache_creation": None,
    "inference_geo": None,
    "output_tokens_details": None,
    "server_tool_use": None,
    "service_tier": "standard",
}


class Writer:
    """Writes one message."""

    def __init__(self, call: Call, answer_id: str) -> None:
        self._tool_name = call.tool_name
        self._head = {"id": f"msg_{answer_id}", "type": "message", "role": "assistant", "model": call.model}
        self._usage: Usage | None = None
        self._reason = ""
        self._blocks = Blocks()
        self._called = False
        self._began = False

    # --- whole ---

    def whole(self, chunk: Chunk) -> bytes:
        """Return the message. Raises EngineUnavailable: a call whose arguments are no JSON object."""
        choice = chunk.choices[0]
        content: list[dict[str, Any]] = []
        if choice.reasoning:
            content.append({"type": "thinking", "thinking": choice.reasoning, "signature": ""})
        if choice.content:
            content.append(text_of(choice.content))
        content += self._calls(choice)
        stopped = {**_UNSTOPPED, "stop_reason": _reason(choice.finish_reason, bool(choice.tool_calls))}
        return orjson.dumps({**self._head, "content": content, **stopped, "usage": _WHOLE | usage_of(chunk.usage)})

    def _calls(self, choice: Choice) -> list[dict[str, Any]]:
        """Return the calls; the last one of an answer that was cut short is left out where it is not whole."""
        calls = []
        for call in choice.tool_calls:
            given = object_of(call.arguments or "")
            if given is None and choice.finish_reason != "length":
                raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
            if given is not None:
                name = self._tool_name(call.name or "")
                calls.append(tool_use(call.id or "", name, given))
        return calls

    # --- in parts ---

    def event(self, chunk: Chunk) -> bytes:
        self._usage = chunk.usage or self._usage
        out = b"" if self._began else self._begin()
        for choice in chunk.choices:
            out += self._part(choice)
        return out

    def _begin(self) -> bytes:
        self._began = True
        empty: dict[str, Any] = {"content": [], **_UNSTOPPED, "usage": _WHOLE | usage_of(None)}
        return event_of({"type": "message_start", "message": {**self._head, **empty}}) + event_of({"type": "ping"})

    def _part(self, choice: Choice) -> bytes:
        out = b""
        for kind, text in (("thinking", choice.reasoning), ("text", choice.content)):
            if text:
                out += self._blocks.add(self._block((kind, 0)), text)
        for call in choice.tool_calls:
            block = self._block(("tool_use", call.index))
            block.id = block.id or call.id or ""
            block.name = block.name or self._tool_name(call.name or "")
            if call.arguments:
                out += self._blocks.add(block, call.arguments)
        if choice.finish_reason is not None:
            self._reason = choice.finish_reason
            out += self._blocks.finish()
        return out

    def _block(self, key: tuple[str, int]) -> Block:
        self._called = self._called or key[0] == "tool_use"
        return self._blocks.of(key)

    def end(self) -> bytes:
        begun = b"" if self._began else self._begin()
        stopped = {**_UNSTOPPED, "stop_reason": _reason(self._reason, self._called)}
        last = {"type": "message_delta", "delta": stopped, "usage": usage_of(self._usage)}
        return begun + self._blocks.finish() + event_of(last) + event_of({"type": "message_stop"})


def usage_of(usage: Usage | None) -> dict[str, int]:
    """Return the engine's counts by Anthropic's names; before it has counted, none."""
    usage = usage or Usage(0, 0)
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }


def _reason(finish_reason: str | None, called: bool) -> str:
    if called and finish_reason != "length":
        return "tool_use"
    return _REASONS.get(finish_reason or "", "end_turn")


def error_of(error: SekishoError, request_id: str) -> dict[str, Any]:
    """Return Anthropic's error object. All but ``type`` and ``message`` is ours, where there is something to say."""
    inner: dict[str, Any] = {"type": _TYPES.get(error.status, "invalid_request_error"), "message": error.message}
    ours = {"code": error.code, "param": error.param, "decision_id": error.decision_id, "sekisho": error.detail}
    inner |= {name: value for name, value in ours.items() if value}
    return {"type": "error", "error": inner, "request_id": request_id}


SPEECH = Speech(
    writer=Writer,
    error=lambda error, request_id: orjson.dumps(error_of(error, request_id)),
    error_event=lambda error, request_id: event_of(error_of(error, request_id)),
    status=lambda error: OVERLOADED if error.status == 503 else error.status,
    id_header=b"request-id",
)
