"""The figures as a picture: one panel for each trace, mean time over load, as multiples of the oracle's.

Colours differ in lightness and lines in their dashes, so that they are told apart in grey.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from fleet.figures import KIND, ORACLE, OURS, Row

_WIDTH, _PANEL_WIDTH, _PANEL_HEIGHT = 760, 330, 190
_LEFT, _TOP, _GAP_X, _GAP_Y = 52, 52, 40, 52
_MOST = 3.0  # multiples of the oracle's time that are shown; what is above leaves through the top
_INK, _SOFT, _GRID = "#1f2933", "#5f6c7b", "#d9dee4"
_STYLES = {
    OURS: ("#c0562f", "", 2.5),
    ORACLE: ("#1f2933", "2 3", 1.5),
    KIND: ("#1f2933", "7 4", 1.5),
    "least-busy": ("#2b5c9e", "", 1.5),
    "prefix-hash": ("#6f9bd1", "6 3", 1.5),
    "round-robin": ("#8a8f98", "1 3", 1.5),
}


def svg(rows: Sequence[Row]) -> str:
    """Return the picture. There MUST be at least one row."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    height = _TOP + (len(kinds) + 1) // 2 * (_PANEL_HEIGHT + _GAP_Y)
    title = "Mean time to the last token over load, as multiples of the oracle's"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'font-family="sans-serif" font-size="12">',
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_legend([name for name in _STYLES if name in rows[0].times]),
    ]
    for at, kind in enumerate(kinds):
        x = _LEFT + at % 2 * (_PANEL_WIDTH + _GAP_X)
        y = _TOP + at // 2 * (_PANEL_HEIGHT + _GAP_Y)
        parts += _panel([row for row in rows if row.kind == kind], x, y)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(names: Sequence[str]) -> Iterator[str]:
    for at, name in enumerate(names):
        x = _LEFT + at * 116
        yield _line([(x, 18), (x + 22, 18)], name)
        yield _word(x + 27, 22, name, colour=_INK)


def _panel(rows: Sequence[Row], x: float, y: float) -> Iterator[str]:
    yield _word(x, y - 8, rows[0].kind, colour=_INK, size=13)
    for times in range(int(_MOST) + 1):
        level = y + _PANEL_HEIGHT * (1 - times / _MOST)
        yield f'<line x1="{x}" x2="{x + _PANEL_WIDTH}" y1="{level:.1f}" y2="{level:.1f}" stroke="{_GRID}"/>'
        yield _word(x - 6, level + 4, f"{times}×", "end")
    for row in rows:
        yield _word(_across(row.load, x), y + _PANEL_HEIGHT + 16, f"{row.load:.0%}", "middle")
    clip = f"panel-{rows[0].kind}"
    yield f'<clipPath id="{clip}"><rect x="{x}" y="{y}" width="{_PANEL_WIDTH}" height="{_PANEL_HEIGHT}"/></clipPath>'
    yield f'<g clip-path="url(#{clip})">'
    for name in reversed([name for name in _STYLES if name in rows[0].times]):
        yield _line([(_across(row.load, x), _up(row, name, y)) for row in rows], name)
    yield "</g>"


def _across(load: float, x: float) -> float:
    return x + _PANEL_WIDTH * (0.04 + 0.92 * (load - 0.3) / 0.6)


def _up(row: Row, name: str, y: float) -> float:
    times = row.times[name].value / row.times[ORACLE].value
    return y + _PANEL_HEIGHT * (1 - min(times, 4 * _MOST) / _MOST)


def _line(points: Sequence[tuple[float, float]], name: str) -> str:
    colour, dashes, width = _STYLES[name]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _word(x: float, y: float, text: str, anchor: str = "start", *, colour: str = _SOFT, size: int = 11) -> str:
    at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {at} font-size="{size}" fill="{colour}">{escape(text)}</text>'
