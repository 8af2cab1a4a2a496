"""Charts as values: rectangles, lines and words on a plane, drawn here, so that page and paper show the same.

Colours differ in lightness too, so that they are told apart in grey. The origin is the upper left corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.audit.evidence.document import Bars, Days, Parts, number

COLOURS = ("#2b5c9e", "#c0562f", "#8a8f98")
GRID, INK, SOFT = "#d9dee4", "#1f2933", "#5f6c7b"
WIDTH = 720.0
UNTOLD = "*"

_LABEL, _ROW, _TOP, _END = 250.0, 24.0, 34.0, 70.0
_LEFT, _RIGHT, _PLOT, _DATES = 56.0, 10.0, 134.0, 26.0
_MOST_DATES, _LONGEST_LABEL, _MOST_SAID = 9, 40, 40
_CJK = 0x2E80


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Line:
    """From left to right."""

    x: float
    y: float
    end: float


@dataclass(frozen=True)
class Word:
    """``y`` is the baseline."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    size: int = 12
    colour: str = INK


Shape = Box | Line | Word


@dataclass(frozen=True)
class Picture:
    """``said`` is the same in words."""

    height: float
    title: str
    said: str
    shapes: tuple[Shape, ...]


def picture(chart: Bars | Days) -> Picture:
    return _bars(chart) if isinstance(chart, Bars) else _days(chart)


def nice(most: int) -> int:
    """Return a round number that is not smaller: 1, 2, 5 or 10 times a power of ten."""
    power = 1
    while power * 10 <= most:
        power *= 10
    return next(power * times for times in (1, 2, 5, 10) if power * times >= most)


def _bars(chart: Bars) -> Picture:
    """Horizontal bars, stacked, the value at the end of each."""
    most = max((_known(parts) for _, parts in chart.bars), default=0) or 1
    scale = (WIDTH - _LABEL - _END) / most
    top = _TOP if len(chart.series) > 1 else 6.0
    shapes = list(_legend(chart.series, _LABEL))
    for at, (label, parts) in enumerate(chart.bars):
        shapes += _bar(top + at * _ROW, label, parts, scale)
    return Picture(top + _ROW * len(chart.bars) + 6, chart.title, _said(chart.bars, chart.series), tuple(shapes))


def _bar(y: float, label: str, parts: Parts, scale: float) -> Iterator[Shape]:
    yield Word(_LABEL - 8, y + 15, _shortened(label), "end")
    x = _LABEL
    for at, part in enumerate(parts):
        if part:
            width = max(part * scale, 1.0)
            yield Box(x, y + 4, width, 15, COLOURS[at % len(COLOURS)])
            x += width
    yield Word(x + 6, y + 16, _sum(parts), size=11)


def _days(chart: Days) -> Picture:
    """Columns over time, stacked, with some dates under them."""
    top = nice(max((_known(values) for values in chart.values), default=0) or 1)
    step = (WIDTH - _LEFT - _RIGHT) / max(len(chart.days), 1)
    shapes = [*_legend(chart.series, _LEFT), *_grid(top)]
    for at, values in enumerate(chart.values):
        shapes += _column(_LEFT + at * step, step, values, _PLOT / top)
    every = max(1, -(-len(chart.days) // _MOST_DATES))
    for at in range(0, len(chart.days), every):
        x = min(_LEFT + (at + 0.5) * step, WIDTH - 30)
        shapes.append(Word(x, _TOP + _PLOT + 17, chart.days[at], "middle", 10, SOFT))
    told = tuple(zip(chart.days, chart.values, strict=True))
    return Picture(_TOP + _PLOT + _DATES, chart.title, _said(told, chart.series), tuple(shapes))


def _column(x: float, step: float, values: Parts, scale: float) -> Iterator[Shape]:
    y = _TOP + _PLOT
    for at, value in enumerate(values):
        if value:
            y -= value * scale
            width = min(step * 0.8, 60.0)
            yield Box(x + (step - width) / 2, y, width, value * scale, COLOURS[at % len(COLOURS)])


def _grid(top: int) -> Iterator[Shape]:
    for part in (0, 1, 2):
        y = _TOP + _PLOT * (1 - part / 2)
        yield Line(_LEFT, y, WIDTH - _RIGHT)
        if top * part % 2 == 0:
            yield Word(_LEFT - 6, y + 4, number(top * part // 2), "end", 10, SOFT)


def _legend(series: tuple[str, ...], x: float) -> Iterator[Shape]:
    for at, name in enumerate(series if len(series) > 1 else ()):
        yield Box(x, 8, 11, 11, COLOURS[at % len(COLOURS)])
        yield Word(x + 16, 18, name, size=11)
        x += 40 + sum(12.0 if ord(character) > _CJK else 6.4 for character in name)


def _said(rows: tuple[tuple[str, Parts], ...], series: tuple[str, ...]) -> str:
    """Return what a chart shows as a sentence, for those who don't see it."""
    named = "; ".join(
        f"{label}: {', '.join(f'{name} {_one(value)}' for name, value in zip(series, values, strict=True))}"
        for label, values in rows[:_MOST_SAID]
    )
    return named + ("; …" if len(rows) > _MOST_SAID else "")


def _known(parts: Parts) -> int:
    return sum(part or 0 for part in parts)


def _sum(parts: Parts) -> str:
    """Return the sum; where a part is not told, only that it is more."""
    known = _known(parts)
    return number(known) if None not in parts else f"> {number(known)}" if known else UNTOLD


def _one(value: int | None) -> str:
    return UNTOLD if value is None else str(value)


def _shortened(label: str) -> str:
    wide = sum(2 if ord(character) > _CJK else 1 for character in label)
    if wide <= _LONGEST_LABEL:
        return label
    kept, width = "", 0
    for character in label:
        width += 2 if ord(character) > _CJK else 1
        if width >= _LONGEST_LABEL:
            break
        kept += character
    return f"{kept}…"
