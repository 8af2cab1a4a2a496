"""Fills ``encyclopaedia.txt``: sentences of encyclopaedias, the press, sports, the arts and history; see ``train.py``.

Half of the names come from the lists of the sentence's own language, the others from everywhere, some put together as
Chinese, Korean, Arabic names are. What is no person here looks like one as often as in life: clubs called after towns,
bands and ships after people, species, peoples, prizes. Words are in ``encyclopaedia.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generate import Generator
from lexicon import names_of

LOCALES = {
    "en": ("en_US", "en_GB"),
    "de": ("de_DE", "de_AT"),
    "fr": ("fr_FR",),
    "it": ("it_IT",),
    "es": ("es_ES", "es_MX"),
}
AT_HOME = 0.5  # of the names, from the lists of the sentence's own language
TIGHT_QUOTES, TIGHT_MARKS = 0.3, 0.5  # of the sentences, without spaces inside quotation marks; before 's, in brackets
LATIN = 0x250
PERSONS, PLACES = "PGRFSH", "A"
PARTICLES = (
    *("van", "van der", "de", "de la", "von", "di", "del", "al-", "ibn", "bin", "ben", "el"),
    *("O'", "Mc", "Mac", "St.", "La", "Le", "D'", "Da"),
)
MIDDLE = ("Van", "Thi", "Minh", "Duc")
INITIALS = "ABCDEFGHJKLMPRSTW"


class Encyclopaedia(Generator):
    """One seed, one corpus."""

    def __init__(self, folder: Path, templates: Path, seed: int) -> None:
        super().__init__(folder, templates, seed)
        words = tomllib.loads(templates.with_suffix(".toml").read_text(encoding="utf-8"))
        self._lists: dict[str, dict[str, list[str]]] = {
            title: {name: text.split() for name, text in lists.items()} for title, lists in words.items()
        }
        self._rare = (_latin(self._rare[0]), _latin(self._rare[1]))
        self._home = {language: _home(folder, places) for language, places in LOCALES.items()}
        self._language = "en"

    def _fill(self, template: str, language: str) -> dict[str, Any]:
        self._language = language
        makers = self._makers(language)
        text, spans = "", []
        for part in re.split(r"(\{[A-Z]\})", self._spaced(template)):
            if not re.fullmatch(r"\{[A-Z]\}", part):
                text += part
                continue
            value = makers[part[1]](language)
            if part[1] in PERSONS + PLACES:
                spans.append([len(text), len(text) + len(value), "ADDRESS" if part[1] in PLACES else "PERSON"])
            text += value
        return {"text": text, "spans": spans, "lang": language}

    def _makers(self, language: str) -> dict[str, Callable[[str], str]]:
        return {
            "P": self._person, "G": lambda _: self._first(), "R": self._known_by_one, "A": self._address,
            "T": self._place, "O": self._organisation, "W": self._work, "L": self._thing, "B": self._species,
            "N": self._noun, "F": self._full, "S": lambda _: self._last(), "H": self._stage, "C": self._club,
            "X": self._band, "K": lambda _: self._pick("months", language),
            "M": lambda _: self._pick("peoples", language),
            "D": lambda _: str(self._random.randint(*((1, 99) if self._random.random() < 0.4 else (1400, 2030)))),
        }  # fmt: skip

    def _spaced(self, template: str) -> str:
        if self._random.random() < TIGHT_QUOTES:
            template = template.replace('" {', '"{').replace('} "', '}"')
        if self._random.random() < TIGHT_MARKS:
            template = template.replace("} 's", "}'s").replace("( ", "(").replace(" )", ")")
        return template

    def _pick(self, title: str, name: str) -> str:
        return self._random.choice(self._lists[title][name])

    def _part(self, name: str) -> str:
        return self._pick("parts", name)

    def _first(self) -> str:
        if self._random.random() < AT_HOME:
            return self._random.choice(self._home[self._language][0])
        return super()._first()

    def _last(self) -> str:
        if self._random.random() < AT_HOME:
            return self._random.choice(self._home[self._language][1])
        return super()._last()

    def _known_by_one(self, language: str) -> str:
        return self._pick("old", language) if self._random.random() < 0.5 else self._ruler(language)

    def _place(self, language: str) -> str:
        chance = self._random.random()
        if chance < 0.3:
            return self._pick("regions", language)
        if chance < 0.35:
            return " ".join(self._part("syllables").capitalize() for _ in range(self._random.randint(2, 3)))
        return self._town(language)

    def _full(self, language: str) -> str:
        pick, chance = self._random.choice, self._random.random()
        first, last = self._first(), self._last()
        initial, particle = pick(INITIALS), pick(PARTICLES)
        joined = f"{first} {particle} {last}"
        for tied in ("-", "'", "Mc", "Mac"):
            joined = joined.replace(f"{tied} ", tied)
        two = self._first()
        forms = (
            (0.62, f"{first} {last}"), (0.68, f"{first} {two} {last}"), (0.73, f"{first} {initial}. {last}"),
            (0.78, joined), (0.80, f"{initial}. {pick(INITIALS)}. {last}"), (0.82, f"{initial}. {last}"),
            (0.84, f"{first}-{two} {last}"), (0.87, f"{first} {last}-{self._last()}"),
            (0.90, f"{first} {last} {self._last()}"), (0.92, self._chinese()),
            (0.94, f"{self._part('korean')} {self._part('koreans').capitalize()}-{self._part('koreans')}"),
            (0.95, f"{self._part('vietnamese')} {pick(MIDDLE)} {self._part('syllables').capitalize()}"),
            (0.96, f'{first} " {two} " {last}'), (0.97, f"{first} {last} {pick(('Jr.', 'Sr.', 'II', 'III'))}"),
            (0.985, f"{first} {pick(('bin', 'ibn', 'bint'))} {two} al-{last}"),
        )  # fmt: skip
        return next((form for limit, form in forms if chance < limit), f"{first} {self._proper(language)}")

    def _chinese(self) -> str:
        given = self._part("syllables") + (self._part("syllables") if self._random.random() < 0.5 else "")
        return f"{self._part('chinese')} {given.capitalize()}"

    def _stage(self, language: str) -> str:
        pick, chance = self._random.choice, self._random.random()
        if chance < 0.3:
            return f"{self._part('stage')} {pick((self._first(), self._last(), self._proper(language)))}"
        if chance < 0.55:
            return self._first()
        if chance < 0.7:
            return f"{self._first()} {self._proper(language)}"
        return self._full(language) if chance < 0.85 else f"{self._first()}-{self._invented()}"

    def _club(self, language: str) -> str:
        chance, town = self._random.random(), self._town(language)
        if chance < 0.35:
            return f"{self._part('before')} {town}"
        if chance < 0.6:
            return f"{town} {self._part('after')}"
        if chance < 0.85:
            return town
        return f"{self._proper(language)} {town}" if chance < 0.93 else f"{self._invented()} {self._part('after')}"

    def _band(self, language: str) -> str:
        chance = self._random.random()
        if chance < 0.25:
            return f"{self._proper(language)} {self._noun(language)}"
        if chance < 0.45:
            return self._proper(language)
        if chance < 0.6:
            return f"{self._first()} {self._noun(language)}"
        if chance < 0.75:
            return f"The {self._last()} {self._part('bands')}"
        if chance < 0.9:
            return f"{self._invented()} {self._random.choice('ABCDEGLMPQRSTVXZ')}{self._random.randint(1, 900)}"
        return f"{self._proper(language)}-{self._proper(language)}"


def _latin(words: list[str]) -> list[str]:
    return [word for word in words if all(ord(character) < LATIN for character in word)]


def _home(folder: Path, places: tuple[str, ...]) -> tuple[list[str], list[str]]:
    found = [names_of(folder / "faker/providers/person" / place / "__init__.py") for place in places]
    given, surnames = (set[str]().union(*(pair[half] for pair in found)) for half in (0, 1))
    return sorted(given), sorted(surnames)
