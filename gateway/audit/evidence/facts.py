"""Statements about an installation, each with the place where it can be checked; and nothing that nobody knows.

::

    Fact("least_days", 184, setting("audit.retention.default.least_days"))
    Fact("site_country", None, setting("site.jurisdiction"))       # told as "unknown"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["setting", "file", "record", "program"]
Value = str | int | bool | tuple[str, ...] | None
"""``None`` is what nobody has said; an empty tuple is none of them."""


@dataclass(frozen=True)
class Source:
    """Where a statement can be checked: a setting's name, a file of the installation with its part, a record of the
    log (``site/node/worker#sequence``), or what the program itself answers."""

    kind: Kind
    ref: str


@dataclass(frozen=True)
class Fact:
    """``says`` is a key of the words; ``of`` names which one of several is meant."""

    says: str
    value: Value
    source: Source
    of: str = ""


Groups = Mapping[str, Sequence[Fact]]
"""Facts by what they are about."""


def setting(name: str) -> Source:
    return Source("setting", name)


def file(path: str) -> Source:
    return Source("file", path)


def record(log: str, sequence: int) -> Source:
    return Source("record", f"{log}#{sequence}")


def program(command: str) -> Source:
    return Source("program", command)
