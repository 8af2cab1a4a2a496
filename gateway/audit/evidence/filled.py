"""Documents that laws ask for, filled from an installation: the page that asks, and under each of its headings what is
so here, with the place where each statement can be checked. Pure.

1. The page is the only source of what a document asks; nothing of it is left out, and what only people can say stays a
   marked field.
2. A statement without a source cannot be made: :class:`~gateway.audit.evidence.facts.Fact` has one.
3. What nobody has said is told as unknown. Nothing is concluded.
4. Counts come from the chapters of the evidence report, and so under their rule on small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit.evidence import chapters_decisions
from gateway.audit.evidence.document import Block, Chapter, Document, Language, Table, Text
from gateway.audit.evidence.facts import Fact, Groups, Source
from gateway.audit.evidence.findings import Findings
from gateway.audit.evidence.page import Marks, Page, page
from gateway.audit.evidence.pen import Pen
from gateway.audit.evidence.words import LANGUAGES

WORDS = Path(__file__).with_name("filled.yaml")
COUNTED: Mapping[str, Callable[[Pen, Findings], Chapter]] = {
    "count_decisions": chapters_decisions.decisions,
    "count_data": chapters_decisions.data,
    "count_crossings": chapters_decisions.crossings,
}
"""Groups that come from records: a chapter of the report each."""

PURPOSES, DESTINATIONS = ("count_decisions", "by_purpose"), ("count_decisions", "by_destination")
KINDS = ("count_data", "by_kind", "by_special", "redacted", "guarded")
CROSSINGS = ("count_crossings",)
Group = str | tuple[str, ...]
"""A group of facts; or one of :data:`COUNTED`, with the captions of the tables that are wanted, else all of it."""


@dataclass(frozen=True)
class Kind:
    """One document. ``places`` are the groups of each section of its page by number, 0 before the first heading;
    ``annexes`` are further chapters, by the key of their title."""

    name: str
    who: str
    places: Mapping[int, Sequence[Group]]
    annexes: Mapping[str, Sequence[Group]]


KINDS_OF_DOCUMENT: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "record-of-processing",
            "controller",
            {
                0: ("site", "policy"),
                2: (PURPOSES,),
                3: ("detection", KINDS),
                4: ("places", "models", "roles", DESTINATIONS),
                5: ("transfers", CROSSINGS),
                6: ("content", "retention"),
                7: ("rules", "redaction", "keys", "logs", "log", "access", "egress", "outbox"),
            },
            {},
        ),
        Kind(
            "dpia",
            "controller",
            {
                0: ("site", "policy"),
                1: ("detection", KINDS, PURPOSES, "places", "transfers", CROSSINGS, "models", "content", "retention"),
                2: ("rules", "redaction"),
                3: ("roles", "keys", "logs", "log", "access", "egress", "outbox"),
            },
            {},
        ),
        Kind(
            "pipia",
            "handler",
            {
                0: ("site", "policy"),
                1: ("detection", KINDS, "places", "transfers", CROSSINGS),
                2: ("rules", "redaction", "content", "retention"),
                3: ("models", "egress", "outbox"),
                4: ("roles", "keys", "logs", "log", "access"),
            },
            {},
        ),
        Kind(
            "transfer-assessment",
            "exporter",
            {
                0: ("site", "policy", "places", KINDS, CROSSINGS),
                1: ("transfers",),
                3: ("rules", "redaction", "keys", "logs", "log", "egress", "outbox"),
            },
            {},
        ),
        Kind(
            "works-agreement",
            "parties",
            {},
            {
                "annex_records": ("site", "recorded", "logs", "log"),
                "annex_content": ("content", "retention", "detection", "redaction"),
                "annex_roles": ("roles", "keys", "access"),
                "annex_policy": ("policy", "rules"),
            },
        ),
    )
}


@dataclass(frozen=True)
class Given:
    """What a document is filled with. ``findings`` is ``None`` where there is no log yet."""

    kind: Kind
    text: str  # the page, Markdown
    groups: Groups
    findings: Findings | None
    made: str  # RFC 3339, UTC
    read_to: tuple[Source, ...]  # the last record of each log that stands for a request
    program: str


@cache
def _all_words() -> dict[str, list[str]]:
    return msgspec.yaml.decode(WORDS.read_bytes(), type=dict[str, list[str]])


class FilledWords:
    """The words of these documents in one language."""

    def __init__(self, language: Language) -> None:
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **given: str) -> str:
        text = _all_words()[key][self._column]
        return text.format_map(given) if given else text


def document(given: Given, pen: Pen) -> Document:
    """Return the document in the pen's language."""
    words = FilledWords(pen.words.language)
    who = words(f"who_{given.kind.who}")
    people = words("people", who=who)
    asked = page(given.text, Marks(people, f"{people}: {{hint}}", words("told_here")))
    chapters = [*_sections(given, asked, words, pen), *_annexes(given, words, pen)]
    about = (
        (words("made"), given.made),
        (words("read_to"), _read_to(given, words)),
        (words("language_note"), words("no_native_reader")),
    )
    footer = words("footer", program=given.program)
    title = words("subtitle", who=who)
    name = asked.title[:1].upper() + asked.title[1:]
    return Document(pen.words.language, name, title, about, pen("contents"), footer, tuple(chapters))


