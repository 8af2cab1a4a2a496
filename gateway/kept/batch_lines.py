"""What a file must hold to be a batch: rules over its lines, in OpenAI's words. Pure.

Each line is one JSON object: ``{"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}``.
All have the batch's endpoint and one model; no two have one ``custom_id``. Empty lines are passed over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from gateway.kept.files_door import Fault

MOST_FAULTS = 100
MOST_ID_CHARS = 512

_FIELDS = ("custom_id", "method", "url", "body")


class Line(msgspec.Struct, frozen=True):
    """One request of a batch; ``number`` counts the file's lines from 1."""

    number: int
    custom_id: str
    body: dict[str, Any]


class Checked(msgspec.Struct, frozen=True):
    """What came of looking at a whole file."""

    total: int
    model: str | None
    faults: tuple[Fault, ...]


Parse = Callable[[bytes], dict[str, Any]]
"""Returns a line as an object. Raises ValueError: it is none, with a sentence that is safe to show."""


def check(lines: Iterable[bytes], endpoint: str, most_lines: int, parse: Parse) -> Checked:
    """Look at all lines and tell what is wrong with them, the first :data:`MOST_FAULTS` faults."""
    faults: list[Fault] = []
    seen: set[bytes] = set()
    total, model = 0, None
    for number, raw in _numbered(lines):
        total += 1
        if total > most_lines:
            message = f"The batch input file contains too many requests. The limit is {most_lines}."
            return Checked(total, model, (Fault("too_many_tasks", message),))
        if len(faults) >= MOST_FAULTS:
            continue
        try:
            tree = parse(raw)
        except ValueError as error:
            faults.append(
                Fault("invalid_json_line", f"This line is not parseable as valid JSON. {error}", None, number)
            )
            continue
        fault = _fault(tree, number, endpoint)
        if fault is None:
            fault = _repeated(tree["custom_id"], seen, number)
            asked = tree["body"].get("model")
            model = model or asked
            if fault is None and asked != model:
                message = "All requests of one batch ask for one model, that of its first line."
                fault = Fault("mismatched_model", message, "body.model", number)
        if fault is not None:
            faults.append(fault)
    if not total:
        faults.append(Fault("empty_file", "The batch input file is empty."))
    return Checked(total, model, tuple(faults))


def requests(lines: Iterable[bytes], parse: Parse) -> Iterator[Line]:
    """Yield the requests of a file that was checked."""
    for number, raw in _numbered(lines):
        tree = parse(raw)
        yield Line(number, tree["custom_id"], tree["body"])


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(lines, 1):
        stripped = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
        if stripped:
            yield number, stripped


def _fault(tree: dict[str, Any], number: int, endpoint: str) -> Fault | None:
    for name in _FIELDS:
        if name not in tree:
            message = f"Missing required parameter: `{name}`."
            return Fault("missing_required_parameter", message, name, number)
    for name in tree:
        if name not in _FIELDS:
            return Fault("unknown_parameter", "A line has these fields: " + ", ".join(_FIELDS) + ".", None, number)
    return _value_fault(tree, number, endpoint)


def _value_fault(tree: dict[str, Any], number: int, endpoint: str) -> Fault | None:
    custom_id, body = tree["custom_id"], tree["body"]
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= MOST_ID_CHARS:
        message = f"`custom_id` is a text of 1 to {MOST_ID_CHARS} characters."
        return Fault("invalid_value", message, "custom_id", number)
    if tree["method"] != "POST":
        return Fault("invalid_method", "The method of every request is POST.", "method", number)
    if tree["url"] != endpoint:
        message = "The URL provided for this request does not match the batch endpoint."
        return Fault("invalid_url", message, "url", number)
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return Fault("missing_required_parameter", "`body` is an object with a `model`.", "body.model", number)
    if body.get("stream"):
        return Fault("invalid_value", "A request of a batch cannot be streamed.", "body.stream", number)
    return None


def _repeated(custom_id: str, seen: set[bytes], number: int) -> Fault | None:
    digest = hashlib.blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    if digest in seen:
        message = "The custom_id for this request is a duplicate of another request. Each is there once in a batch."
        return Fault("duplicate_custom_id", message, "custom_id", number)
    seen.add(digest)
    return None
