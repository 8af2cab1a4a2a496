"""What a word or a span has beside the tagger's word for it: its form, the lexicon's entry, the line it stands in.

A block's findings are checked here twice: before the classifier is asked (a word that can be no name is not worth its
time), and after. Example: in ``10;Halter links;250`` nothing may be a name; in ``Anna Moser;250`` the pair may.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from gateway.privacy.names.beginnings import BEGINNERS, RANKS
from gateway.privacy.names.features import LEXICAL, LOCATIVES, OWN, STREETS, WIDTH, Floats
from gateway.privacy.names.gate import CODE, COUNTS, SENTENCE, Gate
from gateway.privacy.names.streets import NOT_PARTS
from gateway.privacy.names.tagger import PERSON, PLACE
from gateway.privacy.names.vetoes import is_thing
from gateway.privacy.names.wordpiece import Word

_NO_PART = regex.compile(NOT_PARTS)
_POSTCODE = re.compile(r"\d{4,6}")
WEAK = 0.1  # chances below this come to nothing in any case
UNLIKELY = 0.3  # no name by itself, but perhaps beside one
ALONE = 0.6  # a town with nothing beside it: at least this likely
ASKED = 0.3  # share of a word's uses as a given name or surname (lexicon), from which on it counts as one
SURE_NAME = 0.5  # the same, of words that need little else
USUAL = 0.3  # how common a word is (lexicon), from which on its uses have been counted well enough
SURE_PERSON = 0.7  # the same, of places of that name too
COUNTRY = 0.8  # how large a place is, from which on it is a country or a town that everybody knows
ARTICLES = frozenset(
    "the a an der die das den dem des ein eine einer eines einem einen im am zum zur vom ins beim il lo la gli le i "
    "un una "
    "uno dello della dei degli delle dell nel nello nella nei nelle nell dal dalla dai dalle dall sul sulla sui "
    "sulle all "
    "alla ai alle l les une du des au aux el los las".split()
)
_CAPITALISED, _CAPITALS = 0, 1  # columns of a row
_KNOWN, _GIVEN, _SURNAME, _COMMON, _SMALLER, _PLACE = (OWN - LEXICAL + column for column in (0, 1, 2, 5, 6, 7))
_BEGINNING = OWN + 2  # of a line, or after a mark that ends or opens something
_STREET = WIDTH - 6  # the classifier's word for a street
_STREET_ENDS = (
    *("straße", "strasse", "str", "weg", "platz", "gasse", "allee", "ring", "damm", "ufer", "straat", "laan", "plein"),
    *("gatan", "vägen", "gade", "vej", "veien", "vegen", "gata", "tie", "katu", "utca", "útja", "stræde", "gränd"),
)
_MANY = STREETS | frozenset("rua ulica ul passeig carrer rúa via vicolo calle travesía ronda pasaje quai cours".split())
UNHEARD_OF = 0.9  # the same, of a place that the lexicon does not have
_WORDS_TOO = frozenset(
    "c str av place way drive box floor suite court square weg ring damm platz apt largo camino".split()
)
MONTHS = frozenset(
    "january february march april may june july august september october november december januar februar märz mai "
    "juni "
    "juli oktober dezember janvier février mars avril juin juillet août septembre octobre novembre décembre gennaio "
    "febbraio marzo aprile maggio giugno luglio agosto settembre ottobre dicembre enero febrero abril mayo junio julio "
    "septiembre octubre noviembre diciembre spring summer autumn winter".split()
)

ORDERS = frozenset(  # with which prompts begin, and which the lexicon hardly knows with a capital
    "summarise summarize explain translate write describe compare check correct analyse analyze propose add calculate "
    "create generate show find please fasse fass erkläre übersetze schreibe schreib beschreibe vergleiche prüfe prüfen "
    "korrigiere analysiere ergänze berechne erstelle erzeuge nenne zeige finde bitte résume résumez explique expliquez "
    "traduis traduisez rédige rédigez écris écrivez donne donnez décris décrivez comparez vérifie vérifiez corrige "
    "corrigez analysez proposez listez ajoute ajoutez calcule calculez crée créez génère générez indique indiquez "
    "montrez trouvez veuillez merci riassumi riassumere spiega spiegare traduci scrivi descrivi confronta verifica "
    "correggi analizza proponi elenca aggiungi calcola genera mostra trova inserire inserisci controlla controllare "
    "sostituire resume resuma explica traduce traduzca escribe escriba describa compara verifique corrija analiza "
    "analice propone proponga enumera enumere añade añada calcule genere indica muestra muestre anota anote revisa "
    "revise".split()
)


_WITHIN = frozenset("in In nach near".split())  # what a place follows, and no person


class Evidence:
    """Answers for one block of words."""

    def __init__(self, text: str, words: Sequence[Word], rows: Floats, gate: Gate) -> None:
        self._text, self._words, self._rows, self._gate = text, words, rows, gate
        self._may: dict[int, bool] = {}
        self._told: set[int] = set()  # words of towns that are told as somebody's
        capital = rows[:, _CAPITALISED] + rows[:, _CAPITALS] > 0
        named = np.maximum(rows[:, _GIVEN], rows[:, _SURNAME])
        self._noun: NDArray[np.bool_] = (rows[:, _COMMON] >= USUAL) & (named < ASKED) & (rows[:, _PLACE] == 0)
        self._capital: NDArray[np.bool_] = capital

    def is_listed(self, index: int) -> bool:
        """Whether the lexicon has a word as a given name or a surname, most of all."""
        row = self._rows[index]
        return bool(row[_CAPITALISED]) and max(row[_GIVEN], row[_SURNAME]) >= SURE_NAME and self._is_name(index)

    def is_in_prose(self, index: int) -> bool:
        """Whether a word stands in a sentence, written as a name is."""
        return self._is_name(index) and self._gate.kind(self._words[index].start) == SENTENCE

    def may_follow(self, index: int) -> bool:
        """Whether a word may go on a name that began before it: listed, or unknown."""
        row = self._rows[index]
        listed = not row[_KNOWN] or max(row[_GIVEN], row[_SURNAME]) >= ASKED
        return bool(row[_CAPITALISED] and listed) and self._is_name(index)

    def weigh(self, chances: Floats) -> None:
        """Take from the chances, in place, what nothing speaks for."""
        chances[:, PERSON][~self._capital] = 0.0
        for index in np.flatnonzero(chances[:, PERSON] > WEAK).tolist():
            chances[index, PERSON] = min(chances[index, PERSON], self._most(index))
        for index in np.flatnonzero(chances[:, PLACE] > WEAK).tolist():
            if self._gate.kind(self._words[index].start) == CODE:
                chances[index, PLACE] = 0.0

    def hear(self, matches: Iterable[re.Match[str]], chances: Floats) -> None:
        """Raise, in place, the chances of towns where somebody is told to live, to come from, to go (group 1)."""
        starts = [word.start for word in self._words]
        for match in matches:
            first, last = bisect_left(starts, match.start(1)), bisect_left(starts, match.end(1))
            if first == len(starts) or starts[first] != match.start(1) or self._noun[first] or not self._is_name(first):
                continue
            weak = match.group().lower().startswith(("based", "i ", "i'"))
            if weak and not self._rows[first, _PLACE]:
                continue
            if self._gate.kind(match.start(1)) == CODE or self._text[starts[first] : match.end(1)].lower() in MONTHS:
                continue
            chances[first:last] = (0.05, 0.0, 0.95)
            self._told.update(range(first, last))

    def is_worth(self, index: int) -> bool:
        """Whether the classifier should be asked about a word."""
        if not self._capital[index] or self._noun[index] or not self._is_name(index) or self._is_order(index):
            return False
        return bool(self._rows[index, _CAPITALISED]) or self._is_name_in_capitals(index)

    def _most(self, index: int) -> float:
        """Return the largest chance that a word may have."""
        if not self._is_name(index):
            return 0.0
        kind = self._gate.kind(self._words[index].start)
        if kind != SENTENCE and not self._is_paired(index) and (kind == CODE or not self._is_initialled(index)):
            return 0.0
        if self._noun[index] or self._is_order(index) or self._is_beginner(index):
            return UNLIKELY
        return 1.0 if self._rows[index, _CAPITALISED] or self._is_name_in_capitals(index) else UNLIKELY

    def _is_order(self, index: int) -> bool:
        """Whether a sentence begins with this word, and orders something."""
        return bool(self._rows[index, _BEGINNING]) and self._at(index).lower() in ORDERS

    def _is_beginner(self, index: int) -> bool:
        """Whether a sentence begins with this word, as many do, and no name is made of it and the next."""
        return (
            bool(self._rows[index, _BEGINNING]) and self._at(index).lower() in BEGINNERS and not self._is_paired(index)
        )

    def _is_name(self, index: int) -> bool:
        found = self._may.get(index)
        if found is None:
            word = self._words[index]
            found = self._may[index] = self._gate.may_be_name(word.start, word.end)
        return found

    def _is_name_in_capitals(self, index: int) -> bool:
        """Whether a word in capitals is a name in the lexicon and no abbreviation."""
        word, row = self._words[index], self._rows[index]
        return word.end - word.start > 3 and max(row[_GIVEN], row[_SURNAME]) >= ASKED

    def _is_paired(self, index: int) -> bool:
        """Whether a word and one beside it, or one in the next column, are a given name and a surname."""
        near = [at for at in range(max(0, index - 2), min(len(self._words), index + 3)) if at != index]
        return any(
            self._is_full(*pair)
            for other in near
            if self._words[other].start - self._words[index].end < 4
            and self._words[index].start - self._words[other].end < 4
            and self._capital[other]
            and self._is_name(other)
            for pair in ((index, other), (other, index))
        )

    def _is_initialled(self, index: int) -> bool:
        """Whether a surname, or a word that nobody knows, behind an initial; or that initial: ``T. Brandstätter``."""
        if self._words[index].end - self._words[index].start == 1:
            index += 2
        if index >= len(self._words) or index < 2 or not self._is_name(index) or self._at(index - 1) != ".":
            return False
        letter, row = self._words[index - 2], self._rows[index]
        tied = letter.end == self._words[index - 1].start and self._words[index].start - letter.end == 2
        known = row[_SURNAME] >= ASKED or not row[_KNOWN]
        return bool(
            tied
            and letter.end - letter.start == 1
            and self._is_name(index - 2)
            and row[_CAPITALISED]
            and known
            and self._words[index].end - self._words[index].start > 3
        )

    def _is_full(self, first: int, second: int) -> bool:
        """Whether a given name and a surname; outside code, a word that nobody knows may be the surname beside it."""
        given, surname = self._rows[first], self._rows[second]
        if not (given[_CAPITALISED] and surname[_CAPITALISED] and given[_GIVEN] >= SURE_NAME):
            return False
        if surname[_SURNAME] >= ASKED:
            return True
        beside = self._text[self._words[first].end : self._words[second].start] == " "
        return bool(beside and not surname[_KNOWN]) and self._gate.kind(self._words[first].start) != CODE

    def is_person(self, first: int, last: int) -> bool:
        """Whether a name without a cue is not told as a thing or a country: ``the Calusa``, ``Spain``."""
        named = [index for index in range(first, last) if self._words[index].end - self._words[index].start > 1]
        if len(named) != 1:
            return bool(named)
        row = self._rows[named[0]]
        share = max(row[_GIVEN], row[_SURNAME])
        if row[_PLACE] >= COUNTRY and share < SURE_PERSON:
            return False
        at = first - 1
        if at > 0 and self._at(at) in "'’":
            at -= 1
        before = self._at(at) if at >= 0 and self._words[first].start - self._words[at].end < 3 else ""
        if row[_PLACE] > 0 and share < SURE_NAME and before in _WITHIN:
            return False
        if before.lower() in ARTICLES and self._at(named[0]).lower() in RANKS:
            return False
        return not (share < SURE_NAME and (before.lower() in ARTICLES)) and self._at(first).lower() not in MONTHS

    def is_address(self, first: int, last: int, chances: Floats) -> bool:
        """Whether words ``first`` to ``last`` have the form of an address, or are a town told as one."""
        named = [index for index in range(first, last) if self._is_proper(index)]
        if not named:
            return False
        numbers = [text for index in range(first, last) if (text := self._at(index))[0].isdigit()]
        if not numbers:
            return self._is_town(first, last, named, chances)
        if any(self._is_street(index, last) for index in range(first, last)):
            return True
        named = [index for index in named if self._rows[index, _CAPITALISED]]
        if self._gate.kind(self._words[first].start) == COUNTS:  # there numbers and names stand near each other anyway
            named = [index for index in named if index > first and _POSTCODE.fullmatch(self._at(index - 1))]
        if any(len(number) in (4, 5, 6) and number.isdigit() for number in numbers):
            return any(self._rows[index, _PLACE] > 0 for index in named if not is_thing(self._at(index)))
        if self._gate.kind(self._words[first].start) != SENTENCE:
            return False
        return any(self._rows[index, _STREET] > 0 and not self._rows[index, _SMALLER] for index in named)

    def _is_town(self, first: int, last: int, named: Sequence[int], chances: Floats) -> bool:
        if float(chances[named, PLACE].max()) < ALONE or self._gate.kind(self._words[first].start) != SENTENCE:
            return False
        if first in self._told:
            return True
        after = self._text[self._words[last - 1].end : self._words[last - 1].end + 2]
        if after[:1] in (" ", "-") and after[1:].isdigit():
            return False
        if all(self._rows[index, _PLACE] > 0 for index in named):
            return True
        told = first > 0 and self._at(first - 1) in LOCATIVES
        return told and float(chances[named, PLACE].max()) >= UNHEARD_OF

    def _is_proper(self, index: int) -> bool:
        """Whether a word is written as names are: a capital, then small letters; or long, in capitals, and a place."""
        word, row = self._words[index], self._rows[index]
        if word.end - word.start < 3 or not self._capital[index] or not self._is_name(index):
            return False
        return bool(index in self._told or row[_CAPITALISED] or (word.end - word.start > 3 and row[_PLACE] > 0))

    def _is_street(self, index: int, last: int) -> bool:
        """Whether a street's word; one that ends as streets do wants a house number after it."""
        word = self._at(index).lower()
        if len(word) > 1 and word in _MANY:
            return word not in _WORDS_TOO or self._gate.kind(self._words[index].start) == SENTENCE
        after = range(index + 1, min(index + 3, last))
        if not _NO_PART.match(self._at(index)):
            return False
        return len(word) > 6 and word.endswith(_STREET_ENDS) and any(self._at(at)[0].isdigit() for at in after)

    def _at(self, index: int) -> str:
        return self._text[self._words[index].start : self._words[index].end]
