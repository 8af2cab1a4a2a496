"""Answers on the wire: chunks of the domain become OpenAI's JSON objects or server-sent events.

Server-sent events follow the WHATWG HTML standard, section 9.2: ``data: <json>`` and an empty line; a stream that went
well ends with ``data: [DONE]``, one that broke ends with an error event and without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from gateway.domain import Capability, Choice, Chunk, Usage
from gateway.errors import SekishoError
from gateway.http import chat, completions
from gateway.http.call import Call
from gateway.http.speech import Speech

DONE = b"data: [DONE]\n\n"
ToolName = Callable[[str], str]


class Form(msgspec.Struct, frozen=True):
    """How one API writes answers."""

    id_prefix: str
    object: str
    chunk_object: str
    whole: Callable[[Choice, ToolName], dict[str, Any]]
    part: Callable[[Choice, ToolName], dict[str, Any]]


FORMS = {
    Capability.CHAT: Form("chatcmpl-", "chat.completion", "chat.completion.chunk", chat.message_of, chat.delta_of),
    Capability.COMPLETE: Form(
        "cmpl-", "text_completion", "text_completion", completions.choice_of, completions.choice_of
    ),
}


class Writer:
    """Writes one answer. ``model`` is the name the caller used, also when it was an alias."""

    def __init__(self, call: Call, request_id: str) -> None:
        self._form = FORMS[call.capability]
        self._tool_name = call.tool_name
        self._includes_usage = call.includes_usage
        self._head = {
            "id": self._form.id_prefix + request_id,
            "object": self._form.chunk_object,
            "created": int(datetime.now(UTC).timestamp()),
            "model": call.model,
        }
        self._usage: Usage | None = None
        request = call.request
        self._fitting = completions.Fitting(request) if isinstance(request, completions.CompletionRequest) else None

    def whole(self, chunk: Chunk) -> bytes:
        """Return a plain answer's body."""
        choices = [self._form.whole(choice, self._tool_name) for choice in self._fitted(chunk)]
        body = {**self._head, "object": self._form.object, "choices": choices}
        if chunk.usage is not None:
            body["usage"] = usage_of(chunk.usage)
        return orjson.dumps(body)

    def event(self, chunk: Chunk) -> bytes:
        """Return the chunk as an event; empty when it only brought the usage, which comes last."""
        self._usage = chunk.usage or self._usage
        if not chunk.choices:
            return b""
        choices = [self._form.part(choice, self._tool_name) for choice in self._fitted(chunk)]
        body = {**self._head, "choices": choices}
        if self._includes_usage:
            body["usage"] = None
        return b"data: " + orjson.dumps(body) + b"\n\n"

    def _fitted(self, chunk: Chunk) -> Iterable[Choice]:
        return chunk.choices if self._fitting is None else map(self._fitting.fitted, chunk.choices)

    def end(self) -> bytes:
        """Return what ends a stream that went well: the usage when it was asked for, and ``[DONE]``."""
        if not self._includes_usage or self._usage is None:
            return DONE
        body = {**self._head, "choices": [], "usage": usage_of(self._usage)}
        return b"data: " + orjson.dumps(body) + b"\n\n" + DONE


def usage_of(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def error_body(error: SekishoError) -> dict[str, Any]:
    """Return OpenAI's error object. ``decision_id`` and ``sekisho`` are ours; clients keep what they do not know."""
    inner: dict[str, Any] = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.openai_code or error.code,
    }
    if error.decision_id:
        inner["decision_id"] = error.decision_id
    if error.detail is not None:
        inner["sekisho"] = error.detail
    return {"error": inner}


def error_event(error: SekishoError) -> bytes:
    """Return the event that ends a stream which broke after its first byte. No ``[DONE]`` follows."""
    return b"data: " + orjson.dumps(error_body(error)) + b"\n\n"


def error_headers(error: SekishoError) -> list[tuple[bytes, bytes]]:
    """Return the headers of a refusal: whether trying again can help, and when (RFC 9110, 10.2.3)."""
    headers = [(b"x-should-retry", b"true" if error.retryable else b"false"), (b"x-sekisho-code", error.code.encode())]
    if error.retryable and error.status in (429, 503):
        seconds = max(1, round(error.retry_after_seconds or 1))
        headers.append((b"retry-after", str(seconds).encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers + decision_header(error.decision_id or "")


def decision_header(decision_id: str) -> list[tuple[bytes, bytes]]:
    """Return the header that names the decision an answer was given under; none when there was no decision."""
    return [(b"x-sekisho-decision", decision_id.encode())] if decision_id else []


OPENAI = Speech(
    writer=Writer,
    error=lambda error, request_id: orjson.dumps(error_body(error)),
    error_event=lambda error, request_id: error_event(error),
)
