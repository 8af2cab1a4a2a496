"""Turns tags back into values in one answer, plain or streamed.

1. One pass: what was restored is never searched again.
2. The result does not depend on how the answer was cut into chunks. What may be the beginning of a tag waits for its
   rest, at most :data:`gateway.privacy.bends.LONGEST` characters, separately for each choice's content, its reasoning
   and the arguments of each of its tool calls; all other text passes at once.
3. A grant says where: ``text`` is content and reasoning, ``arguments`` are tool calls' arguments (JSON text, so values
   are escaped for JSON there), ``urls`` are links within either (:mod:`gateway.privacy.links`). A tag for a link may
   become that link, but nothing that follows it within the link becomes a value.
4. Log probabilities belong to an engine's tokens: a choice's are dropped from a chunk whose text was changed or held.
5. A request without tags costs nothing: chunks pass as they are.

Example: ``PERSON_7K3M9QX2`` waits; with ``T4VWB6HD's desk`` in the next chunk, ``Ada's desk`` comes out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import msgspec

from gateway.domain import Choice, Chunk, ToolCallDelta
from gateway.privacy.bends import Finder, decode
from gateway.privacy.links import Link
from gateway.privacy.redact import Value

_LINK_TYPE = "URL"


class Untouched:
    """Restorer of a request without tags."""

    restored = 0

    def feed(self, chunk: Chunk) -> Chunk | None:
        return chunk

    def flush(self) -> Chunk | None:
        return None


class _Channel:
    """One text of an answer as it comes in."""

    def __init__(self, way_back: WayBack, json_text: bool) -> None:
        self._way_back = way_back
        self._json_text = json_text
        self._link = Link()
        self._held = ""
        self.restored = 0

    def feed(self, text: str, last: bool) -> str:
        """Return what is certain of the text so far and was not returned yet; all of it when it is the last."""
        text = self._held + text
        out: list[str] = []
        spots, certain = self._way_back.finder.read(text, last)
        cursor = 0
        for spot in spots:
            out.append(self._pass(text[cursor : spot.start]))
            out.append(self._restore(text[spot.start : spot.end], self._way_back.values[spot.core]))
            cursor = spot.end
        out.append(self._pass(text[cursor:certain]))
        self._held = text[certain:]
        return "".join(out)

    def _pass(self, text: str) -> str:
        """Return text that is no tag, and follow it into links and out of them."""
        if self._way_back.in_links:
            return text
        if not self._json_text:
            self._link.advance(decode(text))
            return text
        for part in _json_strings(text):
            if part == '"':
                self._link.leave()
            else:
                self._link.advance(decode(part))
        return text

    def _restore(self, tag: str, value: Value) -> str:
        link = self._link
        if link.inside and not (link.fresh and value.type == _LINK_TYPE):
            return self._pass(tag)
        if not self._way_back.in_links:
            link.advance(value.text)
        self.restored += 1
        return json.dumps(value.text, ensure_ascii=False)[1:-1] if self._json_text else value.text


def _json_strings(text: str) -> Iterable[str]:
    """Yield a piece of JSON text cut at unescaped quotes, which are yielded too."""
    start = cursor = 0
    while cursor < len(text):
        if text[cursor] == '"':
            yield from (text[start:cursor], '"')
            start = cursor + 1
        cursor += 2 if text[cursor] == "\\" else 1
    yield text[start:]


class WayBack:
    """From tags to values, for the channels that a grant names. One for a request; restorers are made of it."""

    def __init__(self, values: Mapping[str, Value], channels: Iterable[str]) -> None:
        granted = set(channels)
        self.values = values
        self.in_text = "text" in granted
        self.in_arguments = "arguments" in granted
        self.in_links = "urls" in granted
        self.finder = Finder({core: value.type for core, value in values.items()})

    def restorer(self) -> Restoring | Untouched:
        """Return a fresh restorer for one answer."""
        return Restoring(self) if self.values and (self.in_text or self.in_arguments) else Untouched()


class Restoring:
    """Restorer of one answer; see :class:`gateway.privacy.door.Restorer`."""

    def __init__(self, way_back: WayBack) -> None:
        self._way_back = way_back
        self._texts: dict[tuple[int, str], _Channel] = {}
        self._arguments: dict[tuple[int, int], _Channel] = {}

    @property
    def restored(self) -> int:
        """How many tags became values so far."""
        return sum(channel.restored for channel in (*self._texts.values(), *self._arguments.values()))

    def feed(self, chunk: Chunk) -> Chunk | None:
        """As :meth:`gateway.privacy.door.Restorer.feed`."""
        choices = [self._choice(choice) for choice in chunk.choices]
        if all(new is old for new, old in zip(choices, chunk.choices, strict=True)):
            return chunk
        left = tuple(new for new, old in zip(choices, chunk.choices, strict=True) if new is old or not _is_empty(new))
        return Chunk(left, chunk.usage) if left or chunk.usage is not None else None

    def flush(self) -> Chunk | None:
        """As :meth:`gateway.privacy.door.Restorer.flush`."""
        indexes = sorted({index for index, _ in (*self._texts, *self._arguments)})
        choices = tuple(self._close(Choice(index)) for index in indexes)
        left = tuple(choice for choice in choices if not _is_empty(choice))
        return Chunk(left) if left else None

    def _choice(self, choice: Choice) -> Choice:
        last = choice.finish_reason is not None
        content = self._text(choice.index, "content", choice.content)
        reasoning = self._text(choice.index, "reasoning", choice.reasoning)
        calls = self._calls(choice)
        new = choice
        if (content, reasoning, calls) != (choice.content, choice.reasoning, choice.tool_calls):
            new = msgspec.structs.replace(choice, content=content, reasoning=reasoning, tool_calls=calls, logprobs=None)
        return self._close(new) if last else new

    def _text(self, index: int, name: str, text: str | None) -> str | None:
        if not text or not self._way_back.in_text:
            return text
        channel = self._texts.setdefault((index, name), _Channel(self._way_back, json_text=False))
        return channel.feed(text, last=False) or None

    def _calls(self, choice: Choice) -> tuple[ToolCallDelta, ...]:
        if not choice.tool_calls or not self._way_back.in_arguments:
            return choice.tool_calls
        return tuple(
            new
            for call in choice.tool_calls
            if (new := self._call(choice.index, call)) is call or new.arguments or new.id or new.name
        )

    def _call(self, index: int, call: ToolCallDelta) -> ToolCallDelta:
        if not call.arguments:
            return call
        channel = self._arguments.setdefault((index, call.index), _Channel(self._way_back, json_text=True))
        arguments = channel.feed(call.arguments, last=False) or None
        return call if arguments == call.arguments else msgspec.structs.replace(call, arguments=arguments)

    def _close(self, choice: Choice) -> Choice:
        """Return the choice with all that was held of it."""
        index = choice.index
        texts = {name: self._texts[index, name].feed("", last=True) for i, name in self._texts if i == index}
        calls = {call: self._arguments[index, call].feed("", last=True) for i, call in self._arguments if i == index}
        if not any(texts.values()) and not any(calls.values()):
            return choice
        return msgspec.structs.replace(
            choice,
            content=_joined(choice.content, texts.get("content", "")),
            reasoning=_joined(choice.reasoning, texts.get("reasoning", "")),
            tool_calls=_with_arguments(choice.tool_calls, {call: text for call, text in calls.items() if text}),
            logprobs=None,
        )


def _joined(text: str | None, more: str) -> str | None:
    return (text or "") + more if more else text


def _with_arguments(calls: tuple[ToolCallDelta, ...], more: dict[int, str]) -> tuple[ToolCallDelta, ...]:
    """Return the deltas with more arguments: added to the last delta of their call, else as deltas of their own."""
    result = list(calls)
    for index, text in more.items():
        at = max((place for place, call in enumerate(result) if call.index == index), default=-1)
        if at < 0:
            result.append(ToolCallDelta(index, arguments=text))
        else:
            result[at] = msgspec.structs.replace(result[at], arguments=(result[at].arguments or "") + text)
    return tuple(result)


def _is_empty(choice: Choice) -> bool:
    return choice == Choice(choice.index)
