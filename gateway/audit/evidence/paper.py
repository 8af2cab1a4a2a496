"""A report as PDF, A4: the same document as the page, with page numbers, a list of chapters and bookmarks.

Latin letters are set in Helvetica, one of the fonts that every reader of PDF has. Japanese and Chinese are set in the
fonts that Adobe's character collections name (Adobe-Japan1, Adobe-GB1); a reader brings them along or shows its own.
Who wants them inside the file names a TrueType font, of which the characters that are used are embedded; the command
line takes one of the machine by itself (:mod:`gateway.audit.evidence.fonts`).

The file is the same for the same document: it has no date and no chance in it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Rect, String
from reportlab.graphics.shapes import Line as DrawnLine
from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    ListFlowable,
    ListItem,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.tableofcontents import TableOfContents

from gateway.audit.evidence import document as said
from gateway.audit.evidence.charts import GRID, INK, SOFT, WIDTH, Box, Line, Shape, picture
from gateway.errors import SetupError

MARGIN = 18 * mm
TEXT_WIDTH = A4[0] - 2 * MARGIN
BOLD = "Helvetica-Bold"
BLUE, HEAD, STRIPE = "#2b5c9e", "#f3f5f7", "#fafbfc"
_TONES = {"good": ("#2f7d4f", "#e6f4ec"), "warn": ("#a3262a", "#fbeceb")}
_CID = {"ja": "HeiseiKakuGo-W5", "zh": "STSong-Light"}
_EMBEDDED = "SekishoEmbedded"
_TILES_A_ROW = 4
_MOST_LINES, _MOST_HEAD_LINES = 36, 8  # of a cell: a row higher than a page could not be set
_PADDING = 8.0
_LEAST_TABLE = 36 * mm  # of a table that begins on a page: caption, heading, a few rows
_WIDE = 0x2E80
_CODE = re.compile(r"`([^`]+)`")
_FOREIGN = re.compile(r"[^\u0000-\u00ff\u2013\u2014\u2018-\u201e\u2022\u2026\u20ac]+")
"""Runs of characters that Helvetica has not."""


def render(document: said.Document, font: Path | None = None) -> bytes:
    """Return the PDF.

    Args:
        font: a TrueType font with the characters that are wanted inside the file.

    Raises:
        SetupError: that is no TrueType font.
    """
    out = io.BytesIO()
    sheet = _Sheet(out, document, _Setting.of(document.language, font))
    sheet.multiBuild(list(sheet.story()))
    return out.getvalue()


@dataclass(frozen=True)
class _Setting:
    """How text is set: ``foreign`` is the font of what Helvetica has not."""

    foreign: str
    cjk: bool

    @classmethod
    def of(cls, language: str, font: Path | None) -> _Setting:
        name = _CID.get(language, _CID["ja"])
        if font is not None:
            try:
                pdfmetrics.registerFont(TTFont(_EMBEDDED, str(font)))
            except (TTFError, OSError) as error:
                raise SetupError(
                    f"{font} is no TrueType font.", "Name a .ttf or .ttc file with TrueType outlines.", exit_code=2
                ) from error
            name = _EMBEDDED
        elif name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(UnicodeCIDFont(name))
        return cls(name, language in _CID)

    def marked(self, text: str) -> str:
        """Return reportlab's markup, each run in a font that has its characters."""
        plain = _CODE.sub(r'<font name="Courier">\1</font>', escape(text.replace("\u202f", "\u00a0")))
        return _FOREIGN.sub(lambda run: f'<font name="{self.foreign}">{run[0]}</font>', plain)

    def style(self, size: float = 9.2, **more: Any) -> ParagraphStyle:
        more = {"fontName": "Helvetica", "leading": size * 1.42, "textColor": HexColor(INK)} | more
        if self.cjk and more["fontName"] == BOLD:
            more["fontName"] = "Helvetica"  # those fonts have one weight: Latin letters among them have no other
        return ParagraphStyle("s", fontSize=size, wordWrap="CJK" if self.cjk else None, **more)

    def paragraph(self, text: str, style: ParagraphStyle) -> Paragraph:
        return Paragraph(self.marked(text), style)

    def runs(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield font and text of each run; for what is drawn and not set."""
        at, plain = 0, text.replace("\u202f", "\u00a0")
        for run in _FOREIGN.finditer(plain):
            if run.start() > at:
                yield "Helvetica", plain[at : run.start()]
            yield self.foreign, run[0]
            at = run.end()
        if at < len(plain):
            yield "Helvetica", plain[at:]


class _Sheet(BaseDocTemplate):  # type: ignore[misc]
    """The pages, and how each block is set."""

    def __init__(self, out: io.BytesIO, document: said.Document, setting: _Setting) -> None:
        super().__init__(
            out,
            pagesize=A4,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            title=f"{document.title}: {document.about[0][1]}",
            author="Sekisho",
            creator="Sekisho",
            invariant=1,  # no date, and ids that follow from the content
            lang={"zh": "zh-Hans"}.get(document.language, document.language),
        )
        self._said, self._set = document, setting
        frame = Frame(MARGIN, 20 * mm, TEXT_WIDTH, A4[1] - 42 * mm, 0, 0, 0, 0)
        self.addPageTemplates([PageTemplate("page", [frame], onPage=self._on_page)])

    def story(self) -> Iterator[Flowable]:
        yield from self._cover()
        for chapter in self._said.chapters:
            yield CondPageBreak(45 * mm)
            heading = self._set.paragraph(chapter.title, self._set.style(15, fontName=BOLD, spaceBefore=14))
            heading.chapter = (chapter.title, chapter.id)
            yield heading
            yield _Rule()
            for block in chapter.blocks:
                yield from self._block(block)

    def afterFlowable(self, flowable: Flowable) -> None:
        """Note a chapter for the list of chapters and the bookmarks; reportlab calls it."""
        chapter = getattr(flowable, "chapter", None)
        if chapter:
            title, id_ = chapter
            self.canv.bookmarkPage(id_)
            self.canv.addOutlineEntry(title, id_, 0)
            self.notify("TOCEntry", (0, self._set.marked(title), self.page, id_))

    def _on_page(self, canvas: Canvas, _: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setStrokeColor(HexColor(BLUE))
        canvas.setLineWidth(3)
        canvas.line(MARGIN, A4[1] - 13 * mm, A4[0] - MARGIN, A4[1] - 13 * mm)
        canvas.setFillColor(HexColor(SOFT))
        self._drawn(canvas, MARGIN, 11 * mm, f"Sekisho · {self._said.title} · {self._said.about[0][1]}", 8)
        canvas.setFont("Helvetica", 8)
        canvas.drawRightString(A4[0] - MARGIN, 11 * mm, str(canvas.getPageNumber()))
        canvas.restoreState()

    def _drawn(self, canvas: Canvas, x: float, y: float, text: str, size: float) -> None:
        for font, part in self._set.runs(text):
            canvas.setFont(font, size)
            canvas.drawString(x, y, part)
            x += pdfmetrics.stringWidth(part, font, size)

    def _cover(self) -> Iterator[Flowable]:
        put, style = self._set.paragraph, self._set.style
        yield Spacer(0, 22 * mm)
        yield put("Sekisho", style(13, fontName=BOLD, textColor=HexColor(BLUE)))
        yield put(self._said.title, style(28, fontName=BOLD, spaceBefore=6, spaceAfter=6))
        yield put(self._said.subtitle, style(12, textColor=HexColor(SOFT), spaceAfter=18))
        soft = style(9.5, textColor=HexColor(SOFT))
        rows = [[put(label, soft), put(value, style(9.5, splitLongWords=1))] for label, value in self._said.about]
        look = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")]
        yield Table(rows, [42 * mm, TEXT_WIDTH - 42 * mm], style=TableStyle(look))
        yield Spacer(0, 12 * mm)
        yield put(self._said.contents, style(12, fontName=BOLD, spaceAfter=4))
        contents = TableOfContents(dotsMinLevel=0, rightColumnWidth=12 * mm)
        contents.levelStyles = [style(10, leading=16)]
        yield contents
        yield Spacer(0, 10 * mm)
        yield put(self._said.footer, style(8.5, textColor=HexColor(SOFT)))
        yield PageBreak()

    def _block(self, block: said.Block) -> Iterator[Flowable]:
        put, style = self._set.paragraph, self._set.style
        match block:
            case said.Text(text, "good" | "warn" as tone):
                yield self._box(text, *_TONES[tone])
            case said.Text(text, tone):
                colour = HexColor(SOFT if tone == "note" else INK)
                yield put(text, style(textColor=colour, spaceBefore=4, spaceAfter=4))
            case said.Points(items):
                listed = [ListItem(put(item, style(spaceAfter=3)), leftIndent=14) for item in items]
                yield ListFlowable(listed, bulletType="bullet", bulletFontSize=7, bulletOffsetY=-2)
            case said.Code(lines):
                yield self._code(lines)
            case said.Tiles(tiles):
                yield self._tiles(tiles)
            case said.Table():
                yield from self._table(block)
            case said.Bars() | said.Days():
                yield KeepTogether([self._caption(block.title), self._drawing(block), Spacer(0, 6)])

    def _caption(self, text: str, *, keep: bool = True) -> Paragraph:
        bold = self._set.style(9.6, fontName=BOLD, spaceBefore=8, spaceAfter=3, keepWithNext=int(keep))
        return self._set.paragraph(text, bold)

    def _box(self, text: str, ink: str, ground: str) -> Table:
        look = [
            ("BACKGROUND", (0, 0), (-1, -1), HexColor(ground)),
            ("LINEBEFORE", (0, 0), (0, -1), 3, HexColor(ink)),
            ("LEFTPADDING", (0, 0), (-1, -1), 9),
            ("TOPPADDING", (0, 0), (-1, -1), 5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
        ]
        cell = self._set.paragraph(text, self._set.style())
        return Table([[cell]], [TEXT_WIDTH], style=TableStyle(look), spaceBefore=4, spaceAfter=4)

    def _code(self, lines: tuple[str, ...]) -> Table:
        look = [("BACKGROUND", (0, 0), (-1, -1), HexColor(HEAD)), ("BOX", (0, 0), (-1, -1), 0.5, HexColor(GRID))]
        style = self._set.style(8.4, fontName="Courier", leading=12)
        cells = [[self._set.paragraph(line, style)] for line in lines]
        return Table(cells, [TEXT_WIDTH], style=TableStyle(look), spaceBefore=3, spaceAfter=6)

    def _tiles(self, tiles: tuple[said.Tile, ...]) -> Table:
        cells = [self._tile(tile) for tile in tiles]
        cells += [[]] * (-len(cells) % _TILES_A_ROW)
        rows = [cells[at : at + _TILES_A_ROW] for at in range(0, len(cells), _TILES_A_ROW)]
        look = [
            ("BOX", (column, row), (column, row), 0.6, HexColor(GRID))
            for row in range(len(rows))
            for column in range(_TILES_A_ROW)
            if rows[row][column]
        ]
        more = [
            ("LEFTPADDING", (0, 0), (-1, -1), 7),
            ("TOPPADDING", (0, 0), (-1, -1), 6),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
        widths = [TEXT_WIDTH / _TILES_A_ROW] * _TILES_A_ROW
        return Table(rows, widths, style=TableStyle([*look, *more]), spaceBefore=6, spaceAfter=8)

    def _tile(self, tile: said.Tile) -> list[Paragraph]:
        ink = _TONES[tile.tone][0] if tile.tone in _TONES else INK
        big = self._set.style(17, fontName=BOLD, textColor=HexColor(ink), leading=21)
        small = self._set.style(8.2, textColor=HexColor(SOFT))
        return [self._set.paragraph(tile.value, big), self._set.paragraph(tile.label, small)]

    def _table(self, table: said.Table) -> Iterator[Flowable]:
        weights = table.wide or (1.0,) * len(table.columns)
        widths = [TEXT_WIDTH * weight / sum(weights) for weight in weights]
        inner = [width - _PADDING for width in widths]
        head = [self._cell(name, at, table, inner[at], head=True) for at, name in enumerate(table.columns)]
        rows = [[self._cell(cell, at, table, inner[at]) for at, cell in enumerate(row)] for row in table.rows]
        look = [
            ("BACKGROUND", (0, 0), (-1, 0), HexColor(HEAD)),
            ("LINEBELOW", (0, 0), (-1, 0), 1, HexColor(SOFT)),
            ("LINEBELOW", (0, 1), (-1, -1), 0.4, HexColor(GRID)),
            ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, HexColor(STRIPE)]),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *((side, (0, 0), (-1, -1), 4) for side in ("LEFTPADDING", "RIGHTPADDING")),
            *((side, (0, 0), (-1, -1), 2.5) for side in ("TOPPADDING", "BOTTOMPADDING")),
        ]
        if table.caption:  # not kept with the whole table: that would leave half a page empty before a long one
            yield CondPageBreak(_LEAST_TABLE)
            yield self._caption(table.caption, keep=False)
        yield Table([head, *rows], widths, repeatRows=1, style=TableStyle(look), spaceAfter=8)

    def _cell(self, text: str, at: int, table: said.Table, width: float, *, head: bool = False) -> Paragraph:
        font = BOLD if head else "Courier" if at in table.code else "Helvetica"
        more: dict[str, Any] = {"alignment": TA_RIGHT} if at in table.numbers else {}
        size = 7.2 if font == "Courier" else 7.8
        shown = fitted(text, width / size, _MOST_HEAD_LINES if head else _MOST_LINES)
        style = self._set.style(size, fontName=font, splitLongWords=1, **more)
        if font != "Courier":
            return self._set.paragraph(shown, style)
        lines = broken(shown, int(width / pdfmetrics.stringWidth("0", font, size)))
        return Paragraph("<br/>".join(self._set.marked(line) for line in lines), style)

    def _drawing(self, chart: said.Bars | said.Days) -> Drawing:
        shown = picture(chart)
        scale = TEXT_WIDTH / WIDTH
        drawing = Drawing(TEXT_WIDTH, shown.height * scale)
        for shape in shown.shapes:
            for drawn in self._shape(shape, shown.height):
                drawing.add(drawn)
        drawing.scale(scale, scale)
        return drawing

    def _shape(self, shape: Shape, height: float) -> Iterator[Any]:
        match shape:
            case Box(x, y, width, tall, colour):
                yield Rect(x, height - y - tall, width, tall, fillColor=HexColor(colour), strokeColor=None)
            case Line(x, y, end):
                yield DrawnLine(x, height - y, end, height - y, strokeColor=HexColor(GRID), strokeWidth=0.8)
            case _:
                runs = list(self._set.runs(shape.text))
                wide = sum(pdfmetrics.stringWidth(part, font, shape.size) for font, part in runs)
                x = shape.x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor]
                for font, part in runs:
                    look = {"fontName": font, "fontSize": shape.size, "fillColor": HexColor(shape.colour)}
                    yield String(x, height - shape.y, part, **look)
                    x += pdfmetrics.stringWidth(part, font, shape.size)


def fitted(text: str, width: float, lines: int) -> str:
    """Return text that fits into that many lines, shortened where it would not.

    Args:
        width: of a line, in letters that are as wide as high.
    """
    left = max(width, 1.0) * lines * 0.8  # words leave a part of each line empty
    for at, character in enumerate(text):
        left -= 1.0 if ord(character) > _WIDE else 0.62
        if left < 0:
            return f"{text[:at]}…"
    return text


def broken(text: str, letters: int) -> list[str]:
    """Return the lines of a path, code or digest: parted behind ``/ _ - .`` or a space, where there is one."""
    lines, rest, letters = [], text, max(letters, 1)
    while len(rest) > letters:
        at = max(rest.rfind(mark, 0, letters) for mark in "/_-. ") + 1
        at = at if at > letters // 3 else letters
        lines.append(rest[:at].rstrip())
        rest = rest[at:]
    return [*lines, rest]


class _Rule(Flowable):  # type: ignore[misc]
    """A line under a heading."""

    def wrap(self, width: float, _: float) -> tuple[float, float]:
        self.width = width
        return width, 7.0

    def draw(self) -> None:
        self.canv.setStrokeColor(HexColor(GRID))
        self.canv.setLineWidth(0.8)
        self.canv.line(0, 4, self.width, 4)
