"""Where in a file that a person wrote something is wrong: line and column, and what does not fit the document's type.

msgspec names the path to a fault, but not the key of a mapping on the way. So the fault is looked for once more, key by
key, beside the nodes that YAML knows lines of; JSON is read as YAML here. Pure.

Example: for ``sites: {ber: {jurisdiktion: DE}}`` in line 2, ``(Spot(2, 15), "unknown field `jurisdiktion`")``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_args, get_origin

import msgspec
import yaml

Step = tuple[str | int, Any, Any]
"""A key or an index, what stands there, and the type that it should have."""


class Spot(NamedTuple):
    """A place in a text: line and column, both from 1; columns count code points."""

    line: int = 1
    column: int = 1


_BEGIN = Spot()


def spot_at(text: str, at: int) -> Spot:
    """Return where the character at that offset stands; lines end with a line feed, as JSON has them."""
    before = text[:at]
    return Spot(before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)


def tree_of(text: str) -> yaml.Node | None:
    """Return the nodes of a document; none where it is not YAML either."""
    try:
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return None


def fault_of(raw: Any, wanted: Any, tree: yaml.Node | None, spot: Spot = _BEGIN) -> tuple[Spot, str]:
    """Return the place of and the words for the first thing in ``raw`` that does not fit the type ``wanted``.

    Args:
        tree: the nodes that ``raw`` was read from.
        spot: where ``raw`` stands, or its key.
    """
    for name, value, its in _inside(raw, wanted):
        if not _fits(value, its):
            return fault_of(value, its, *_stands(name, tree, spot))
    what = _problem(raw, wanted)
    unknown = re.search(r"unknown field `(.*?)`", what)
    return _stands(unknown[1], tree, spot)[1] if unknown else spot, what


def line_of(steps: Sequence[str | int], tree: yaml.Node | None) -> int:
    """Return the line (from 1) of what lies under these keys and indices; of the nearest that is there."""
    spot = _BEGIN
    for step in steps:
        tree, spot = _stands(step, tree, spot)
    return spot.line


def _inside(raw: Any, wanted: Any) -> Iterator[Step]:
    """Yield what a mapping, a list or a record holds, with the types."""
    kind, inner = get_origin(wanted), get_args(wanted)
    if kind is dict and isinstance(raw, dict):
        yield from ((key, value, inner[1]) for key, value in raw.items() if _fits(key, inner[0]))
    elif kind in (list, tuple) and isinstance(raw, list):
        yield from ((index, value, inner[0]) for index, value in enumerate(raw))
    elif isinstance(wanted, type) and issubclass(wanted, msgspec.Struct) and isinstance(raw, dict):
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(wanted)}
        yield from ((name, value, fields[name]) for name, value in raw.items() if name in fields)


def _fits(value: Any, wanted: Any) -> bool:
    return not _problem(value, wanted)


def _problem(value: Any, wanted: Any) -> str:
    try:
        msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError as error:
        said = re.sub(r" - at `(key in )?\$.*`$", "", str(error)).removeprefix("Object contains ")
        return f"{said[0].lower()}{said[1:]}".rstrip(".")
    return ""


def _stands(name: str | int, tree: yaml.Node | None, spot: Spot) -> tuple[yaml.Node | None, Spot]:
    """Return the node under a key or index, and where it stands; the place of what holds it where that is not known."""
    if isinstance(tree, yaml.MappingNode):
        for key, value in tree.value:
            if key.value == name:
                return value, _begin(key)
    if isinstance(tree, yaml.SequenceNode) and isinstance(name, int) and name < len(tree.value):
        return tree.value[name], _begin(tree.value[name])
    return None, spot


def _begin(node: yaml.Node) -> Spot:
    return Spot(node.start_mark.line + 1, node.start_mark.column + 1)
