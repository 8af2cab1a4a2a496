"""What a word looks like, as numbers: its shape, what kind of word it is, and what the lexicon knows of it.

The lexicon (``lexicon.bin``) is a table of hashes, no list of words: for a word's CRC-32 a few four-bit numbers that
were counted on large corpora (how often words like it are given names, surnames, written small; how large a place of
that name is). ``models/detect/recipe/`` makes it; ``docs/privacy/names.md`` is its card.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.privacy.names.classifier import Probabilities
from gateway.privacy.names.wordpiece import Word

Floats = NDArray[np.float32]
MAX_REMEMBERED = 20_000  # words
COMPOUND = 8  # characters; a longer word that is not in the lexicon may be a compound
LONG = 40  # characters of a word that count
KEY, BYTES = 4, 4  # of one entry: CRC-32, then f|g, mf|mg, q|d, place|stop (four bits each)

TITLES = frozenset(
    "herr herrn frau hr fr mr mrs ms miss mme mlle monsieur madame sig signor signora signore dott dottor "
    "dottssa sr sra srta señor señora don doña dña dr dra prof professor professore profesor sir lord "
    "lady saint st san santa maître père padre mister ing dipl hermana fray rabbi sheikh graf freiherr".split()
)
PARTICLES = frozenset(
    "de del della di da dos das do du des la le van von zu zum zur der den ter ten bin ibn al el y e af "
    "av d l o mac mc dello degli dalla und".split()
)
ORGANISATIONS = frozenset(
    "gmbh ag inc ltd llc corp co kg se spa srl sl sa sarl plc nv bv company group university universität "
    "université università universidad hospital hochschule institut institute fc ac verein partei bank "
    "club records museum stadion stadium league cup festival band album film films river mountains island "
    "lake county district airport station bridge castle church cathedral school college street".split()
)
ROLES = frozenset(
    "president präsident président presidente king könig roi re rey queen königin reine regina reina "
    "minister ministre ministro director direktor directeur direttore engineer ingenieur ingénieur "
    "ingegnere ingeniero manager coach trainer entraîneur allenatore entrenador actor actress "
    "schauspieler schauspielerin acteur actrice attore attrice actriz singer sänger sängerin chanteur "
    "chanteuse cantante author autor écrivain scrittore escritor politician politiker bishop bischof "
    "évêque vescovo obispo pope papst pape papa emperor kaiser empereur imperatore emperador prince prinz "
    "principe príncipe duke herzog duc duca duque count comte conte conde general général generale "
    "philosopher philosoph philosophe filosofo filósofo poet dichter poète poeta painter maler peintre "
    "pittore pintor composer komponist compositeur compositore compositor brother bruder frère fratello "
    "hermano sister schwester sœur sorella son sohn fils figlio hijo daughter tochter fille figlia hija "
    "wife ehefrau femme moglie esposa husband mann mari marito esposo mother mutter mère madre father "
    "vater operator mitarbeiter kollege kollegin colleague collègue collega colega customer kunde client "
    "cliente patient paciente paziente patientin".split()
)
ACTS = frozenset(
    "said sagte dit ha disse dijo says writes schrieb wrote born geboren né née nato nata nacido nacida "
    "by par por with mit avec con and et starring directed founded gegründet fondée fondata fundada "
    "entdeckt discovered".split()
)
STREETS = frozenset(
    "street str straße strasse road rd avenue ave av avda avenida rue via viale calle c plaza piazza "
    "platz weg allee boulevard blvd lane drive way court square corso largo place chemin route gasse ring "
    "damm ufer paseo camino carretera rua ulica apt suite box floor".split()
)
LOCATIVES = frozenset(
    "in nach aus en à dans a to from at near city town stadt ville città ciudad lives living wohnt habite "
    "abita vive located au aux bei lago lac see lake comune commune provincia province monte mont isola "
    "île isla fiume fleuve río rivière".split()
)
COMMON_ENDS = (
    *("ò", "ì", "rà", "ando", "endo", "mente", "zione", "ment", "ant", "tion", "tions", "ung", "ungen", "heit", "keit"),
    *(
        "schaft",
        "mento",
        "tà",
        "ción",
        "dad",
        "ing",
        "ed",
        "ness",
        "able",
        "isch",
        "ische",
        "aient",
        "ait",
        "arono",
        "irono",
    ),
)
_CLASSES = (TITLES, PARTICLES, ORGANISATIONS, ROLES, ACTS, STREETS, LOCATIVES)
_IN_CLASSES = {word: tuple(float(word in words) for words in _CLASSES) for words in _CLASSES for word in words}
_IN_NONE = (0.0,) * len(_CLASSES)
_NEWLINE = re.compile("\n")
_OPENING = frozenset('.!?"“„«:;')  # marks after which a sentence, a quotation begins
_QUOTES = frozenset("\"'“”„«»’‘")
_MARKS = (".", ",", ":", "-", "(")
_MARKED = {mark: tuple(float(mark == other) for other in _MARKS) for mark in _MARKS}
_UNMARKED = (0.0,) * len(_MARKS)
_UNMARKED_LETTERS = str.maketrans("ıłŁøØđĐ", "ilLoOdD")
_SHARES = tuple(half / 15 for half in range(16))
LEXICAL = 9
OWN = 10 + len(_MARKS) + len(_CLASSES) + LEXICAL  # of the word alone
PLACED = 3  # of where it stands
SEEN = 8  # what the classifier says
WIDTH = OWN + PLACED + SEEN


class Lexicon:
    """The table. ``look`` returns what is known of a word; nought where nothing is."""

    def __init__(self, data: bytes) -> None:
        count = len(data) // (KEY + BYTES)
        self._keys = memoryview(data)[: count * KEY].cast("I")  # bisect searches it in a tenth of numpy's time
        self._values = memoryview(data)[count * KEY :]

    def look(self, word: str) -> tuple[float, ...]:
        """Return [known, given, surname, best given, best surname, how common, smaller written, place, stop word]."""
        values = self._entry(word)
        if values is None and word.endswith("s"):
            values = self._entry(word[:-1])
        if values is None and word.isupper() and len(word) > 3:
            values = self._entry(word.capitalize())
        if values is None and not word.isascii() and (plain := _without_marks(word)) != word:
            values = self._entry(plain)
        if values is None and len(word) > COMPOUND and word[1:].islower():
            values = self._compound(word)
        if values is None:
            return (0.0,) * LEXICAL
        return (1.0, *(_SHARES[half] for value in values for half in (value >> 4, value & 15)))

    def _compound(self, word: str) -> memoryview | None:
        """A long word is what its end is, where the end is known: Druckabfall is an Abfall."""
        heads = (self._entry(word[cut:].capitalize()) for cut in range(3, len(word) - 3))
        return next((values for values in heads if values is not None), None)

    def _entry(self, word: str) -> memoryview | None:
        key = zlib.crc32(word.encode())
        at = bisect_left(self._keys, key)
        found = at < len(self._keys) and self._keys[at] == key
        return self._values[at * BYTES : (at + 1) * BYTES] if found else None


def _without_marks(word: str) -> str:
    """Return a word as it is written where letters have no marks: ``Çelik`` as ``Celik``."""
    return "".join(sign for sign in unicodedata.normalize("NFD", word.translate(_UNMARKED_LETTERS)) if sign < "\u0300")


class Features:
    """Turns the words of a text into rows of numbers. Remembers words; belongs to one thread."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._numbers: dict[str, int] = {}
        self._rows = np.zeros((256, OWN + 1), np.float32)  # the last: whether a sentence begins after such a word

    def of(self, text: str, words: Sequence[Word]) -> Floats:
        """Return a row per word, ``WIDTH`` wide; what the classifier says is still nought."""
        out = np.zeros((len(words), WIDTH), np.float32)
        if not words:
            return out
        starts, ends, _ = zip(*words, strict=True)
        places = zip(starts, ends, strict=True)
        known = self._rows_of([text[a : b if b - a <= LONG else a + LONG] for a, b in places], self._numbers)
        out[:, :OWN] = known[:, :OWN]
        begins = np.array(starts)
        after = np.array((0, *ends[:-1]))
        first = _first_of_lines(text, begins, after)
        out[:, OWN], out[:, OWN + 1], out[0, OWN + 2] = first, begins == after, 1.0
        out[1:, OWN + 2] = np.maximum(first[1:], known[:-1, OWN])
        return out

    def _rows_of(self, words: Sequence[str], numbers: dict[str, int]) -> Floats:
        if len(numbers) > MAX_REMEMBERED:  # here only, so that the rows of one call stay what they are
            numbers.clear()
        rows = [numbers.get(word, -1) for word in words]
        if -1 in rows:
            for index, word in enumerate(words):
                if rows[index] < 0:
                    rows[index] = numbers[word] if word in numbers else self._add(word, numbers)
        return self._rows[rows]

    def _add(self, word: str, numbers: dict[str, int]) -> int:
        row = numbers[word] = len(numbers)
        if row >= len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[row] = (*own(word, self._lexicon), word[0] in _OPENING)
        return row


