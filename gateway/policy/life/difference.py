"""What one revision changes against another: rows of the table as rows, rules and data as unified diff. Pure."""

from __future__ import annotations

import csv
import difflib
import io
import json
from dataclasses import dataclass
from typing import Any

from gateway.policy.life.build import law, rules_in
from gateway.policy.life.revisions import Revision
from gateway.policy.table import read
from gateway.settings import Settings

CONTEXT_LINES = 3
_SAME = 0.5  # rows that share this much of their cells are one row that was changed


@dataclass(frozen=True)
class Content:
    """What can be compared: ``rows`` are cells by line, without header and empty lines; ``files`` texts by path."""

    name: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    files: dict[str, str]


@dataclass(frozen=True)
class RowChange:
    """``kind`` is added, removed or changed; what there is not is an empty tuple, its line 0."""

    kind: str
    line_before: int
    before: tuple[str, ...]
    line_after: int
    after: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    rows: tuple[RowChange, ...]
    files: dict[str, tuple[str, ...]]  # lines of a unified diff, by path

    def view(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        rows = [
            {
                "kind": row.kind,
                "before": {"line": row.line_before, **dict(zip(read.COLUMNS, row.before, strict=False))},
                "after": {"line": row.line_after, **dict(zip(read.COLUMNS, row.after, strict=False))},
            }
            for row in self.rows
        ]
        return {"rows": rows, "files": {path: list(lines) for path, lines in self.files.items()}}

    def lines(self) -> list[str]:
        """Return it for people."""
        told = [line for row in self.rows for line in _told(row)]
        told += [line for lines in self.files.values() for line in lines]
        return told or ["They say the same."]


def content_of(revision: Revision) -> Content:
    """Return what a revision says. Raises SetupError when its bundle cannot be read."""
    rego = {name: content.decode() for name, content in revision.files.items() if name.endswith(".rego")}
    own = {name: text for name, text in rego.items() if name != "by_rule.rego"}  # that one follows from the others
    return Content(revision.id[:12], _rows(revision.table), {**own, **_data(revision.law)})


def content_of_files(settings: Settings) -> Content:
    """Return what the files of the settings say now. Raises SetupError."""
    directory = settings.policies
    paths = [path for name in ("main", *rules_in(directory)) for path in sorted((directory / name).glob("*.rego"))]
    rego = {
        f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8")
        for path in paths
        if not path.name.endswith("_test.rego")
    }
    return Content("files", _rows(read.source(settings)[0]), {**rego, **_data(law(directory))})


def compare(before: Content, after: Content) -> Difference:
    """Return what ``after`` changes."""
    paths = sorted({*before.files, *after.files})
    files = {path: _unified(before, after, path) for path in paths}
    return Difference(_row_changes(before, after), {path: lines for path, lines in files.items() if lines})


def _rows(table: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
    reader = csv.reader(io.StringIO(table), skipinitialspace=True)
    rows = [
        (reader.line_num, tuple(cell.strip() for cell in cells)) for cells in reader if any(c.strip() for c in cells)
    ]
    return tuple(rows[1:])


def _data(found: dict[str, Any]) -> dict[str, str]:
    return {
        f"data/{name}.json": json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, value in found.items()
    }


def _unified(before: Content, after: Content, path: str) -> tuple[str, ...]:
    old, new = (content.files.get(path, "").splitlines() for content in (before, after))
    names = (f"{before.name}/{path}", f"{after.name}/{path}")
    return tuple(difflib.unified_diff(old, new, *names, lineterm="", n=CONTEXT_LINES))


def _row_changes(before: Content, after: Content) -> tuple[RowChange, ...]:
    """Return the changes in the order of the table. Rows that took another place count as removed and added, since
    their order decides."""
    found: list[RowChange] = []
    matcher = difflib.SequenceMatcher(
        None, [cells for _, cells in before.rows], [cells for _, cells in after.rows], autojunk=False
    )
    for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            found += _paired(list(before.rows[old_start:old_end]), list(after.rows[new_start:new_end]))
    return tuple(found)


def _paired(old: list[tuple[int, tuple[str, ...]]], new: list[tuple[int, tuple[str, ...]]]) -> list[RowChange]:
    found: list[RowChange] = []
    for line, cells in old:
        alike = max(new, key=lambda other: _alike(cells, other[1]), default=(0, ()))
        if alike[0] and _alike(cells, alike[1]) >= _SAME:
            new.remove(alike)
            found.append(RowChange("changed", line, cells, *alike))
        else:
            found.append(RowChange("removed", line, cells, 0, ()))
    return found + [RowChange("added", 0, (), line, cells) for line, cells in new]


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    return sum(a == b for a, b in zip(one, other, strict=False)) / max(len(one), len(other), 1)


def _told(row: RowChange) -> list[str]:
    removed = [f"- line {row.line_before}: {','.join(row.before)}"] if row.before else []
    added = [f"+ line {row.line_after}: {','.join(row.after)}"] if row.after else []
    return removed + added
