"""Every case that a rule table can tell from another, finitely many, as sets that are numbers. Pure.

A case is an item, a class, a purpose, and a *journey*: an origin and the spot where a target stands. Whatever rows do
not name is alike, so one that stands for all the rest is enough: one type of no kind, one purpose, one site; of
countries with the same groups two, since a target stands in the data's own country or in another one. The table is
looked at by itself: a case counts when some fleet and some request make it. Journeys that cannot be are left out: what
is `same-jurisdiction` by another site stands in the country of origin, what is `elsewhere` does not.

A row is a *box*: a set of items, of classes, of purposes and of journeys; it is about every combination of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gateway.domain import DATA_CLASSES
from gateway.kinds import KINDS, name_of
from gateway.kinds import SPECIAL as CATEGORIES
from gateway.policy.table.row import NEAR, SITE, SPECIAL, TEXT, Row, Spot, meets, reaches, words_of

OTHER = "-"
"""What no row names: a purpose, a site, a country."""
_OTHERS = (OTHER, OTHER * 2)


class Box(NamedTuple):
    """A combination of four sets. Bit ``n`` of a number says whether the atom at index ``n`` is in the set."""

    items: int
    classes: int
    purposes: int
    journeys: int

    def meets(self, other: Box) -> bool:
        """Whether some case is in both."""
        return all(mine & theirs for mine, theirs in zip(self, other, strict=True))

    def within(self, other: Box) -> bool:
        """Whether every case of this one is in the other."""
        return not any(mine & ~theirs for mine, theirs in zip(self, other, strict=True))

    def both(self, other: Box) -> Box:
        return Box(*(mine & theirs for mine, theirs in zip(self, other, strict=True)))

    def without(self, other: Box) -> Iterator[Box]:
        """Yield boxes, apart from each other, that together hold what is in this one only."""
        if not self.meets(other):
            yield self
            return
        rest = list(self)
        for number, theirs in enumerate(other):
            outside = rest[number] & ~theirs
            if outside:
                yield Box(*(outside if n == number else bits for n, bits in enumerate(rest)))
            rest[number] &= theirs


class Space:
    """The cases of one table.

    Args:
        rows: the table.
        groups: each country, with itself and its groups.
    """

    def __init__(self, rows: Sequence[Row], groups: Mapping[str, frozenset[str]]) -> None:
        self._groups = groups
        self.items = _items(rows)
        self.purposes = [*_words(row.purpose for row in rows), OTHER]
        self._countries = _countries(rows, groups)
        sites = [
            *(word.removeprefix(SITE) for word in _words(row.destination for row in rows) if _is_site(word)),
            OTHER,
        ]
        self._spots = [(near, country, site) for near in NEAR for country in self._countries for site in sites]
        self._labels = {country: groups.get(country, frozenset({country})) for country in self._countries}
        self._possible = self._journeys(self._countries, lambda origin: _bits(_can_be(origin, s) for s in self._spots))
        self._there: dict[tuple[str, ...], int] = {}

    def box(self, row: Row) -> Box:
        """Return the cases that the row is about."""
        origins = [country for country in self._countries if meets(row.collected_in, self._labels[country])]
        there = self._reached(row.destination)
        return Box(
            _bits(not words_of(item).isdisjoint(row.data) for item in self.items),
            _bits(meets(row.data_class, {name}) for name in DATA_CLASSES),
            _bits(meets(row.purpose, {purpose}) for purpose in self.purposes),
            self._journeys(origins, lambda _: there) & self._possible,
        )

    def on_site(self) -> Box:
        """Return the cases in which a row that observes steps back: on the caller's site, and no secret."""
        at_home = _bits(near in ("same-node", "same-site") for near, _, _ in self._spots)
        return Box(
            _bits(name_of("secrets") not in words_of(item) for item in self.items),
            (1 << len(DATA_CLASSES)) - 1,
            (1 << len(self.purposes)) - 1,
            self._journeys(self._countries, lambda _: at_home) & self._possible,
        )

    def _reached(self, words: tuple[str, ...]) -> int:
        if words not in self._there:
            self._there[words] = _bits(
                reaches(words, Spot(near, self._labels[country], site)) for near, country, site in self._spots
            )
        return self._there[words]

    def _journeys(self, origins: Iterable[str], spots: Callable[[str], int]) -> int:
        place = {country: number * len(self._spots) for number, country in enumerate(self._countries)}
        return sum(spots(origin) << place[origin] for origin in origins)


def _items(rows: Iterable[Row]) -> list[str]:
    """Return one item for each way in which rows can mean items: of types or categories that none names, one each."""
    named = _words(row.data for row in rows)
    special = [f"{SPECIAL}{category}" for category in CATEGORIES]
    families = [*(sorted(types) for types in KINDS.values()), special]
    rest = [next((item for item in family if item not in named), None) for family in families]
    own = [word for word in named if not word.startswith("@") and word != f"{SPECIAL}*"]
    return [TEXT, *own, *filter(None, rest)]


def _countries(rows: Sequence[Row], groups: Mapping[str, frozenset[str]]) -> list[str]:
    """Return two countries, or the only one, of each sort that rows can tell from the others."""
    froms = frozenset(_words(row.collected_in for row in rows))
    tos = frozenset(_words(row.destination for row in rows))
    alike: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    for country in (*_OTHERS, *groups):
        labels = groups.get(country, frozenset({country}))
        alike.setdefault((labels & froms, labels & tos), []).append(country)
    return [country for countries in alike.values() for country in countries[:2]]


def _can_be(origin: str, spot: tuple[str, str, str]) -> bool:
    near, country, _ = spot
    return near not in ("same-jurisdiction", "elsewhere") or (near == "same-jurisdiction") == (country == origin)


def _words(cells: Iterable[tuple[str, ...]]) -> list[str]:
    return sorted({word for cell in cells for word in cell} - {"*"})


def _is_site(word: str) -> bool:
    return word.startswith(SITE)


def _bits(answers: Iterable[bool]) -> int:
    return sum(1 << number for number, answer in enumerate(answers) if answer)
