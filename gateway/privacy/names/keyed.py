"""Names in what programs write: values of keys (JSON, YAML, XML, ``key=value``, queries) and columns under a header.

The gate calls such lines code, and no word is a name there by its looks; what a key says of its value is worth more::

    {"firstName": "Laura", "lastName": "Bianchi"}      two values of sure keys
    reported_by: Jana Wolf                             a role: the value must look like somebody
    Name;Abteilung;Pers.-Nr.                           a header: the first column of the lines below
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gateway.privacy.names.features import Lexicon
from gateway.privacy.names.keys import Kind, kind_of
from gateway.privacy.names.vetoes import is_nobody
from gateway.privacy.span import Span

SCORE = 0.85
LISTED = 0.6  # share of a word's uses as a given name or surname (lexicon), from which on it counts as one
BEST = 0.4  # the same, of the lists of the most frequent names
WRITTEN_SMALL = 0.6  # how often a word is written small (lexicon), from which on it is a name only
OFTEN_LISTED = 0.85  # with this share
USUAL = 0.3  # how common a word is (lexicon), from which on its uses have been counted well enough
MOST_WORDS = 5
_LONGEST_KEY, _LONGEST_VALUE = 32, 64  # characters
_AFTER_KEY = re.compile(r"""(?<=\w)["'”」]?[ \t]{0,3}(?:[:=：＝]|>)[ \t]{0,3}""")
_MARKS = ":=>：＝"  # one of them stands behind a key
_PHRASE = re.compile(r"[^\W\d_][\w.\- /()'’]*\Z")
_QUOTED = {quote: re.compile(rf"[^{quote}\n<>{{}}]{{1,{_LONGEST_VALUE}}}(?={quote}| <)") for quote in "\"'"}
_BARE = re.compile(
    rf"[^\W\d_][^\n,;|&<>{{}}()\[\]\"=:\t，、。；：（]{{0,{_LONGEST_VALUE}}}"
    r"(?=[,;|&<}\t\n，、。；（]|\Z|[ ]+[\w.\-]{1,32}[ ]?[:=：])"  # the last: another key on the same line
)
_SENTENCE = re.compile(r"\S [^\n]{0,80}[a-z]{4}[.?!]\Z")  # "Personalnr." is none
_OF_PERSONS = re.compile(
    r"personal-?n|pers\.|mitarbeiter-?n|employee|staff|badge|vorname|first.?name|given.?name|geburts|birth|prénom|"
    r"matricule|cognome|matricola dip|n\.? dipendente|apellido|nº empleado|社員|従業員|生年月日|工号|员工|出生",
    re.IGNORECASE,
)
_AROUND = " \t\r\"'"  # of a cell
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’\-](?=[^\W\d_])){0,30}\.?")
_JOINS = re.compile(r"[ \u3000]|, | - |・|·|\.")
_EASTERN = re.compile(r"[一-鿿々ヶぁ-んァ-ヺー･-ﾟ]{1,8}(?:[ \u3000・·=＝][一-鿿々ぁ-んァ-ヺー･-ﾟ]{1,8}){0,3}\Z")
_PLACEHOLDERS = frozenset(
    "string text varchar char null none nil undefined true false unknown unbekannt required optional any object self "
    "name names value title label test example beispiel admin root system service bot n/a tbd todo default anonymous "
    "first last user customer client kunde vorname nachname nom prénom cognome nome nombre apellido 氏名 "
    "姓名 不明 なし "
    "未定 同上 未知 无 匿名 管理者 管理员 担当者 責任者 氏 名 様 殿".split()
)
_PARTICLES = frozenset(
    "von van zu zur zum de del della di da du des dos der den ter ten la le el al bin ibn y e".split()
)


Entry = tuple[float, ...]  # what the lexicon knows of a word


class _Table(NamedTuple):
    """A header's line: what parts its cells, how many there are, which columns hold names."""

    mark: str
    cells: int
    columns: dict[int, tuple[str, Kind]]


def keyed(text: str, lexicon: Lexicon) -> Iterator[Span]:
    """Yield the names that keys and headers announce; those of values before those of columns."""
    kinds: dict[str, Kind] = {}
    for match in _AFTER_KEY.finditer(text) if any(mark in text for mark in _MARKS) else ():
        key, kind = _key_before(text, match.start(), kinds)
        if kind:
            yield from _value(text, match.end(), (key, kind), lexicon)
    yield from _columns(text, lexicon)


def _key_before(text: str, end: int, kinds: dict[str, Kind]) -> tuple[str, Kind]:
    """Return the key that ends at ``end``, and what it holds; as a phrase too where it begins its line."""
    least, start = max(0, end - _LONGEST_KEY), end
    while start > least and (text[start - 1].isalnum() or text[start - 1] in "_.-"):
        start -= 1
    key = text[start:end]
    kind = _remembered(key, kinds)
    if kind != "sure" and text[start - 1 : start] in (" ", "/"):
        line = text.rfind("\n", least, end) + 1
        phrase = text[max(line, least) : end].lstrip(" \t-*•")
        if (line or not least) and _PHRASE.match(phrase):
            longer = _remembered(phrase, kinds)
            return (phrase, longer) if longer else (key, kind)
    return key, kind


