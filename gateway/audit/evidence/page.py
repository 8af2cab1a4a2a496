"""A page of ``docs/compliance/templates`` as chapters: its Markdown is the only source of what a document asks. Pure.

The pages use headings of one and two levels, paragraphs, lists and tables, and nothing else. What is in square brackets
is somebody's to fill in; a bracket that begins with one of :data:`COPIED` is what an installation can tell by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.audit.evidence.document import Block, Points, Table, Text

COPIED = ("copy", "chapter", "report,", "aus ", "転記", "摘自")
"""How a bracket begins that points into the report of a pack."""

_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_TITLE = re.compile(r"^(?:Template: |Vorlage: |様式：|模板：)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_ROW = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Section:
    """``title`` is empty for what stands before the first heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Marks:
    """What stands for a bracket: one that people fill in (``{hint}`` is what the page says of it), and one that is
    answered on the same sheet."""

    people: str
    people_hint: str
    told: str


def page(text: str, marks: Marks) -> Page:
    """Return the page with its brackets marked."""
    title, sections = "", [Section("", ())]
    for lines in _parts(_BRACKET.sub(lambda found: _marked(found[1], marks), _LINK.sub(r"\1", text))):
        if lines[0].startswith("# "):
            title = _TITLE.sub("", lines[0][2:])
        elif lines[0].startswith("## "):
            sections.append(Section(lines[0][3:], ()))
        else:
            last = sections[-1]
            sections[-1] = Section(last.title, (*last.blocks, _block(lines)))
    return Page(title, tuple(sections))


def _marked(inside: str, marks: Marks) -> str:
    if inside.startswith(COPIED):
        return f"[{marks.told}]"
    hint = inside.replace("…", "").strip(" :：,，、")
    return f"[{marks.people_hint.format(hint=hint)}]" if hint else f"[{marks.people}]"


def _parts(text: str) -> Iterator[list[str]]:
    """Yield what stands between empty lines; a heading is one by itself."""
    part: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line and not line.startswith("#"):
            part.append(line)
            continue
        if part:
            yield part
        part = []
        if line:
            yield [line]


def _block(lines: list[str]) -> Block:
    if lines[0].startswith("|"):
        head, _, *rows = [_cells(line) for line in lines]
        return Table(head, tuple(rows))
    if lines[0].startswith("- "):
        items = re.split(r"(?:^|\n)- ", "\n".join(lines))[1:]
        return Points(tuple(_plain(item) for item in items))
    return Text(_plain(" ".join(lines)))


def _cells(line: str) -> tuple[str, ...]:
    return tuple(_plain(cell.replace("`", "")) for cell in _ROW.split(line.strip().strip("|")))


def _plain(text: str) -> str:
    return " ".join(text.replace("**", "").replace("*", "").split())
