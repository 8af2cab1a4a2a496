"""A report as one HTML page: nothing is loaded, no script, readable on paper too. Everything that comes from records is
escaped; the page forbids itself every source but its own style."""

from __future__ import annotations

import re
from html import escape

from gateway.audit.evidence.charts import GRID, WIDTH, Box, Line, Picture, Shape, picture
from gateway.audit.evidence.document import Bars, Block, Chapter, Code, Days, Document, Points, Table, Text, Tiles

_CODE = re.compile(r"`([^`]+)`")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_FONTS = {
    "ja": '"Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", Meiryo, "IPAexGothic", ',
    "zh": '"Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei", ',
}

_STYLE = """
:root { --ink: #1f2933; --soft: #5f6c7b; --line: #d9dee4; --blue: #2b5c9e; }
* { box-sizing: border-box; }
html { font-size: 15px; }
body { margin: 0 auto; max-width: 60rem; padding: 2.5rem 2rem 4rem; color: var(--ink); background: #fff;
  line-height: 1.5; font-family: FONTSHelvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; }
header { border-top: 6px solid var(--blue); padding-top: 1.2rem; margin-bottom: 2rem; }
.brand { color: var(--blue); font-weight: 700; letter-spacing: .06em; }
h1 { font-size: 2rem; line-height: 1.2; margin: .4rem 0 .2rem; }
.sub { color: var(--soft); font-size: 1.1rem; margin: 0 0 1.4rem; }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .3rem 1.4rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
nav { border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1.4rem; margin: 2rem 0; columns: 2; }
nav b { display: block; column-span: all; margin-bottom: .4rem; }
nav a { display: block; color: var(--ink); text-decoration: none; padding: .1rem 0; }
nav a:hover { color: var(--blue); }
h2 { font-size: 1.3rem; margin: 2.8rem 0 .8rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
p { margin: .6rem 0; max-width: 46rem; }
.note { color: var(--soft); }
.good, .warn { border-left: 4px solid; padding: .5rem .9rem; max-width: none; }
.good { border-color: #2f7d4f; background: #e6f4ec; } .warn { border-color: #a3262a; background: #fbeceb; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .8rem; margin: 1rem 0; }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; }
.tile b { display: block; font-size: 1.55rem; line-height: 1.2; } .tile span { color: var(--soft); font-size: .88rem; }
.tile.warn b { color: #a3262a; } .tile.good b { color: #2f7d4f; }
figure { margin: 1.4rem 0; } figcaption { font-weight: 700; margin-bottom: .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; min-width: 44rem; table-layout: fixed; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .38rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { background: #f3f5f7; border-bottom: 2px solid var(--soft); hyphens: auto; }
tbody tr:nth-child(even) { background: #fafbfc; }
.n { text-align: right; }
td.n { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.c, pre, code { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .8rem; }
pre { background: #f3f5f7; border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.chart { width: 100%; height: auto; max-width: 46rem; font-family: inherit; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem; color: var(--soft);
  font-size: .85rem; }
@page { size: A4; margin: 18mm 16mm; }
@media print {
  html { font-size: 12.5px; } body { padding: 0; max-width: none; }
  p { max-width: none; } table { min-width: 0; } nav { break-after: page; } h2 { break-after: avoid; }
  table { font-size: .8rem; } th, td { padding: .3rem .4rem; } td.c { font-size: .72rem; }
  .chart, .tile, tr { break-inside: avoid; } figcaption { break-after: avoid; }
  thead { display: table-header-group; } .scroll { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def render(document: Document) -> bytes:
    """Return the page in UTF-8."""
    style = _STYLE.replace("FONTS", _FONTS.get(document.language, ""))
    links = "".join(f'<a href="#{chapter.id}">{_e(chapter.title)}</a>' for chapter in document.chapters)
    about = "".join(f"<dt>{_e(label)}</dt><dd>{_e(value)}</dd>" for label, value in document.about)
    lines = [
        f'<!doctype html>\n<html lang="{_lang(document.language)}">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_e(document.title)}</title>\n<style>{style}</style>\n</head>\n<body>",
        f'<header>\n<div class="brand">Sekisho 関所</div>\n<h1>{_e(document.title)}</h1>',
        f'<p class="sub">{_e(document.subtitle)}</p>\n<dl>{about}</dl>\n</header>',
        f"<nav><b>{_e(document.contents)}</b>{links}</nav>\n<main>",
        *(_chapter(chapter) for chapter in document.chapters),
        f"</main>\n<footer>{_e(document.footer)}</footer>\n</body>\n</html>\n",
    ]
    return "\n".join(lines).encode()


def _lang(language: str) -> str:
    return {"zh": "zh-Hans"}.get(language, language)


def _chapter(chapter: Chapter) -> str:
    blocks = "\n".join(_block(block) for block in chapter.blocks)
    return f'<section id="{chapter.id}">\n<h2>{_e(chapter.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Text(text, tone):
            return f'<p class="{tone}">{_with_code(text)}</p>'
        case Points(items):
            return f"<ul>{''.join(f'<li>{_with_code(item)}</li>' for item in items)}</ul>"
        case Code(lines):
            return f"<pre>{_e(chr(10).join(lines))}</pre>"
        case Tiles(tiles):
            shown = (f'<div class="tile {t.tone}"><b>{_e(t.value)}</b><span>{_e(t.label)}</span></div>' for t in tiles)
            return f'<div class="tiles">{"".join(shown)}</div>'
        case Table():
            return _table(block)
        case Bars() | Days():
            return _figure(block.title, _svg(picture(block)))


def _table(table: Table) -> str:
    head = "".join(f"<th{_class(table, number)}>{_e(name)}</th>" for number, name in enumerate(table.columns))
    body = "".join(
        f"<tr>{''.join(f'<td{_class(table, number)}>{_e(cell)}</td>' for number, cell in enumerate(row))}</tr>\n"
        for row in table.rows
    )
    weights = table.wide or (1.0,) * len(table.columns)
    widths = "".join(f'<col style="width:{100 * weight / sum(weights):.1f}%"/>' for weight in weights)
    drawn = f"<colgroup>{widths}</colgroup>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
    return _figure(table.caption, f'<div class="scroll"><table>\n{drawn}</table></div>')


def _svg(shown: Picture) -> str:
    """Return a picture as SVG, with its title and what it says for those who don't see it."""
    size = f'viewBox="0 0 {WIDTH:.0f} {shown.height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" class="chart">'
    drawn = "".join(_shape(shape) for shape in shown.shapes)
    return f"{head}<title>{_e(shown.title)}</title><desc>{_e(shown.said)}</desc>{drawn}</svg>"


def _shape(shape: Shape) -> str:
    match shape:
        case Box(x, y, width, height, colour):
            return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
        case Line(x, y, end):
            return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
    placed = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size}" text-anchor="{shape.anchor}"'
    return f'<text {placed} fill="{shape.colour}">{_e(shape.text)}</text>'


def _class(table: Table, number: int) -> str:
    name = "n" if number in table.numbers else "c" if number in table.code else ""
    return f' class="{name}"' if name else ""


def _figure(caption: str, drawn: str) -> str:
    return f"<figure>{f'<figcaption>{_e(caption)}</figcaption>' if caption else ''}{drawn}</figure>"


def _with_code(text: str) -> str:
    """Return text whose parts between backticks are something to type."""
    return _CODE.sub(r"<code>\1</code>", _e(text))


def _e(text: str) -> str:
    return escape(text)
