"""Answers and errors in Ollama's form: one JSON object, or a line of JSON for each part and one that says it is done.

Calls of tools come whole, with the part that ends the answer, their arguments being an object there. Counts and times
are the engine's own; ``total_duration`` is from admission to the last word. After the first byte an error is a line.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import Any

import orjson

from gateway.domain import Choice, Chunk, Timings, ToolCallDelta, Usage
from gateway.errors import EngineUnavailable, SekishoError
from gateway.http.call import Call
from gateway.http.messages_blocks import object_of
from gateway.http.speech import Speech

_NANO = 1_000_000_000


class Writer:
    """Writes one answer; ``says`` is where its text goes."""

    def __init__(self, call: Call, says: Callable[[str, str, list[dict[str, Any]]], dict[str, Any]]) -> None:
        self._tool_name = call.tool_name
        self._model = call.model
        self._says = says
        self._began = perf_counter_ns()
        self._usage: Usage | None = None
        self._timings: Timings | None = None
        self._reason = "stop"
        self._calls: dict[int, tuple[str, str]] = {}  # name and arguments

    def whole(self, chunk: Chunk) -> bytes:
        """Return the answer. Raises EngineUnavailable: a call whose arguments are no JSON object."""
        choice = chunk.choices[0]
        self._note(chunk, choice)
        said = self._says(choice.content or "", choice.reasoning or "", self._called())
        return orjson.dumps({**self._head(), **said, **self._done()})

    def event(self, chunk: Chunk) -> bytes:
        out = b""
        self._note(chunk, None)
        for choice in chunk.choices:
            self._note(chunk, choice)
            if choice.content or choice.reasoning:
                said = self._says(choice.content or "", choice.reasoning or "", [])
                out += _line({**self._head(), **said, "done": False})
        return out

    def end(self) -> bytes:
        calls = self._called()
        before = _line({**self._head(), **self._says("", "", calls), "done": False}) if calls else b""
        return before + _line({**self._head(), **self._says("", "", []), **self._done()})

    def _note(self, chunk: Chunk, choice: Choice | None) -> None:
        self._usage = chunk.usage or self._usage
        self._timings = chunk.timings or self._timings
        if choice is not None:
            self._reason = "length" if choice.finish_reason == "length" else self._reason
            for call in choice.tool_calls:
                self._add(call)

    def _add(self, call: ToolCallDelta) -> None:
        name, arguments = self._calls.get(call.index, ("", ""))
        self._calls[call.index] = (name or self._tool_name(call.name or ""), arguments + (call.arguments or ""))

    def _called(self) -> list[dict[str, Any]]:
        """Return all calls; one that was cut short is left out."""
        calls = []
        for number, (name, arguments) in sorted(self._calls.items()):
            given = object_of(arguments)
            if given is None and self._reason != "length":
                raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
            if given is not None:
                calls.append({"function": {"index": number, "name": name, "arguments": given}})
        return calls

    def _head(self) -> dict[str, Any]:
        return {"model": self._model, "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}

    def _done(self) -> dict[str, Any]:
        done: dict[str, Any] = {"done": True, "done_reason": self._reason}
        done["total_duration"] = perf_counter_ns() - self._began
        if self._usage is not None:
            done |= {"prompt_eval_count": self._usage.prompt_tokens, "eval_count": self._usage.completion_tokens}
        if self._timings is not None:
            done["prompt_eval_duration"] = int(self._timings.prompt_seconds * _NANO)
            done["eval_duration"] = int(self._timings.output_seconds * _NANO)
        return done


def _line(data: dict[str, Any]) -> bytes:
    return orjson.dumps(data) + b"\n"


def _message(content: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    message |= {"thinking": thinking} if thinking else {}
    return {"message": message | ({"tool_calls": calls} if calls else {})}


def _response(content: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    return {"response": content} | ({"thinking": thinking} if thinking else {})


def _speech(says: Callable[[str, str, list[dict[str, Any]]], dict[str, Any]]) -> Speech:
    return Speech(
        writer=lambda call, answer_id: Writer(call, says),
        error=lambda error, request_id: orjson.dumps(error_of(error)),
        error_event=lambda error, request_id: _line(error_of(error)),
        streamed_as=b"application/x-ndjson",
    )


def error_of(error: SekishoError) -> dict[str, Any]:
    """Return Ollama's error: words alone. Its code is in ``x-sekisho-code``."""
    return {"error": error.message}


CHAT_SPEECH = _speech(_message)
GENERATE_SPEECH = _speech(_response)