def _read_to(given: Given, words: FilledWords) -> str:
    """Return the last records that stand for requests, one a log; or that there is none."""
    if given.findings is None:
        return words("no_log")
    return ", ".join(source.ref for source in given.read_to) or words("no_request")


def _sections(given: Given, asked: Page, words: FilledWords, pen: Pen) -> Iterable[Chapter]:
    for number, section in enumerate(asked.sections):
        told = _told(given, given.kind.places.get(number, ()), words, pen)
        if section.blocks or told:
            yield Chapter(f"s{number}", section.title or words("start"), (*section.blocks, *told))


def _annexes(given: Given, words: FilledWords, pen: Pen) -> Iterable[Chapter]:
    for number, (title, groups) in enumerate(given.kind.annexes.items(), start=1):
        yield Chapter(f"a{number}", words(title), tuple(_told(given, groups, words, pen)))


def _told(given: Given, groups: Sequence[Group], words: FilledWords, pen: Pen) -> list[Block]:
    blocks: list[Block] = []
    for group in groups:
        if isinstance(group, str):
            blocks.append(_table(group, given.groups.get(group, ()), words))
        else:
            blocks += _counted(given, group, words, pen)
    return blocks


def _table(group: str, facts: Sequence[Fact], words: FilledWords) -> Block:
    caption = words("so_here", what=words(f"group_{group}"))
    if not facts:
        return Text(f"{caption}: {words('nothing')}", "note")
    rows = tuple((_statement(fact, words), _value(fact, words), _source(fact.source, words)) for fact in facts)
    columns = (words("statement"), words("value"), words("source"))
    return Table(columns, rows, caption, wide=(2, 3, 2.4), code=frozenset({2}))


def _statement(fact: Fact, words: FilledWords) -> str:
    return _one_line(words(f"says_{fact.says}") + (f": {fact.of}" if fact.of else ""))


def _value(fact: Fact, words: FilledWords) -> str:
    match fact.value:
        case None:
            return words("unknown")
        case bool():
            return words("yes" if fact.value else "no")
        case ():
            return words("nothing")
        case tuple():
            return _one_line(", ".join(fact.value))
    return _one_line(str(fact.value))


def _source(source: Source, words: FilledWords) -> str:
    return _one_line(words(f"source_{source.kind}", ref=source.ref))


def _one_line(text: str) -> str:
    return " ".join(text.replace("`", "'").split())


def _counted(given: Given, group: Sequence[str], words: FilledWords, pen: Pen) -> list[Block]:
    """Return tables of a chapter of the report, told as it tells them, with the records that they were counted from."""
    name, *captions = group
    if given.findings is None:
        return [Text(words("so_here", what=words(f"group_{name}")) + ": " + words("no_log"), "note")]
    found = COUNTED[name](pen, given.findings).blocks
    wanted = {pen(caption) for caption in captions}
    told = [block for block in found if not captions or (isinstance(block, Table) and block.caption in wanted)]
    if captions and not told:
        told = [Text(f"{pen(captions[0])}: {pen('none')}", "note")]
    return [*told, Text(words("counted_from", refs=_read_to(given, words)), "note")]


def keys_of_words() -> Mapping[str, Sequence[Any]]:
    """Return all words, for those who compare languages."""
    return _all_words()
