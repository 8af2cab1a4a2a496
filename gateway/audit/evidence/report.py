"""The report: from what was found to a document in one language. Pure; every figure comes from the records."""

from __future__ import annotations

from collections.abc import Callable

from gateway.audit.evidence import chapters_book, chapters_decisions
from gateway.audit.evidence.document import Chapter, Document, Language
from gateway.audit.evidence.door import House
from gateway.audit.evidence.findings import Findings
from gateway.audit.evidence.pen import Pen, when
from gateway.audit.log.site import name_of

CHAPTERS: tuple[Callable[[Pen, Findings], Chapter], ...] = (
    chapters_decisions.summary,
    chapters_decisions.decisions,
    chapters_decisions.data,
    chapters_decisions.crossings,
    chapters_decisions.refusals,
    chapters_book.continuity,
    chapters_book.policy,
    chapters_book.glass,
    chapters_book.keys,
    chapters_book.models,
    chapters_book.erasures,
    chapters_book.office,
    chapters_book.limits,
    chapters_book.verify,
)


def report(found: Findings, language: Language, house: House) -> Document:
    pen = Pen(language, house)
    chapters = tuple(write(pen, found) for write in CHAPTERS)
    numbered = tuple(
        Chapter(chapter.id, f"{number}  {chapter.title}", chapter.blocks) for number, chapter in enumerate(chapters, 1)
    )
    footer = pen("footer", program=found.about.program)
    return Document(language, pen("title"), pen("subtitle"), _about(pen, found), pen("contents"), footer, numbered)


def _about(pen: Pen, found: Findings) -> tuple[tuple[str, str], ...]:
    about = found.about
    since = when(about.since) if about.since else pen("from_start")
    until = when(about.until) if about.until else pen("to_end")
    asked = [(pen("about_filter"), ", ".join(f"{name}={value}" for name, value in about.filter.items()))]
    return (
        (pen("about_site"), about.site),
        (pen("about_range"), pen("range", since=since, until=until)),
        *(asked if about.filter else ()),
        (pen("about_as_of"), when(about.as_of) if about.as_of else pen("no_record")),
        (pen("about_logs"), ", ".join(name_of(log.origin, log.retention_class) for log in found.logs)),
        (pen("about_key"), found.key),
        (pen("about_language"), pen.words.name),
    )
