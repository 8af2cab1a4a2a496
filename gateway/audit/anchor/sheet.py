"""The sheet of paper that carries a site's head: a QR code, and the same text to read and to type."""

from __future__ import annotations

import io
from html import escape

import segno

_WIDTH, _HEIGHT, _MARGIN = 210, 297, 18  # millimetres: ISO A4
_CODE = 110
_LINE = 4.0
_FOOT = (
    "Kept by ____________________   at ____________________   since ____________________",
    "It counts once it comes back, scanned or typed:  sekisho audit anchor --accept FILE --place WHERE",
)
_LONGEST_LINE = 96


def terminal(text: str) -> str:
    """Return the code for a terminal, two rows in one line."""
    out = io.StringIO()
    _code(text).terminal(out, compact=True, border=2)
    return out.getvalue()


def svg(text: str, title: str, time: str) -> str:
    """Return a page of A4 as SVG. Black on white, no script, no font of its own.

    Args:
        text: what the code holds, and what stands below it.
        title: the page's heading.
        time: when it was made.
    """
    code = _code(text)
    scale = _CODE / code.symbol_size(border=0)[0]
    path = code.svg_inline(scale=scale, border=0, omitsize=False)
    top = _MARGIN + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}mm" height="{_HEIGHT}mm" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        _text(title, _MARGIN, _MARGIN, 6, "sans-serif"),
        _text(time, _MARGIN, _MARGIN + 7, 3.6, "sans-serif"),
        f'<g transform="translate({_MARGIN} {top})">{path}</g>',
        *(
            _text(line, _MARGIN, top + _CODE + 10 + number * _LINE, 2.9, "monospace")
            for number, line in enumerate(_folded(text))
        ),
        *(_text(line, _MARGIN, _HEIGHT - 14 + number * 5, 3, "sans-serif") for number, line in enumerate(_FOOT)),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m", encoding="utf-8")


def _folded(text: str) -> list[str]:
    """Return the text's lines, long ones broken with two spaces before what goes on."""
    folded: list[str] = []
    for line in text.splitlines():
        folded.append(line[:_LONGEST_LINE])
        folded += [f"  {line[at : at + _LONGEST_LINE]}" for at in range(_LONGEST_LINE, len(line), _LONGEST_LINE)]
    return folded


def _text(line: str, x: float, y: float, size: float, family: str) -> str:
    return (
        f'<text x="{x}" y="{y:g}" font-size="{size}" font-family="{family}" xml:space="preserve" '
        f'fill="#000">{escape(line)}</text>'
    )
