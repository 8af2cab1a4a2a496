"""Changes one entry of ``organisation.yaml`` and leaves every other line of it as its writers left it, comments too.

An entry is written on one line, in YAML's flow style. What came out is read again before it is believed: where it does
not say exactly what it said before with that one change, nothing is written.

Example::

    edited("tenants:\\n  hr: {entity: Beispiel AG}\\n", "tenants", "design", {"models": ["small"]})
"""

from __future__ import annotations

from typing import Any, Literal

import yaml

from gateway import plain_yaml
from gateway.errors import SetupError

Section = Literal["tenants", "projects"]
_MEND = "Edit the file by hand; docs/how-to/describe-your-organisation.md says how it is written."


def edited(text: str, section: Section, name: str, entry: dict[str, Any] | None) -> str:
    """Return the file's text with that entry put in, changed, or, for ``None``, taken out.

    Raises:
        SetupError: the file is written in a way that cannot be changed line by line.
    """
    before: dict[str, Any] = plain_yaml.read(text) or {}
    entries = {key: value for key, value in (before.get(section) or {}).items() if key != name}
    if entry is not None:
        entries[name] = entry
    after = {**before, section: entries}
    changed = _spliced(text, section, name, entry, last=not entries)
    if _said(plain_yaml.read(changed) or {}, section) != _said(after, section):
        raise SetupError("organisation.yaml is not written so that one entry can be changed.", _MEND)
    return changed


def _said(raw: dict[str, Any], section: Section) -> dict[str, Any]:
    return {**raw, section: raw.get(section) or {}}


def _spliced(text: str, section: Section, name: str, entry: dict[str, Any] | None, *, last: bool) -> str:
    root = yaml.compose(text, Loader=plain_yaml.Words)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next(((key, value) for key, value in pairs if key.value == section), None)
    if found is None:
        return "".join([*lines, f"{section}:\n", f"  {name}: {_flow(entry)}\n"])
    key, value = found
    if last:
        return "".join(lines[: key.start_mark.line] + lines[_last_line(value) + 1 :])
    if not isinstance(value, yaml.MappingNode) or value.flow_style:
        return _unfolded(lines, key, value, name, entry)
    first = value.value[0][0].start_mark.column
    own = next(((k, v) for k, v in value.value if k.value == name), None)
    if own is None:
        where = _last_line(value) + 1
        return "".join([*lines[:where], f"{' ' * first}{name}: {_flow(entry)}\n", *lines[where:]])
    start, end = own[0].start_mark.line, _last_line(own[1])
    fresh = [] if entry is None else [f"{' ' * first}{name}: {_flow(entry)}{_tail(lines[end], own[1], end)}\n"]
    return "".join(lines[:start] + fresh + lines[end + 1 :])


def _unfolded(lines: list[str], key: yaml.Node, value: yaml.Node, name: str, entry: dict[str, Any] | None) -> str:
    """Return the text with a section that is in flow style, or empty, written one entry a line."""
    section: dict[str, Any] = {}
    if isinstance(value, yaml.MappingNode):
        section = plain_yaml.read("".join(lines)).get(key.value) or {}
    section = {known: said for known, said in section.items() if known != name}
    if entry is not None:
        section[name] = entry
    fresh = [f"{key.value}:\n", *(f"  {known}: {_flow(said)}\n" for known, said in section.items())]
    return "".join(lines[: key.start_mark.line] + fresh + lines[_last_line(value) + 1 :])


def _flow(entry: Any) -> str:
    dumped = yaml.safe_dump(entry, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False)
    return dumped.strip()


def _last_line(node: yaml.Node) -> int:
    """Return the line on which what a node says ends; a block's own end mark is where the next thing begins."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return max(_last_line(value) for _, value in node.value)
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return max(_last_line(value) for value in node.value)
    return int(node.end_mark.line)


def _tail(line: str, node: yaml.Node, number: int) -> str:
    """Return the comment behind an entry, if one stands there."""
    behind = line.rstrip("\n")[node.end_mark.column :] if node.end_mark.line == number else ""
    return behind if behind.lstrip().startswith("#") else ""
