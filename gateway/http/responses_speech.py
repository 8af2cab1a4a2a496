"""Answers of ``/v1/responses``, plain and as named server-sent events; errors are OpenAI's.

A stream is ``response.created``, ``response.in_progress``, the events of its items (:mod:`.responses_items`), and one
of ``response.completed``, ``response.incomplete`` and ``response.failed``; that one holds the whole response. All are
numbered, and no ``[DONE]`` follows. A response tells the caller's own wishes back, as they came.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import orjson

from gateway.domain import Choice, Chunk, Usage
from gateway.errors import SekishoError
from gateway.http.call import Call
from gateway.http.responses_items import Items
from gateway.http.responses_types import DEFAULT, ResponsesRequest
from gateway.http.speech import Speech
from gateway.http.wire import OPENAI, error_body

_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Writer:
    """Writes one response."""

    def __init__(self, call: Call, answer_id: str) -> None:
        self._tool_name = call.tool_name
        self._items = Items(answer_id)
        self._usage: Usage | None = None
        self._reason: str | None = None
        self._began = False
        self._streams = call.stream
        self._ending: dict[str, Any] | None = None
        self._last = b""  # the events that ended its items
        head = {"id": f"resp_{answer_id}", "object": "response", "created_at": _now(), "model": call.model}
        self._head = {**head, **_told_back(cast(ResponsesRequest, call.request))}

    def whole(self, chunk: Chunk) -> bytes:
        """Return the response."""
        self.note(chunk)
        return self.body()

    def event(self, chunk: Chunk) -> bytes:
        return (b"" if self._began else self._begin()) + self.note(chunk)

    def end(self) -> bytes:
        response = self.close()
        return self._last + self._items.frame(str(response["status"]), response=response)

    def body(self) -> bytes:
        """Return a plain answer's body."""
        return orjson.dumps(self.close())

    def start(self) -> dict[str, Any]:
        """Return the response as it is before anything was answered."""
        return self._response("in_progress")

    def stores(self, is_kept: bool) -> None:
        """Say of the answer whether it is kept, from now on."""
        self._head["store"] = is_kept
        if self._ending is not None:
            self._ending["store"] = is_kept

    def close(self) -> dict[str, Any]:
        """End all items and return the response; :meth:`end` says so to the caller."""
        if self._ending is None:
            self._last = self._begin() if self._streams and not self._began else b""
            self._last += self._items.finish(cut=self._cut is not None)
            self._ending = self._ended()
        return self._ending

    def broken(self, error: BaseException) -> dict[str, Any]:
        """Return the response that was cut off, as far as it came."""
        self._items.give_up()
        if isinstance(error, SekishoError):
            return self._response("failed", error=error_body(error)["error"])
        return self._response("cancelled")

    def failed(self, error: SekishoError) -> bytes:
        """Return the event that says why the response ends here, with the items as far as they came."""
        return self._items.frame("failed", response=self.broken(error))

    def _begin(self) -> bytes:
        self._began = True
        response = self._response("in_progress")
        return self._items.frame("created", response=response) + self._items.frame("in_progress", response=response)

    def note(self, chunk: Chunk) -> bytes:
        """Take note of more of the answer; returns its events."""
        self._usage = chunk.usage or self._usage
        return b"".join(self._part(choice) for choice in chunk.choices)

    def _part(self, choice: Choice) -> bytes:
        self._reason = choice.finish_reason or self._reason
        out = self._items.say("reasoning", choice.reasoning) if choice.reasoning else b""
        if choice.content:
            out += self._items.say("message", choice.content)
        for call in choice.tool_calls:
            out += self._items.call(call.index, call.id, self._tool_name(call.name or ""), call.arguments or "")
        return out

    @property
    def _cut(self) -> str | None:
        """Why the answer is not complete, if it is not."""
        return _CUT.get(self._reason or "")

    def _ended(self) -> dict[str, Any]:
        if self._cut is not None:
            return self._response("incomplete", incomplete_details={"reason": self._cut})
        return self._response("completed", completed_at=_now())

    def _response(self, status: str, **more: Any) -> dict[str, Any]:
        usage = None if self._usage is None else usage_of(self._usage, has_reasoning=self._items.has_reasoning)
        return {
            **self._head,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "output": self._items.output,
            "usage": usage,
            **more,
        }


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


def _told_back(request: ResponsesRequest) -> dict[str, Any]:
    """Return what a response says of its request: the caller's wishes, and what stands where none was told."""
    text = msgspec.to_builtins(request.text) or {}
    tools = [{"description": None, "parameters": None, "strict": None, **_plain(tool)} for tool in request.tools or ()]
    return {
        "background": False,
        "completed_at": None,
        "frequency_penalty": 0,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": None,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "presence_penalty": 0,
        "previous_response_id": request.previous_response_id,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": request.safety_identifier,
        "service_tier": "default",
        "store": False,
        "temperature": DEFAULT if request.temperature is None else request.temperature,
        "text": {"format": text.get("format") or {"type": "text"}},
        "tool_choice": _plain(request.tool_choice) or "auto",
        "tools": tools,
        "top_logprobs": 0,
        "top_p": DEFAULT if request.top_p is None else request.top_p,
        "truncation": "disabled",
        "user": request.user,
    }


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def usage_of(usage: Usage, *, has_reasoning: bool) -> dict[str, Any]:
    """Return the engine's counts by this API's names. Engines do not count reasoning apart: it is 0 or not told."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {} if has_reasoning else {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


SPEECH = Speech(writer=Writer, error=OPENAI.error, error_event=OPENAI.error_event)
