"""The texts of one answer: a chunk taken apart into them, and put together again from what became of them.

An answer has several texts that grow side by side: each choice's content, its reasoning, the arguments of each of its
tool calls, and their names. What is done to them (restoring, guarding) may hold text back. Rules:

1. What is held of a text comes with a later chunk, at the latest with the one that carries its choice's
   ``finish_reason``.
2. A name comes whole, so nothing of it is held.
3. Log probabilities belong to an engine's tokens: a choice's are dropped from a chunk whose text was changed or held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from gateway.domain import Choice, Chunk, ToolCallDelta


class Key(NamedTuple):
    """Which text of an answer: of which choice, which kind, and of which tool call (-1: of none)."""

    choice: int
    kind: str  # "content", "reasoning", "arguments", "name"
    call: int = -1


Write = Callable[[Key, str, bool], str]
"""``(text, more of it, whether that is all)`` to what of it goes out now."""


def texts_of(chunk: Chunk) -> Iterator[tuple[Key, str]]:
    """Yield what a chunk brings of each text."""
    for choice in chunk.choices:
        for kind, text in (("content", choice.content), ("reasoning", choice.reasoning)):
            if text:
                yield Key(choice.index, kind), text
        for call in choice.tool_calls:
            for kind, text in (("name", call.name), ("arguments", call.arguments)):
                if text:
                    yield Key(choice.index, kind, call.index), text


class Channels:
    """Sends the texts of one answer through a function.

    Args:
        write: called for each piece of each text, in order, and once more for each with the last piece, ``""``.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._keys: dict[Key, None] = {}

    def feed(self, chunk: Chunk) -> Chunk | None:
        """Return the chunk with what goes out now; the same object if nothing changed, ``None`` if nothing is left."""
        choices = [self._choice(choice) for choice in chunk.choices]
        if all(new is old for new, old in zip(choices, chunk.choices, strict=True)):
            return chunk
        left = tuple(new for new, old in zip(choices, chunk.choices, strict=True) if new is old or not _is_empty(new))
        return Chunk(left, chunk.usage) if left or chunk.usage is not None else None

    def flush(self) -> Chunk | None:
        """Return what is still held when the answer ended without a ``finish_reason``."""
        choices = tuple(self._close(Choice(index)) for index in sorted({key.choice for key in self._keys}))
        left = tuple(choice for choice in choices if not _is_empty(choice))
        return Chunk(left) if left else None

    def _choice(self, choice: Choice) -> Choice:
        content = self._text(Key(choice.index, "content"), choice.content)
        reasoning = self._text(Key(choice.index, "reasoning"), choice.reasoning)
        calls = self._calls(choice)
        new = choice
        if (content, reasoning, calls) != (choice.content, choice.reasoning, choice.tool_calls):
            new = msgspec.structs.replace(choice, content=content, reasoning=reasoning, tool_calls=calls, logprobs=None)
        return self._close(new) if choice.finish_reason is not None else new

    def _text(self, key: Key, text: str | None) -> str | None:
        if not text:
            return text
        if key.kind == "name":
            return self._write(key, text, True)
        self._keys[key] = None
        return self._write(key, text, False) or None

    def _calls(self, choice: Choice) -> tuple[ToolCallDelta, ...]:
        return tuple(
            new
            for call in choice.tool_calls
            if (new := self._call(choice.index, call)) is call or new.arguments or new.id or new.name
        )

    def _call(self, index: int, call: ToolCallDelta) -> ToolCallDelta:
        name = self._text(Key(index, "name", call.index), call.name)
        arguments = self._text(Key(index, "arguments", call.index), call.arguments)
        if (name, arguments) == (call.name, call.arguments):
            return call
        return msgspec.structs.replace(call, name=name, arguments=arguments)

    def _close(self, choice: Choice) -> Choice:
        """Return the choice with all that was held of it."""
        rest = {key: text for key in self._keys if key.choice == choice.index and (text := self._write(key, "", True))}
        if not rest:
            return choice
        return msgspec.structs.replace(
            choice,
            content=_joined(choice.content, rest.get(Key(choice.index, "content"), "")),
            reasoning=_joined(choice.reasoning, rest.get(Key(choice.index, "reasoning"), "")),
            tool_calls=_with_arguments(choice.tool_calls, {key.call: text for key, text in rest.items()}),
            logprobs=None,
        )


def _joined(text: str | None, more: str) -> str | None:
    return (text or "") + more if more else text


def _with_arguments(calls: tuple[ToolCallDelta, ...], more: dict[int, str]) -> tuple[ToolCallDelta, ...]:
    """Return the deltas with more arguments: added to the last delta of their call, else as deltas of their own."""
    result = list(calls)
    for index, text in more.items():
        if index < 0:
            continue
        at = max((place for place, call in enumerate(result) if call.index == index), default=-1)
        if at < 0:
            result.append(ToolCallDelta(index, arguments=text))
        else:
            result[at] = msgspec.structs.replace(result[at], arguments=(result[at].arguments or "") + text)
    return tuple(result)


def _is_empty(choice: Choice) -> bool:
    return choice == Choice(choice.index)
