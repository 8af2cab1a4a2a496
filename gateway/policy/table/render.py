"""The rule table in words: each row as a sentence, in English, German, Japanese or Chinese. Pure.

A sentence says all that a row says: what data, from where, in which requests and for what, whether they may go where,
what is done to them on the way, by which law, until when and by whose hand. How it is said stands in
``sentences.yaml``. Example::

    sentence(Row(data=("PERSON",), destination=("external",), decision="deny"), "en")
    # Names of persons may not go to outside providers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from gateway.policy.table.row import NEAR, SITE, SPECIAL, TEXT, Row
from gateway.policy.words import named

_FILE = Path(__file__).with_name("sentences.yaml")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


def sentence(row: Row, language: str) -> str:
    """Return the row in words.

    Args:
        language: one of :data:`gateway.policy.words.LANGUAGES`.
    """
    words = _Words(language)
    said = words.verdict(row)
    if row.mode == "observe" and row.review_by:
        said = words.phrase("observe", day=words.day(row.review_by), sentence=said)
    return said + words.details(row)


def title(language: str) -> str:
    return str(_texts()[language]["title"])


def line(number: int, language: str) -> str:
    return str(_texts()[language]["line"]).format(line=number)


def markdown(rows: Sequence[Row], language: str, head: str) -> str:
    """Return the whole table as Markdown. ``head`` says what holds for all rows."""
    said = [f"- **{line(row.line, language)}.** {escaped(sentence(row, language))}" for row in rows]
    return "\n".join([f"# {title(language)}", "", escaped(head), "", *said]) + "\n"


def escaped(text: str) -> str:
    """Return the text so that Markdown shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


class _Words:
    """The phrases of one language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._texts = _texts()[language]

    def phrase(self, name: str, /, **given: str) -> str:
        return str(self._texts[name]).format(**given)

    def verdict(self, row: Row) -> str:
        slots = {**self._about(row), "data": self._data(row), "to": self._to(row)}
        if row.decision == "allow" and row.redaction:
            slots["redaction"] = self._redaction(row.data, row.redaction)
        said = str(self._of(row)[row.decision]).format(**slots)
        return said[:1].upper() + said[1:]

    def details(self, row: Row) -> str:
        """Return legal basis, day, owner and note, as far as the row has them."""
        texts = {name: getattr(row, name).rstrip(".。") for name in ("legal_basis", "owner", "note")}
        said = {name: self.phrase(name, text=text) for name, text in texts.items() if text}
        if row.review_by and row.mode == "enforce":
            said["review_by"] = self.phrase("review_by", day=self.day(row.review_by))
        return "".join(said.get(name, "") for name in ("legal_basis", "review_by", "owner", "note"))

    def day(self, day: date) -> str:
        month = self._texts["months"][day.month - 1] if "months" in self._texts else ""
        return self.phrase("day", day=str(day.day), month=month, number=str(day.month), year=str(day.year))

    def _about(self, row: Row) -> dict[str, str]:
        """Return class, purpose and origin, empty where the row is about any."""
        words = {
            "class": [self._named(word) for word in row.data_class],
            "purpose": [self.phrase("quoted", word=word) for word in row.purpose],
            "origin": [self._place(word) for word in row.collected_in],
        }
        cells = {"class": row.data_class, "purpose": row.purpose, "origin": row.collected_in}
        present = [name for name in self._texts["order"] if "*" not in cells[name]]
        return {
            name: self._texts[name][name == present[-1]].format(words=self._listed("or", words[name]))
            if name in present
            else ""
            for name in cells
        }

    def _data(self, row: Row) -> str:
        if TEXT in row.data:
            return self.phrase("everything")
        return self._listed("and", [self._datum(word) for word in row.data])

    def _datum(self, word: str) -> str:
        name = named(word, self._language, "data")
        return self.phrase("own_type", type=word) if name == word else name

    def _to(self, row: Row) -> str:
        denied = row.decision == "deny"
        if "*" in row.destination:
            return str(self._of(row)["nowhere" if denied else "anywhere"])
        near = [str(self._texts["near"][word]) for word in row.destination if word in NEAR]
        sites = [self.phrase("site", name=w.removeprefix(SITE)) for w in row.destination if w.startswith(SITE)]
        places = [self._place(word) for word in row.destination if word not in NEAR and not word.startswith(SITE)]
        placed = [self.phrase("places", words=self._listed("or", places))] if places else []
        listed = self._listed("or", [*near, *placed, *sites])
        return str(self._of(row)["not_to" if denied else "to"]).format(words=listed)

    def _of(self, row: Row) -> Mapping[str, Any]:
        """Return the phrases for a row: that no data may go is said otherwise than that some may not."""
        none = TEXT in row.data and row.decision == "deny"
        return {**self._texts, **self._texts["none"]} if none else self._texts

    def _redaction(self, data: Iterable[str], operator: str) -> str:
        special = [word.startswith(SPECIAL) for word in data]
        who = "special" if all(special) else "both" if any(special) else "types"
        if TEXT in data:
            who = "all"
        kind = who if who in self._texts["operators"] else "types" if operator == "keep" else "special"
        named_who = self._texts["who"]["types" if (who, operator) == ("both", "keep") else who]
        return str(self._texts["operators"][kind][operator]).format(who=named_who)

    def _place(self, word: str) -> str:
        placed = self._texts.get("placed", {})
        return str(placed[word]) if word in placed else self.phrase("place", name=self._named(word))

    def _named(self, word: str) -> str:
        return named(word, self._language)

    def _listed(self, kind: str, words: Sequence[str]) -> str:
        between, last = self._texts[kind]
        return last.join([between.join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


@cache
def _texts() -> dict[str, Any]:
    return dict(msgspec.yaml.decode(_FILE.read_bytes()))
