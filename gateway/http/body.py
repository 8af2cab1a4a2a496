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
_UNKNOWN = re.compile(r"unknown field `(?P<field>[^`]*)`")


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
        BadRequest: not JSON, not UTF-8, a lone surrogate (RFC 8259 8.2), not an object, nested deeper than
            ``max_depth``.
    """
    try:
        tree = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _explain(raw, max_depth) from error
    if not isinstance(tree, dict):
        raise BadRequest("The request body must be a JSON object.", param="body")
    if depth_exceeds(tree, max_depth):
        raise BadRequest(f"The request nests deeper than {max_depth} levels.", param=_deepest(tree, max_depth))
    return tree


def _explain(raw: bytes, max_depth: int) -> BadRequest:
    try:
        tree = json.loads(raw)
    except RecursionError:
        return BadRequest(f"The request nests deeper than {max_depth} levels.", param="body")
    except ValueError:
        return BadRequest("The request body is not valid JSON in UTF-8.", param="body")
    if depth_exceeds(tree, max_depth):
        return BadRequest(f"The request nests deeper than {max_depth} levels.", param=_deepest(tree, max_depth))
    where = _find_surrogate(tree)
    if where is not None:
        return BadRequest("A string holds a lone surrogate, which is no character.", param=dotted(where) or "body")
    return BadRequest("The request body is not valid JSON (RFC 8259).", param="body")


def _find_surrogate(node: Any, path: Path = ()) -> Path | None:
    if isinstance(node, str):
        return path if any("\ud800" <= char <= "\udfff" for char in node) else None
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(key, str) and _find_surrogate(key) is not None:
            return path
        found = _find_surrogate(value, (*path, key))
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
        text = str(error)
        where = _WHERE.search(text)
        unknown = _UNKNOWN.search(text)
        param = where["path"] if where else ""
        if unknown:
            param = f"{param}.{unknown['field']}" if param else unknown["field"]
            raise BadRequest(f"Unknown parameter: `{param}`.", code="request.unknown_field", param=param) from error
        problem = _WHERE.sub("", text)
        raise BadRequest(f"{problem} at `{param or 'body'}`.", param=param or "body") from error


def refuse_unsupported(tree: dict[str, Any], fields: frozenset[str]) -> None:
    """Refuse what an API defines but no engine of ours honours.

    Raises:
        BadRequest: code ``request.unsupported``; ``param`` names the first such field that is set.
    """
    for field, value in tree.items():
        if field in fields and value is not None:
            problem = f"`{field}` is not supported by this gateway's engines."
            raise BadRequest(problem, code="request.unsupported", param=field)