def _remembered(key: str, kinds: dict[str, Kind]) -> Kind:
    kind = kinds.get(key)
    if kind is None:
        kind = kinds[key] = kind_of(key)
    return kind


def _value(text: str, start: int, key: tuple[str, Kind], lexicon: Lexicon) -> Iterator[Span]:
    quote = text[start : start + 1]
    form = _QUOTED.get(quote)
    match = _BARE.match(text, start) if form is None else form.match(text, start + 1)
    if match is not None:
        yield from _named(match[0], match.start(), key, lexicon)


def _columns(text: str, lexicon: Lexicon) -> Iterator[Span]:
    table, start = None, 0
    for line in text.split("\n"):
        if table is not None and line.count(table.mark) + 1 != table.cells:
            table = None
        if table is None:
            table = _header(line)
        else:
            yield from _row(line, start, table, lexicon)
        start += len(line) + 1


def _header(line: str) -> _Table | None:
    """Return the table that a line begins, if it is a header with a column of names."""
    for mark in (";", "\t", "|", ","):
        if mark not in line or len(line) > 1_000:
            continue
        cells = [cell.strip(_AROUND) for cell in line.split(mark)]
        if not _is_header(cells):
            continue
        of_persons = any(map(_OF_PERSONS.search, cells))  # then a column of names is one of theirs
        columns: dict[int, tuple[str, Kind]] = {
            at: (cell, "sure" if kind == "name" and of_persons else kind)
            for at, cell in enumerate(cells)
            if (kind := kind_of(cell))
        }
        if columns:
            return _Table(mark, len(cells), columns)
    return None


def _is_header(cells: list[str]) -> bool:
    """Whether a line holds headings only: short, no numbers, no sentence."""
    return all(len(cell) < _LONGEST_KEY and not cell.isdigit() and not _SENTENCE.search(cell) for cell in cells)


def _row(line: str, start: int, table: _Table, lexicon: Lexicon) -> Iterator[Span]:
    for at, cell in enumerate(line.split(table.mark)):
        if at in table.columns:
            value = cell.strip(_AROUND)
            if 0 < len(value) <= _LONGEST_VALUE:
                yield from _named(value, start + cell.index(value), table.columns[at], lexicon)
        start += len(cell) + 1


def _named(value: str, start: int, key: tuple[str, Kind], lexicon: Lexicon) -> Iterator[Span]:
    value = value.rstrip(" \t\r.")
    if value and _is_somebody(value, key[1], lexicon) and (key[1] == "sure" or not is_nobody(value, 0, len(value))):
        yield Span(start, start + len(value), "PERSON", SCORE, "cue:key", context=key[0].lower())


def _is_somebody(value: str, kind: Kind, lexicon: Lexicon) -> bool:
    """Whether what stands under a key is a person's name and no placeholder, firm, login or thing."""
    if value.lower() in _PLACEHOLDERS:
        return False
    if _EASTERN.match(value):
        return kind == "sure"
    words = _words(value)
    if not words:
        return False
    named = [word for word in words if word.lower() not in _PARTICLES]
    if not named or any(word.lower().rstrip(".") in _PLACEHOLDERS for word in named):
        return False
    entries = [lexicon.look(word.rstrip(".") if word[0].isupper() else word.capitalize()) for word in named]
    return _ACCEPTS[kind](named, entries)


def _is_sure(words: list[str], entries: list[Entry]) -> bool:
    """Whether the value of a sure key is no thing: small letters only where every word is a name."""
    if all(map(_is_listed, entries)):
        return True
    things = (entry[5] >= USUAL and max(entry[1:3]) < LISTED for entry in entries)
    return all(word[0].isupper() for word in words) and not any(things)


def _is_anyone(words: list[str], entries: list[Entry]) -> bool:
    """Whether the value of a role's key is somebody: a listed name, with others or with words that nobody knows."""
    if not all(word[0].isupper() for word in words):
        return False
    listed = [_is_listed(entry) for entry in entries]
    open_words = (not entry[0] or len(word.rstrip(".")) == 1 for word, entry in zip(words, entries, strict=True))
    return any(listed) and all(one or other for one, other in zip(listed, open_words, strict=True))


def _is_full(words: list[str], entries: list[Entry]) -> bool:
    """Whether what anything may be called has a given name at either end, and a surname."""
    given = max(entries[0][1], entries[-1][1]) >= LISTED
    return len(words) > 1 and given and _is_anyone(words, entries)


_ACCEPTS = {"sure": _is_sure, "role": _is_anyone, "name": _is_full}


def _is_listed(entry: Entry) -> bool:
    share, best = max(entry[1:3]), max(entry[3:5])
    return share >= OFTEN_LISTED if entry[6] >= WRITTEN_SMALL else share >= LISTED or best >= BEST


def _words(value: str) -> list[str]:
    """Return the words of a value that holds nothing else; none where it does."""
    words: list[str] = []
    at = 0
    while at < len(value):
        match = _WORD.match(value, at)
        if match is None or len(words) == MOST_WORDS:
            return []
        words.append(match[0])
        at = match.end()
        if at < len(value):
            joins = _JOINS.match(value, at)
            if joins is None and not match[0].endswith("."):
                return []
            at = joins.end() if joins else at
    return words
