"""The texts of an answer as it is kept, so that it can be searched as a request is.

An answer has one of three forms: ``{"choices": […]}`` as :mod:`gateway.keeping` writes it, or as OpenAI does; an object
of ``/v1/responses``, whose texts are in ``output``; or that as a field of what keeps it. What is no text, such as ids
and vectors, is passed over; a field that nobody thought of is not.
"""

from __future__ import annotations

from typing import Any

from gateway.domain import Path, Segment
from gateway.http.walk import FIXED, JSON, TEXT, walk

_FUNCTION = {"name": TEXT, "arguments": JSON}
_CALL = {"index": FIXED, "id": FIXED, "type": FIXED, "function": _FUNCTION, **_FUNCTION}
_CHOICE = {
    "index": FIXED,
    "finish_reason": FIXED,
    "tool_calls": [_CALL],
    "message": {"role": FIXED, "tool_calls": [_CALL]},
}
_PART = {"type": FIXED}
_ITEM = {
    **dict.fromkeys(("id", "type", "role", "status", "call_id"), FIXED),
    **_FUNCTION,
    "content": [_PART],
    "summary": [_PART],
}
_SHAPES: dict[str, Any] = {"choices": [_CHOICE], "output": [_ITEM]}
_TWICE = "logprobs"  # the same text again, token by token


def texts_of_answer(answer: Any) -> list[Segment]:
    """Return every text of an answer, in order; none of what has no texts."""
    if not isinstance(answer, dict):
        return []
    if isinstance(answer.get("response"), dict):
        return texts_of_answer(answer["response"])
    found: list[Segment] = []

    def visit(path: Path, text: str) -> str:
        if text and _TWICE not in path:
            found.append(Segment(path, text, direction="out"))
        return text

    for field, shape in _SHAPES.items():
        if field in answer:
            walk(answer[field], shape, visit, (field,))
    return found
