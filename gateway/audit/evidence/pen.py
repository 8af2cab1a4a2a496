"""What all chapters write with: words, names and numbers in one language, and tables that say when they are empty."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from gateway.audit.evidence.document import Bars, Block, Language, Parts, Table, Text, number
from gateway.audit.evidence.door import House
from gateway.audit.evidence.few import COVERED
from gateway.audit.evidence.history import Event
from gateway.audit.evidence.words import Words

MOST_ROWS = 200
MOST_BARS = 15
_MOST_DETAILS, _LONGEST_DETAIL = 10, 120
_PLAIN = (str, int, bool)
_NEAR = 16  # events among which the same one of another log is looked for
_COUNTS_REQUESTS = {
    "admin.searched": frozenset({"found"}),
    "admin.exported": frozenset({"rows", "logs", "bytes"}),
}
"""Details that tell how many records somebody found or took: of few, or by a difference of two, of few."""
_SAID_FIRST = (
    "name",
    "tenant",
    "project",
    "purpose",
    "roles",
    "class_floor",
    "model",
    "format",
    "rows",
    "reason",
    "file",
)
_DIGEST, _DIGITS = re.compile(r"[0-9A-Za-z+/]{33,}={0,2}"), 16


class Pen:
    """Words of one language, and the names that other rooms have for things."""

    def __init__(self, language: Language, house: House) -> None:
        self.words = Words(language)
        self._house = house

    def __call__(self, key: str, **given: str) -> str:
        return self.words(key, **given)

    def text(self, key: str, tone: str = "plain", **given: str) -> Text:
        return Text(self.words(key, **given), tone)  # type: ignore[arg-type]

    def name(self, word: str) -> str:
        """Return a country, class or kind of data as people say it."""
        return self._house.name(word, self.words.language) if word else self("unset")

    def country(self, code: str) -> str:
        """Return a country's name with its code."""
        name = self.name(code)
        return f"{name} ({code})" if code and name != code else name

    def sentence(self, code: str, params: Mapping[str, str]) -> str:
        return self._house.sentence(code, params, self.words.language)

    def meaning(self, code: str) -> str:
        """Return what being refused with a code means."""
        return self.words.codes.get(code) or self._house.meaning(code, self.words.language)

    def law_of(self, country: str) -> str:
        return self._house.law_of(country)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str | int]],
        *,
        caption: str = "",
        wide: Sequence[float] = (),
        code: Iterable[int] = (),
    ) -> list[Block]:
        """Return a table with the columns named by keys; where there is no row, a line that says so.

        Columns of whole numbers stand right, also where one is only told as too small. Beyond :data:`MOST_ROWS` rows a
        line says how many more there are.
        """
        found = list(rows)
        heading = self(caption) if caption else ""
        if not found:
            return [Text(f"{heading}: {self('none')}" if heading else self("none"), "note")]
        numbers = {at for at in range(len(columns)) if all(_is_number(row[at]) for row in found)}
        shown = tuple(
            tuple(number(cell) if isinstance(cell, int) else cell for cell in row) for row in found[:MOST_ROWS]
        )
        names = tuple(self(column) for column in columns)
        blocks: list[Block] = [Table(names, shown, heading, frozenset(numbers), tuple(wide), frozenset(code))]
        if len(found) > MOST_ROWS:
            blocks.append(Text(self("further", count=number(len(found) - MOST_ROWS)), "note"))
        return blocks

    def bars(self, title: str, series: Sequence[str], rows: Iterable[tuple[str, Parts]]) -> list[Block]:
        """Return a chart of the longest bars, or nothing where there is none."""
        longest = sorted(rows, key=lambda row: (-sum(part or 0 for part in row[1]), row[0]))[:MOST_BARS]
        return [Bars(self(title), tuple(self(name) for name in series), tuple(longest))] if longest else []

    def events(self, events: Sequence[Event], beyond: int = 0, caption: str = "") -> list[Block]:
        """Return changes on record, by time; one that stands in several logs, such as the log's new key, once."""
        rows, logs = [], list[tuple[str, Mapping[str, Any], str]]()
        for event in sorted(events, key=lambda event: (event.time, event.log, event.sequence)):
            if not any((event.type, event.details) == (type_, said) and event.log != log for type_, said, log in logs):
                rows.append((when(event.time), self.words.event(event.type), event.by, _details(event)))
                logs = [*logs[1 - _NEAR :], (event.type, event.details, event.log)]
        blocks = self.table(("time", "what", "by", "details"), rows, caption=caption, wide=(1.5, 2, 1, 4))
        return blocks + ([Text(self("further", count=number(beyond)), "note")] if beyond else [])


def _is_number(cell: str | int) -> bool:
    return isinstance(cell, int) or cell.startswith("< ") or cell == COVERED


def when(time: str) -> str:
    """Return a time to the second, for people."""
    return time[:19].replace("T", " ")


def _details(event: Event) -> str:
    silent = _COUNTS_REQUESTS.get(event.type, frozenset())
    return told(_without(event.details, silent))


def _without(details: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    return {
        name: _without(value, names) if isinstance(value, Mapping) else value
        for name, value in details.items()
        if name not in names
    }


def told(details: Mapping[str, Any]) -> str:
    """Return what an event's details say, one level deep, shortened: the record itself is in the pack."""
    parts = [part for name, value in _ordered(details) if name != "by" for part in _parts(name, value)]
    more = len(parts) - _MOST_DETAILS
    return "; ".join(parts[:_MOST_DETAILS]) + (" …" if more > 0 else "")


def _ordered(details: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return details with what people look for first; records have them by the alphabet."""
    places = {name: place for place, name in enumerate(_SAID_FIRST)}
    return sorted(details.items(), key=lambda each: places.get(each[0], len(places)))


def _parts(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [part for inner, each in _ordered(value) if each is not False for part in _part(inner, each)]
    return _part(name, value)


def _part(name: str, value: Any) -> list[str]:
    if value in ("", None, [], {}):
        return []
    return [name if value is True else f"{name}: {_short(value)}"]


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        text = ", ".join(f"{name} {each}" for name, each in value.items() if isinstance(each, _PLAIN) and each != "")
    elif isinstance(value, list | tuple):
        text = ", ".join(str(each) if isinstance(each, _PLAIN) else _short(each).replace(",", "") for each in value)
    else:
        text = str(value) if isinstance(value, _PLAIN) else "…"
    text = _DIGEST.sub(lambda digest: f"{digest[0][:_DIGITS]}…", text)
    return text if len(text) <= _LONGEST_DETAIL else f"{text[: _LONGEST_DETAIL - 1]}…"
