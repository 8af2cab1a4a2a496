"""What OPA has against a policy, a line each: file, row and column, and what is wrong.

::

    main/decision.rego:12:5: undefined function foo
    plain/rule.rego:3:1: not as opa fmt writes it
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import zip_longest
from pathlib import Path
from subprocess import CompletedProcess

import msgspec

from gateway.policy.opa.program import Opa

AS_JSON = ("--format", "json")
"""Options with which OPA's subcommands tell what is wrong as data."""


class _Location(msgspec.Struct, frozen=True):
    file: str = ""
    row: int = 0
    col: int = 0


class _Error(msgspec.Struct):
    message: str
    location: _Location | None = None


class _Step(msgspec.Struct):
    value: str | int
    location: _Location = _Location()


class _Package(msgspec.Struct):
    path: list[_Step]


class _Module(msgspec.Struct):
    package: _Package


class _Errors(msgspec.Struct):
    errors: list[_Error]


def complaints(done: CompletedProcess[str]) -> str:
    """Return what a subcommand that failed has said, a line for each complaint; its own words where it told no data."""
    for said in (done.stderr, done.stdout):
        try:
            return "\n".join(map(_line, msgspec.json.decode(said, type=_Errors).errors))
        except msgspec.DecodeError:
            continue
    return done.stderr or done.stdout


def _line(error: _Error) -> str:
    place, what = error.location, " ".join(error.message.split())
    return f"{place.file}:{place.row}:{place.col}: {what}" if place and place.file else what


def unreadable(opa: Opa, directory: Path, files: Iterable[Path]) -> str:
    """Return the lines for those files below ``directory`` that are no Rego."""
    read = (opa.run("parse", *AS_JSON, path.relative_to(directory), cwd=directory) for path in files)
    return "\n".join(complaints(done) for done in read if done.returncode)


def unformatted(opa: Opa, directory: Path, files: Iterable[Path]) -> str:
    """Return a line for each file below ``directory`` that is not as ``opa fmt`` writes it."""
    found = []
    for path in files:
        name = path.relative_to(directory)
        row, column = first_difference(path.read_text(encoding="utf-8"), opa.run("fmt", name, cwd=directory).stdout)
        if row:
            found.append(f"{name}:{row}:{column}: not as opa fmt writes it")
    return "\n".join(found)


def strays(opa: Opa, folder: Path, roots: Collection[str]) -> str:
    """Return a line for each file of a staged bundle whose package lies beyond the bundle's roots."""
    found = []
    for path in sorted(folder.rglob("*.rego")):
        name = path.relative_to(folder)
        read = opa.run("parse", *AS_JSON, "--json-include", "locations", name, cwd=folder)
        clause = None if read.returncode else msgspec.json.decode(read.stdout, type=_Module).package
        if clause is not None and str(clause.path[1].value) not in roots:
            package = ".".join(str(step.value) for step in clause.path[1:])
            place = clause.path[1].location
            found.append(f"{name}:{place.row}:{place.col}: package {package} is not below {' or '.join(roots)}")
    return "\n".join(found)


def first_difference(one: str, other: str) -> tuple[int, int]:
    """Return row and column, from 1, where two texts begin to differ; (0, 0) where they do not."""
    lines = zip_longest(one.splitlines(keepends=True), other.splitlines(keepends=True), fillvalue="")
    for row, (mine, yours) in enumerate(lines, 1):
        if mine != yours:
            alike = zip(mine, yours, strict=False)
            return row, next((at for at, (a, b) in enumerate(alike, 1) if a != b), min(len(mine), len(yours)) + 1)
    return 0, 0
