"""A report as values: chapters of paragraphs, tables and charts, without any form. ``html`` and ``pdf`` give it one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["plain", "note", "good", "warn"]
Language = Literal["en", "de", "ja", "zh"]


@dataclass(frozen=True)
class Text:
    """A paragraph. ``note`` explains, ``good`` and ``warn`` stand out."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Points:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Lines to type, or the text of a document."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Tile:
    """One figure that is read first."""

    value: str
    label: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Tiles:
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Table:
    """Rows of text. ``numbers`` are the columns that stand right; ``wide`` weighs columns for paper."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    numbers: frozenset[int] = frozenset()
    wide: tuple[float, ...] = ()
    code: frozenset[int] = frozenset()  # columns of digests and ids


Parts = tuple[int | None, ...]
"""Numbers of a chart; ``None``: not told."""


@dataclass(frozen=True)
class Bars:
    """Horizontal bars, one a label. ``parts`` are stacked, in the order of ``series``."""

    title: str
    series: tuple[str, ...]
    bars: tuple[tuple[str, Parts], ...]


@dataclass(frozen=True)
class Days:
    """Columns over time, stacked, in the order of ``series``; ``days`` are labels without a gap."""

    title: str
    series: tuple[str, ...]
    days: tuple[str, ...]
    values: tuple[Parts, ...]


Block = Text | Points | Code | Tiles | Table | Bars | Days


@dataclass(frozen=True)
class Chapter:
    """``id`` is an anchor: lower case ASCII."""

    id: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """``about`` are lines of label and value on the first page."""

    language: Language
    title: str
    subtitle: str
    about: tuple[tuple[str, str], ...]
    contents: str  # the heading over the list of chapters
    footer: str
    chapters: tuple[Chapter, ...]


def number(value: int) -> str:
    """Return a number with thousands apart by a narrow space, as ISO 80000 writes it in every language."""
    return f"{value:,}".replace(",", "\u202f")


def said(value: int | str) -> str:
    """Return a count as it is told: a number, or what stands for one."""
    return number(value) if isinstance(value, int) else value
