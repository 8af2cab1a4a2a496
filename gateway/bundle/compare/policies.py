"""What changes in the policies that a release ships: rules by name and date, tables row by row, other files by name.

A rule is a folder with ``rule.rego``; its revision is the date in its METADATA with the beginning of its SHA-256.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import tarfile
from collections import Counter
from collections.abc import Mapping

import msgspec

_DATE = re.compile(r"(?m)^#\s+date:\s*\"?([0-9-]{10})")
_MOST_BYTES = 64 << 20
_MOST_ROWS = 2000


class Rule(msgspec.Struct, frozen=True):
    """A rule that is another one. ``before`` or ``after`` is empty where there is none."""

    name: str
    change: str  # added, removed, changed
    before: str = ""
    after: str = ""


class Rows(msgspec.Struct, frozen=True):
    """A table that is another one: its rows as they are written, without the header."""

    file: str
    added: list[str]
    removed: list[str]


class Policies(msgspec.Struct, frozen=True):
    """All that changes. ``known``: both archives were at hand; else only ``same`` says something."""

    same: bool
    known: bool
    rules: list[Rule] = []
    tables: list[Rows] = []
    files: list[Rule] = []  # data, cases, templates, tests of rules


def compare(before: bytes | None, after: bytes | None, same: bool) -> Policies:
    """Compare two ``policies.tar.gz``."""
    if same:
        return Policies(same=True, known=True)
    if before is None or after is None:
        return Policies(same=False, known=False)
    try:
        old, new = _files(before), _files(after)
    except (OSError, EOFError, tarfile.TarError, ValueError):
        return Policies(same=False, known=False)
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    rules = sorted(name for name in changed if name.endswith(".rego") and not name.endswith("_test.rego"))
    tables = sorted(name for name in changed if name.endswith(".csv"))
    others = sorted(changed - set(rules) - set(tables))
    return Policies(
        same=False,
        known=True,
        rules=[_change(name, old, new, name.removesuffix("/rule.rego")) for name in rules],
        tables=[_rows(name, old.get(name, b""), new.get(name, b"")) for name in tables],
        files=[_change(name, old, new, name) for name in others],
    )


def revision(content: bytes) -> str:
    """A file's date, where its METADATA say one, and the beginning of its hash."""
    date = _DATE.search(content.decode("utf-8", "replace"))
    short = hashlib.sha256(content).hexdigest()[:12]
    return f"{date[1]} {short}" if date else short


def _change(name: str, old: Mapping[str, bytes], new: Mapping[str, bytes], shown: str) -> Rule:
    change = "added" if name not in old else "removed" if name not in new else "changed"
    return Rule(shown, change, revision(old[name]) if name in old else "", revision(new[name]) if name in new else "")


def _rows(name: str, before: bytes, after: bytes) -> Rows:
    old, new = Counter(_lines(before)), Counter(_lines(after))
    return Rows(name, list((new - old).elements())[:_MOST_ROWS], list((old - new).elements())[:_MOST_ROWS])


def _lines(content: bytes) -> list[str]:
    rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"))) if any(row)]
    return [" | ".join(row) for row in rows[1:]]


def _files(archive: bytes) -> dict[str, bytes]:
    with gzip.open(io.BytesIO(archive)) as opened:
        plain = opened.read(_MOST_BYTES + 1)
    if len(plain) > _MOST_BYTES:
        raise ValueError("too long")
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        found = ((one.name, tar.extractfile(one)) for one in tar if one.isfile())
        return {name.removeprefix("./"): opened.read() for name, opened in found if opened is not None}
