"""Reading what :mod:`gateway.engines.plain_tools` had a model answer: JSON that grows, as text or as calls of tools.

The result never depends on where the chunks were cut. ::

    {"content": "It is ...   ->   content "It is ..."
    {"tool_calls": [{"name": "weigh", "arguments": {"part": ...   ->   a call of "weigh", and its arguments as they come
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import msgspec
import orjson

from gateway.domain import Choice, Chunk, ToolCallDelta
from gateway.engines.openai_wire import interrupted
from gateway.engines.plain_tools import Form

_S = r"[ \t\r\n]*"
_OPENING = re.compile(rf'{_S}\{{{_S}"(tool_calls|content)"{_S}:{_S}')
_CALL = re.compile(rf'{_S}[\[,]{_S}\{{{_S}"name"{_S}:{_S}("(?:[^"\\]|\\.)*"){_S},{_S}"arguments"{_S}:{_S}')
_AFTER_CALL = re.compile(rf"{_S}\}}(?={_S}[,\]])")
_END = re.compile(rf"{_S}\]?{_S}\}}{_S}")
_ESCAPES = re.compile(r"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|(\\u[dD][89a-fA-F]..)|\\.")
_HIGH = re.compile(r"\\u[dD][89abAB]..(?:\\(?:u.{0,3})?)?\Z")  # a pair's first half, and what is there of the second
_ESCAPE = 6  # characters of one that has four hexadecimal digits
_MOST_HEAD = 4096  # characters before an answer's or a call's value: a tool's name has 64


class _Value:
    """Finds where one JSON value ends, however it is cut: an object, a list, a text."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = self._escaped = False

    def length_in(self, text: str) -> tuple[int, bool]:
        """Return how many of these characters belong to the value, and whether it ends with them."""
        for position, sign in enumerate(text):
            if self._in_text:
                self._take_in_text(sign)
            elif sign == '"':
                self._in_text = True
            elif sign in "{[":
                self._depth += 1
            elif sign in "}]":
                if self._depth == 0:
                    return position, True  # a number or a word ended before this
                self._depth -= 1
            elif self._depth == 0 and sign in ", \t\r\n":
                return position, True
            elif self._depth == 0:
                continue  # of a number or a word, which ends before the next sign
            if self._depth == 0 and not self._in_text:
                return position + 1, True
        return len(text), False

    def _take_in_text(self, sign: str) -> None:
        if self._escaped:
            self._escaped = False
        elif sign == "\\":
            self._escaped = True
        elif sign == '"':
            self._in_text = False


class _Text:
    """A JSON text, decoded as it comes. Half an escape waits for its rest; half a pair of surrogates is U+FFFD."""

    def __init__(self) -> None:
        self._rest = ""

    def decode(self, raw: str, ended: bool) -> str:
        """Return what the next characters, without the quotes, spell."""
        raw = self._rest + raw
        self._rest = ""
        if not ended and (cut := _cut(raw)) < len(raw):
            raw, self._rest = raw[:cut], raw[cut:]
        whole = _ESCAPES.sub(lambda found: "\\ufffd" if found[2] else found[0], raw)
        try:
            return str(orjson.loads(f'"{whole}"'))
        except orjson.JSONDecodeError as error:
            raise interrupted() from error


def _cut(raw: str) -> int:
    """Return where an escape begins that the end may have cut in two; the length where there is none."""
    at = raw.find("\\")
    while at >= 0:
        more = _ESCAPE if raw[at + 1 : at + 2] == "u" else 2
        if at + more > len(raw) or _HIGH.match(raw, at):
            return at
        at = raw.find("\\", at + more)
    return len(raw)


class Reader:
    """Turns the chunks of one answer of one choice. One for each call to an engine."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._buffer = ""
        self._step = self._opening
        self._value = _Value()
        self._text = _Text()
        self._calls = 0
        self._done = self._began = self._quoted = False

    def read(self, chunk: Chunk) -> Chunk:
        """Return the chunk as if the engine had spoken of tools. Raises EngineUnavailable: it ended amid its JSON."""
        return msgspec.structs.replace(chunk, choices=tuple(self._choice(choice) for choice in chunk.choices))

    def _choice(self, choice: Choice) -> Choice:
        content: str | None = None
        calls: list[ToolCallDelta] = []
        if choice.content:
            self._buffer += choice.content
            for part in self._parts():
                if isinstance(part, str):
                    content = (content or "") + part
                else:
                    calls.append(part)
        reason = choice.finish_reason
        if reason == "stop":
            if not self._done:
                raise interrupted()
            reason = "tool_calls" if self._calls else "stop"
        return msgspec.structs.replace(choice, content=content, tool_calls=tuple(calls), finish_reason=reason)

    def _parts(self) -> Iterator[str | ToolCallDelta]:
        """Yield all that the buffer holds by now."""
        while True:
            step, left = self._step, len(self._buffer)
            yield from step()
            if self._step == step and len(self._buffer) == left:
                return

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._buffer)
        if found is not None:
            self._buffer = self._buffer[found.end() :]
        elif len(self._buffer) > _MOST_HEAD:
            raise interrupted()
        return found

    def _opening(self) -> Iterator[str | ToolCallDelta]:
        found = self._take(_OPENING)
        if found is not None:
            self._step = self._next_call if found[1] == "tool_calls" else self._content
        return iter(())

    def _grown(self) -> tuple[str, bool]:
        """Take what the buffer holds of the value; and whether it ends with that."""
        if not self._began:
            self._buffer = self._buffer.lstrip(" \t\r\n")
            self._began = bool(self._buffer)
        length, ended = self._value.length_in(self._buffer)
        raw, self._buffer = self._buffer[:length], self._buffer[length:]
        return raw, ended

    def _content(self) -> Iterator[str | ToolCallDelta]:
        raw, ended = self._grown()
        if ended:
            self._step = self._end
        if self._form.json_content:
            return iter((raw,) if raw else ())
        text = self._text.decode(self._unquoted(raw, ended), ended)
        return iter((text,) if text else ())

    def _unquoted(self, raw: str, ended: bool) -> str:
        if raw and not self._quoted:
            self._quoted = True
            raw = raw.removeprefix('"')
        return raw[:-1] if ended else raw

    def _next_call(self) -> Iterator[str | ToolCallDelta]:
        found = self._take(_CALL)
        if found is None:
            if self._calls and re.match(rf"{_S}\]", self._buffer):
                self._step = self._end
            return
        self._value, self._step, self._began = _Value(), self._arguments, False
        self._calls += 1
        name = str(orjson.loads(found[1]))
        yield ToolCallDelta(self._calls - 1, f"call_{secrets.token_hex(12)}", name, "")

    def _arguments(self) -> Iterator[str | ToolCallDelta]:
        raw, ended = self._grown()
        if ended:
            self._step = self._after_call
        if raw:
            yield ToolCallDelta(self._calls - 1, None, None, raw)

    def _after_call(self) -> Iterator[str | ToolCallDelta]:
        if self._take(_AFTER_CALL) is not None:
            self._step = self._next_call
        return iter(())

    def _end(self) -> Iterator[str | ToolCallDelta]:
        if self._take(_END) is not None:
            self._done = True
        return iter(())
