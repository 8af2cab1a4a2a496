"""The blocks of a streamed message: one after the other, though the texts that they hold come side by side.

What an answer is guarded and restored by may hold a text back while another goes on, and lets it go with the end. So:

1. A call's block begins with its first argument, and ends before another block begins only if its JSON is whole.
2. What belongs behind a block that cannot end yet waits for it.
3. Text and reasoning end as soon as something else begins; what comes of them later is a block of its own, after
   the calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from ulid import ULID

from gateway.errors import EngineUnavailable

Key = tuple[str, int]
"""A block's type, and the number of its call."""


@dataclass
class Block:
    """One text of an answer."""

    key: Key
    id: str = ""  # of a call
    name: str = ""
    text: str = ""  # all of a call's arguments so far
    waiting: list[str] = field(default_factory=list)
    ended: bool = False

    @property
    def is_call(self) -> bool:
        return self.key[0] == "tool_use"

    def may_end(self) -> bool:
        return not self.is_call or object_of(self.text) is not None

    def start(self) -> dict[str, Any]:
        if self.is_call:
            return tool_use(self.id, self.name, {})
        if self.key[0] == "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        return text_of("")

    def delta(self, text: str) -> dict[str, Any]:
        if self.is_call:
            return {"type": "input_json_delta", "partial_json": text}
        kind = self.key[0]
        return {"type": f"{kind}_delta", kind: text}


class Blocks:
    """Numbers the blocks and frames their events."""

    def __init__(self) -> None:
        self._blocks: dict[Key, Block] = {}
        self._open: Block | None = None
        self._begun = 0

    def of(self, key: Key) -> Block:
        """Return the block that holds this text."""
        return self._blocks.setdefault(key, Block(key))

    def add(self, block: Block, text: str) -> bytes:
        """Return the events that more text makes now. Raises EngineUnavailable: more of a call that was whole."""
        if block is self._open:
            return self._say(block, text)
        if block.is_call and block.ended:
            if text.strip():
                raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
            return b""
        behind = any(other.waiting for other in self._blocks.values())
        if behind or (self._open is not None and not self._open.may_end()):
            block.waiting.append(text)
            return b""
        return self._begin(block) + self._say(block, text)

    def finish(self) -> bytes:
        """Return the events of all that waits, and of calls without arguments; every block is ended then."""
        out = self._close()
        for block in sorted(self._blocks.values(), key=lambda block: not block.is_call):
            if block.waiting or (block.is_call and not block.ended):
                text = "".join(block.waiting)
                block.waiting.clear()
                out += self._begin(block) + self._say(block, text) + self._close()
        return out

    def _begin(self, block: Block) -> bytes:
        out = self._close()
        self._open = block
        self._begun += 1
        return out + self._event("content_block_start", content_block=block.start())

    def _say(self, block: Block, text: str) -> bytes:
        if block.is_call:
            block.text += text
        return self._event("content_block_delta", delta=block.delta(text)) if text else b""

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open.ended, self._open = True, None
        return self._event("content_block_stop")

    def _event(self, kind: str, **fields: Any) -> bytes:
        return event_of({"type": kind, "index": self._begun - 1, **fields})


def text_of(text: str) -> dict[str, Any]:
    """Return a text as a block; nothing is cited in it."""
    return {"type": "text", "text": text, "citations": None}


def tool_use(given_id: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return a call as a block; the model itself made it, no tool did."""
    return {"type": "tool_use", "id": given_id or call_id(), "name": name, "input": given, "caller": {"type": "direct"}}


def object_of(arguments: str) -> dict[str, Any] | None:
    """Return the object that a call's arguments are; none at all are an empty one; ``None`` if they are no object."""
    try:
        found = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def call_id() -> str:
    """Return an id for a call that the engine gave none."""
    return f"toolu_{ULID()}"


def event_of(data: dict[str, Any]) -> bytes:
    """Return a named server-sent event."""
    return f"event: {data['type']}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"