def _first_of_lines(text: str, begins: NDArray[np.int_], after: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Return which words are the first of their line; ``after`` is where the word before each ends."""
    low, high = int(begins[0]), int(begins[-1])
    first = np.zeros(len(begins), np.bool_)
    if text.find("\n", low, high) >= 0:
        lines = np.array([match.start() for match in _NEWLINE.finditer(text, low, high)])
        first = np.searchsorted(lines, begins) > np.searchsorted(lines, after)
    first[0] = True
    return first


def own(word: str, lexicon: Lexicon) -> tuple[float, ...]:
    """Return what can be said of a word by itself."""
    lower, letter, digits = word.lower(), word[0].isalpha(), word.isdigit()
    upper = letter and word[0].isupper()
    shape = (
        upper and not (len(word) > 1 and word.isupper()),
        letter and len(word) > 1 and word.isupper(),
        letter and word.islower(),
        upper and len(word) == 1,
        digits,
        not digits and not word.isalpha() and any(map(str.isdigit, word)),
        word in _QUOTES,
        len(word) >= 9,
        len(word) <= 3,
        lower.endswith(COMMON_ENDS),
    )
    return (*shape, *_MARKED.get(word, _UNMARKED), *_IN_CLASSES.get(lower, _IN_NONE), *lexicon.look(word))


def with_seen(rows: Floats, seen: Probabilities) -> Floats:
    """Return the rows with what the classifier says, as log odds between -1 and 1."""
    clipped = np.clip(seen, 1e-4, 1 - 1e-4)
    out = rows.copy()
    out[:, OWN + PLACED :] = np.log(clipped / (1 - clipped)) / 9.2103
    return out
