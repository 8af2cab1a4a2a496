"""Every string of a JSON body, in one order, to read and to write back.

A *shape* says what stands where in a body: a mark, a ``dict`` by field, a one-item ``list``, or a pair
``(shape of a string, shape of anything else)``. What a shape does not mention is text: a field nobody thought of is
searched, never passed over. One function walks for both directions, so reading and writing cannot disagree::

    texts: list[str] = []
    walk(body, SHAPE, collect(texts))             # read: every text, in order
    redacted = walk(body, SHAPE, replace(iter(replacements)))   # write: the same order, a new tree

JSON text inside JSON (the arguments of a tool call) is decoded and walked too, so that an escape can neither hide a
value nor be broken by a tag. A number in it (a card's, a latitude) is text as well; it stays a number where nothing is
put in its place, and becomes a string where something is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from gateway.domain import Path

Visit = Callable[[Path, str], str]


class Mark:
    """What stands at a leaf of a shape."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


FIXED = Mark("FIXED")  # an enumeration or id, checked by the typed request: never text
TEXT = Mark("TEXT")  # text; objects below it are searched whole, keys too
DATA = Mark("DATA")  # as TEXT, and numbers too
JSON = Mark("JSON")  # text that is itself JSON
SCHEMA = Mark("SCHEMA")  # a JSON Schema

AnyShape = Any

SHORTEST_NUMBER = 4
"""Characters of a number that may be somebody's."""

SCHEMA_KEYWORDS = frozenset(
    "$schema $id $ref $defs $anchor $comment definitions properties patternProperties additionalProperties "
    "propertyNames required items prefixItems additionalItems contains minItems maxItems uniqueItems minContains "
    "maxContains type enum const title description default examples format pattern minLength maxLength minimum maximum "
    "exclusiveMinimum exclusiveMaximum multipleOf minProperties maxProperties dependentRequired dependentSchemas allOf "
    "anyOf oneOf not if then else nullable readOnly writeOnly deprecated strict unevaluatedProperties unevaluatedItems "
    "contentMediaType contentEncoding contentSchema".split()
)
SCHEMA_VALUES = frozenset(("enum", "const", "default", "examples"))  # values of the caller's own, numbers too
SCHEMA_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
SCHEMA_NAMED = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired")
)


def walk(node: Any, shape: AnyShape, visit: Visit, path: Path = ()) -> Any:
    """Call ``visit(path, text)`` for every text and return the tree with what it answered in place.

    Depth is the caller's to bound before: see :func:`depth_exceeds`.
    """
    if isinstance(shape, tuple):
        shape = shape[0] if isinstance(node, str) else shape[1]
    if isinstance(node, str):
        return _walk_string(node, shape, visit, path)
    if isinstance(node, list):
        inner = shape[0] if isinstance(shape, list) else shape if isinstance(shape, Mark) else TEXT
        return [walk(item, inner, visit, (*path, index)) for index, item in enumerate(node)]
    if isinstance(node, dict):
        if shape is SCHEMA:
            return _walk_schema(node, visit, path)
        if isinstance(shape, dict):
            return {key: walk(value, shape.get(key, TEXT), visit, (*path, key)) for key, value in node.items()}
        inner = DATA if shape is DATA else TEXT
        return {visit((*path, key), key): walk(value, inner, visit, (*path, key)) for key, value in node.items()}
    return _walk_number(node, visit, path) if shape is DATA else node


def _walk_number(node: Any, visit: Visit, path: Path) -> Any:
    if isinstance(node, bool) or not isinstance(node, int | float) or len(text := str(node)) < SHORTEST_NUMBER:
        return node
    put = visit(path, text)
    return node if put == text else put


def _walk_string(text: str, shape: AnyShape, visit: Visit, path: Path) -> str:
    if shape is FIXED:
        return text
    if shape is JSON:
        try:
            inner = orjson.loads(text)
        except orjson.JSONDecodeError:
            return visit(path, text)
        if isinstance(inner, dict | list) and not depth_exceeds(inner, 64):
            return orjson.dumps(walk(inner, DATA, visit, path)).decode()
    return visit(path, text)


def _walk_schema(node: dict[str, Any], visit: Visit, path: Path) -> dict[str, Any]:
    walked: dict[str, Any] = {}
    for key, value in node.items():
        below = (*path, key)
        if key in SCHEMA_NAMED and isinstance(value, dict):
            named = value.items()
            walked[key] = {visit((*below, name), name): walk(sub, SCHEMA, visit, (*below, name)) for name, sub in named}
        elif key == "type" and _is_schema_type(value):
            walked[key] = value
        elif key in SCHEMA_KEYWORDS:
            below_it = DATA if key in SCHEMA_VALUES else SCHEMA if isinstance(value, dict | list) else TEXT
            walked[key] = walk(value, below_it, visit, below)
        else:
            name = visit(below, key)
            walked[name] = walk(value, TEXT, visit, below)
    return walked


def _is_schema_type(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(v, str) and v in SCHEMA_TYPES for v in values)


def replace(texts: Iterator[str]) -> Visit:
    """Return a visitor that puts the next of ``texts`` in each place."""
    return lambda path, text: next(texts)


def depth_exceeds(node: Any, limit: int) -> bool:
    """Whether objects and arrays nest deeper than ``limit``. Iterative: it must survive what it measures."""
    level = [node]
    for _ in range(limit):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(value for value in item.values() if isinstance(value, dict | list))
            elif isinstance(item, list):
                below.extend(value for value in item if isinstance(value, dict | list))
        if not below:
            return False
        level = below
    return True


def dotted(path: Path) -> str:
    """Write a path in OpenAI's manner: ``messages[0].content``."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out
