"""The items of a response and the events that make them, in the order that OpenAI's clients put together.

An item's events are ``output_item.added``, for text ``content_part.added``, its deltas, ``….done`` with the whole text,
``content_part.done``, and ``output_item.done``. Each says the item's number, so items may grow side by side: what an
answer is guarded and restored by may hold a text back while another goes on. So:

1. Messages and calls stay open until the answer ends.
2. Reasoning is done as soon as something else begins, since clients show it until then; what comes of it later is an
   item of its own.
3. A call's item begins once its name is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ulid import ULID

from gateway.http.messages_blocks import event_of, object_of

Kind = Literal["reasoning", "message", "function_call"]
Key = tuple[Kind, int]
"""An item's type, and the number of its call."""

_PREFIX = {"reasoning": "rs", "message": "msg", "function_call": "fc"}
_SAYS = {"reasoning": "reasoning_text", "message": "output_text", "function_call": "function_call_arguments"}
_LOGPROBS: dict[str, list[Any]] = {"logprobs": []}


@dataclass
class Item:
    """One item: text so far, and whether a client knows of it and of its end."""

    kind: Kind
    number: int = -1  # in the output, once begun
    id: str = ""
    call_id: str = ""
    name: str = ""
    text: str = ""
    status: str = "in_progress"
    waiting: list[str] = field(default_factory=list)

    @property
    def begun(self) -> bool:
        return self.number >= 0

    def shown(self) -> dict[str, Any]:
        """Return the item as it is now."""
        if self.kind == "function_call":
            called = {"call_id": self.call_id, "name": self.name, "arguments": self.text}
            return {"type": self.kind, "id": self.id, **called, "status": self.status}
        content = [self.part()] if self.text or self.status != "in_progress" else []
        if self.kind == "reasoning":
            return {"type": self.kind, "id": self.id, "summary": [], "content": content, "status": self.status}
        return {"type": self.kind, "id": self.id, "role": "assistant", "content": content, "status": self.status}

    def part(self) -> dict[str, Any]:
        """Return the one part of a message or of reasoning."""
        if self.kind == "reasoning":
            return {"type": "reasoning_text", "text": self.text}
        return {"type": "output_text", "text": self.text, "annotations": [], **_LOGPROBS}


class Items:
    """The output of one response. Whatever makes events returns their bytes."""

    def __init__(self, answer_id: str) -> None:
        self._answer_id = answer_id
        self._open: dict[Key, Item] = {}
        self._begun: list[Item] = []
        self._sequence = 0

    @property
    def output(self) -> list[dict[str, Any]]:
        return [item.shown() for item in self._begun]

    @property
    def has_reasoning(self) -> bool:
        return any(item.kind == "reasoning" for item in self._begun)

    def frame(self, kind: str, **fields: Any) -> bytes:
        """Return one event with its number."""
        data = {"type": f"response.{kind}", "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return event_of(data)

    def say(self, kind: Kind, text: str) -> bytes:
        """Return the events that more reasoning, or more words, make."""
        item = self._open.setdefault((kind, 0), Item(kind))
        return (b"" if item.begun else self._begin(item)) + self._add(item, text)

    def call(self, index: int, call_id: str | None, name: str, arguments: str) -> bytes:
        """Return the events that more of a call makes."""
        item = self._open.setdefault(("function_call", index), Item("function_call"))
        item.name = item.name or name
        item.call_id = item.call_id or call_id or ""
        item.waiting.append(arguments)
        return self._speak(item) if item.name else b""

    def _speak(self, item: Item) -> bytes:
        out = b"" if item.begun else self._begin(item)
        text = "".join(item.waiting)
        item.waiting.clear()
        return out + (self._add(item, text) if text else b"")

    def finish(self, *, cut: bool) -> bytes:
        """Return the events that end all items; of a ``cut`` answer the last is incomplete, and so are half calls."""
        out = b""
        for item in [item for item in self._open.values() if item.waiting]:
            out += self._speak(item)
        last = self._begun[-1] if self._begun else None
        for item in sorted(self._open.values(), key=lambda item: item.number):
            half = item is last or (item.kind == "function_call" and object_of(item.text) is None)
            out += self._done(item, "incomplete" if cut and half else "completed")
        self._open.clear()
        return out

    def give_up(self) -> None:
        """Leave what is open incomplete, without an event."""
        for item in self._open.values():
            item.status = "incomplete"
        self._open.clear()

    def _begin(self, item: Item) -> bytes:
        thought = self._open.pop(("reasoning", 0), None) if item.kind != "reasoning" else None
        out = self._done(thought, "completed") if thought is not None else b""
        item.number = len(self._begun)
        item.id = f"{_PREFIX[item.kind]}_{self._answer_id}_{item.number}"
        if item.kind == "function_call":
            item.call_id = item.call_id or f"call_{ULID()}"
        self._begun.append(item)
        out += self.frame("output_item.added", output_index=item.number, item=item.shown())
        if item.kind != "function_call":
            out += self.frame("content_part.added", **_where(item), part=item.part())
        return out

    def _add(self, item: Item, text: str) -> bytes:
        item.text += text
        more = _LOGPROBS if item.kind == "message" else {}
        return self.frame(f"{_SAYS[item.kind]}.delta", **_where(item), delta=text, **more)

    def _done(self, item: Item, status: str) -> bytes:
        item.status = status
        where, kind = _where(item), f"{_SAYS[item.kind]}.done"
        if item.kind == "function_call":
            out = self.frame(kind, **where, name=item.name, arguments=item.text)
        else:
            more = _LOGPROBS if item.kind == "message" else {}
            out = self.frame(kind, **where, text=item.text, **more)
            out += self.frame("content_part.done", **where, part=item.part())
        return out + self.frame("output_item.done", output_index=item.number, item=item.shown())


def _where(item: Item) -> dict[str, Any]:
    place: dict[str, Any] = {"item_id": item.id, "output_index": item.number}
    return place if item.kind == "function_call" else {**place, "content_index": 0}
