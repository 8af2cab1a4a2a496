"""A document as Markdown, for those who go on writing in it. Charts are left to the page; nothing else is."""

from __future__ import annotations

import re

from gateway.audit.evidence.document import Bars, Block, Code, Days, Document, Points, Table, Text, Tiles

_MARKS = re.compile(r"([\\|*<]|(?<!\w)_|_(?!\w))")
_IN_CODE = re.compile(r"(`[^`]+`)")


def render(document: Document) -> bytes:
    """Return the document in UTF-8."""
    about = [f"- {_text(label)}: {_text(value)}" for label, value in document.about]
    parts = [f"# {_text(document.title)}", _text(document.subtitle), "\n".join(about)]
    for chapter in document.chapters:
        parts.append(f"## {_text(chapter.title)}")
        parts += [text for block in chapter.blocks if (text := _block(block))]
    return ("\n\n".join([*parts, _text(document.footer)]) + "\n").encode()


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return _text(text)
        case Points(items):
            return "\n".join(f"- {_text(item)}" for item in items)
        case Code(lines):
            return "\n".join(("```text", *lines, "```"))
        case Table():
            return _table(block)
        case Tiles(tiles):
            return "\n".join(f"- {_text(tile.label)}: {_text(tile.value)}" for tile in tiles)
        case Bars() | Days():
            return ""


def _table(table: Table) -> str:
    rows = [table.columns, ("---",) * len(table.columns), *table.rows]
    lines = [f"| {' | '.join(cell if at == 1 else _text(cell) for cell in row)} |" for at, row in enumerate(rows)]
    return "\n".join([f"**{_text(table.caption)}**", "", *lines] if table.caption else lines)


def _text(text: str) -> str:
    """Return text on one line that Markdown shows as it is, but for what stands between backticks."""
    parts = _IN_CODE.split(" ".join(text.split()))
    shown = (part if at % 2 else _MARKS.sub(r"\\\1", part) for at, part in enumerate(parts))
    return "".join(shown).replace("](", "]\\(")
