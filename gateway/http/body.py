"""A request's body, from bytes to a checked tree.

Guarantees: bounded in bytes, in depth and in text before anything looks at the text; decoded once, so that no two
parsers can see two different requests; a refusal names the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

import msgspec
import orjson

from gateway.domain import Path
from gateway.errors import BadRequest, BodyTooLarge, ClientGone
from gateway.http.walk import depth_exceeds, dotted

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
T = TypeVar("T")

_WHERE = re.compile(r" - at (`key` in )?`\$\.?(?P<path>[^`]*)`$")
_STRING = re.compile(rb'"[^"]*+"[ \t\r\n]*+(:?)')  # one without escapes, and what makes it a name
_LONGEST_NAME = 256
_UNKNOWN = re.compile(r"unknown field `(?P<field>[^`]*)`")
_MISSING = re.compile(r"missing required field `(?P<field>[^`]*)`")
_LACKS = "missing_required_parameter"
_TYPE = re.compile(r"^Expected `[^`]*`, got `[^`]*`$")


async def read_body(receive: Receive, declared: bytes | None, limit_bytes: int) -> bytes:
    """Return the whole body.

    Raises:
        BodyTooLarge: declared or real size above ``limit_bytes``; nothing more is read.
        ClientGone: the connection closed first.
    """
    if declared is not None and declared.isdigit() and int(declared) > limit_bytes:
        raise BodyTooLarge(f"The request body is larger than {limit_bytes} bytes.")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            raise BodyTooLarge(f"The request body is larger than {limit_bytes} bytes.")
        if not parts and not message.get("more_body", False):
            return bytes(part)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def parse_object(raw: bytes, max_depth: int) -> dict[str, Any]:
    """Return the body as a JSON object.

    Raises:
        BadRequest: not JSON, not UTF-8, a lone surrogate (RFC 8259 8.2), U+0000, a field twice in one object, not an
            object, nested deeper than ``max_depth``.
    """
    try:
        tree = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _explain(raw, max_depth) from error
    if not isinstance(tree, dict):
        raise BadRequest("The request body must be a JSON object.", param="body")
    if depth_exceeds(tree, max_depth):
        raise BadRequest(f"The request nests deeper than {max_depth} levels.", param=_deepest(tree, max_depth))
    if b"\\u0000" in raw and (where := _find(tree, _has_nul)) is not None:
        problem = "A string holds U+0000, where engines stop reading it."
        raise BadRequest(problem, code="invalid_value", param=dotted(where) or "body")
    if raw.count(b":") != (keys := _keys(tree)) and _names(raw) != keys:
        raise _repeated(raw)
    return tree


def _keys(tree: dict[str, Any]) -> int:
    """Return how many fields there are, at all depths."""
    count = 0
    level: list[Any] = [tree]
    while level:
        node = level.pop()
        count += len(node) if isinstance(node, dict) else 0
        inner = node.values() if isinstance(node, dict) else node
        level.extend([value for value in inner if isinstance(value, dict | list)])
    return count


def _names(raw: bytes) -> int:
    """Return how many names of fields stand in valid JSON."""
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return _STRING.findall(plain).count(b":")


def _repeated(raw: bytes) -> BadRequest:
    """Name the field that an object holds twice: readers differ about which one counts (RFC 8259, 4)."""
    twice: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs) and not twice:
            names = [name for name, _ in pairs]
            twice.append(next(name for name in names if names.count(name) > 1))
        return found

    json.loads(raw, object_pairs_hook=look)
    name = twice[0][:_LONGEST_NAME] if twice else "body"
    return BadRequest(f"`{name}` stands twice in one object.", code="invalid_value", param=name)


def _has_nul(text: str) -> bool:
    return "\0" in text


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _explain(raw: bytes, max_depth: int) -> BadRequest:
    try:
        tree = json.loads(raw)
    except RecursionError:
        return BadRequest(f"The request nests deeper than {max_depth} levels.", param="body")
    except ValueError:
        return BadRequest("The request body is not valid JSON in UTF-8.", param="body")
    if depth_exceeds(tree, max_depth):
        return BadRequest(f"The request nests deeper than {max_depth} levels.", param=_deepest(tree, max_depth))
    where = _find(tree, _has_surrogate)
    if where is not None:
        return BadRequest("A string holds a lone surrogate, which is no character.", param=dotted(where) or "body")
    return BadRequest("The request body is not valid JSON (RFC 8259).", param="body")


def _find(node: Any, is_bad: Callable[[str], bool], path: Path = ()) -> Path | None:
    """Return where the first bad string stands; of a bad name, the object that has it."""
    if isinstance(node, str):
        return path if is_bad(node) else None
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(key, str) and is_bad(key):
            return path
        found = _find(value, is_bad, (*path, key))
        if found is not None:
            return found
    return None


def _deepest(tree: Any, max_depth: int) -> str:
    """Name the top-level field that nests too deep."""
    fields = tree.items() if isinstance(tree, dict) else ()
    return next((key for key, value in fields if depth_exceeds(value, max_depth - 1)), "body")


def convert(tree: dict[str, Any], kind: type[T]) -> T:
    """Check the tree against a typed request.

    Raises:
        BadRequest: a wrong type, a missing or unknown field; ``param`` names it.
    """
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        # msgspec gives the place in its message only; the form is documented and tested here.
        raise _named(str(error)) from error


def _named(text: str) -> BadRequest:
    """Return what msgspec says of a value, with OpenAI's code for it and the field in ``param``."""
    where = _WHERE.search(text)
    path = where["path"] if where else ""
    problem = _WHERE.sub("", text)
    for said, code, message in ((_UNKNOWN, "unknown_parameter", "Unknown"), (_MISSING, _LACKS, "Missing required")):
        found = said.search(problem)
        if found:
            param = f"{path}.{found['field']}" if path else found["field"]
            return BadRequest(f"{message} parameter: `{param}`.", code=code, param=param)
    param = path or "body"
    code = "invalid_type" if _TYPE.search(problem) else "invalid_value"
    return BadRequest(f"Invalid value for `{param}`: {problem[:1].lower()}{problem[1:]}.", code=code, param=param)
