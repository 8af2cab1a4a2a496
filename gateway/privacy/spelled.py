"""Values as people write them: one sign at a time, in small letters, over the end of a line, between underscores.

What proves them is the same as everywhere: the rules are asked again about what stands before, and the value as its
standard writes it::

    my number 9 1 6 5 5 4 9 1 5 5 2 8          my number 916554915528
    USt-IdNr. de241763650                      USt-IdNr. DE241763650

Rules:

1. *Apart.* Eight to 48 single letters or digits with the same sign (blank, hyphen, dot) between each two.
2. *Small.* A token of 6 to 24 small letters, digits and single hyphens with three digits or more and no capital; two
   such parts with a blank between them where both letters and digits are in it (``dg53 rlt``).
3. *Broken.* A line of at least 45 characters with four words that ends within digits or capitals, and the line behind
   it: their seam is a blank, or nothing behind a hyphen. Quotation marks of mails (``>``) are skipped.
4. Such a value counts only where a word near it says what it is, or two check digits hold: forms alone are not enough.
5. *Joined.* A name of a file, a key or an export whose parts underscores join, with four digits or more:
   ``scan_steuer_id_86095742719_2024.pdf``. Underscores are read as blanks. What the rules find there counts where an
   underscore is beside it, and a word in the name itself or in the 24 characters before it says what it is, or two
   check digits hold; a day or a moment (``20240312``, ``20240312174512``) never. Elsewhere an underscore joins parts
   of a code.

Work is linear in the text; each such value is searched once more, with the 60 characters before it. What the rules said
of a value in its surroundings is remembered as in :mod:`gateway.privacy.memory`: it hangs on nothing else, so known
passages are not asked about again wherever they stand, and values at their seams, whose surroundings are new, are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from gateway.privacy.memory import Memory
from gateway.privacy.span import Finder, Proceed, Span

_BEFORE, _AFTER = 60, 25
_LONGEST_APART = 48
_LEAST_DIGITS = 3
_LEAST_SCORE = 0.95  # of what no word near it confirms
_BATCH = 20_000  # characters asked about at once
# each begins with what is rare in most texts, and looks behind it after that
_APART = re.compile(
    r"([ .-])[0-9A-Za-z]\1(?<=[0-9A-Za-z]...)(?<![0-9A-Za-z]{2}...)(?:[0-9A-Za-z]\1){5,}[0-9A-Za-z](?![0-9A-Za-z])"
)
_SMALL = re.compile(r"[0-9](?<![0-9A-Z_][0-9])(?:[a-z0-9]|[-/ ](?=[a-z0-9])){4,24}(?![0-9A-Za-z_])")
_PREFIX = re.compile(r"(?<![0-9A-Za-z_-])[a-z]{1,7}[ -]?\Z")
_LONGEST_PREFIX = 8
_BROKEN = re.compile(r"\n[> ]{0,4}(?=[0-9A-Z(])")
_ENDS = re.compile(r"[0-9A-Z)]-?[ ]{0,2}\Z")
_LONGEST_ENDS = 4
_WORD = re.compile(r"[^\W\d_]{2,}")
_LEAST_LINE, _LEAST_WORDS = 45, 4
_JOINT = re.compile(
    r"_(?:(?=[A-Za-z]{0,8}-?[0-9][\w.-]{3})|(?<=[\w.-]{3}[0-9]_)"
    r"|(?<=[0-9][A-Z]_)|(?<=[0-9][A-Z]{2}_)|(?<=[0-9][A-Z]{3}_))"
)
_NAME = re.compile(r"[\w./+-]*")
_LONGEST_NAME, _BEFORE_NAME, _LEAST_DIGITS_JOINED = 80, 24, 4
_MOMENT = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])_?(?:[0-5][0-9]){0,3}")
_NOT_JOINED = frozenset("PHONE_NUMBER LOCATION UK_POSTCODE DATE_OF_BIRTH EMAIL_ADDRESS URL CLASSIFICATION_MARK".split())


_Key = tuple[str, int, int, bool]


class _Question(NamedTuple):
    """A value with what is around it, as the rules shall read it."""

    text: str
    places: Sequence[int]  # where each of its characters stands in the text
    low: int  # a finding must end behind it, and begin before `high`: lie in the value, or over a seam
    high: int
    original: str = ""  # of a name that underscores join: as `text`, with them

    @property
    def key(self) -> _Key:
        """All that the answer hangs on."""
        return self.original or self.text, self.low, self.high, bool(self.original)


class Known(NamedTuple):
    """Where what was said of values is remembered, and for whom."""

    memory: Memory[tuple[Span, ...]]
    scope: bytes  # names the tenant, the detector's version and its settings

    def name(self, question: _Question) -> bytes:
        """Return what the answer to a question stands under."""
        text, low, high, joined = question.key
        return self.memory.name(self.scope + b"\0spelled %d %d %d" % (low, high, joined), text)


def spelled(text: str, rules: Finder, proceed: Proceed, known: Known | None = None) -> list[Span]:
    """Return what the rules find in values written otherwise, in offsets of ``text``. Raises what they raise.

    Args:
        known: remembers what the rules said; without it they are asked each time, with the same result.
    """
    found: list[Span] = []
    answers: dict[_Key, tuple[Span, ...]] = {}  # what comes again is not searched again
    for some in _batches(chain(_apart(text), _small(text), _broken(text), _joined(text))):
        asked = {each.key: each for each in some if each.key not in answers}
        answers |= zip(asked, _answers([*asked.values()], rules, proceed, known), strict=True)
        found += (_back(span, question) for question in some for span in answers[question.key])
    return found


def _answers(
    questions: Sequence[_Question], rules: Finder, proceed: Proceed, known: Known | None
) -> list[tuple[Span, ...]]:
    """Return what counts of each question; only those without a remembered answer are put to the rules."""
    if known is None:
        return _said(questions, rules, proceed)
    names = [known.name(each) for each in questions]
    answers = {name: known.memory.get(name) for name in names}
    missing = {name: each for name, each in zip(names, questions, strict=True) if answers[name] is None}
    for name, spans in zip(missing, _said([*missing.values()], rules, proceed), strict=True):
        answers[name] = spans
        known.memory.put(name, spans)
    return [answers[name] or () for name in names]


def _said(questions: Sequence[_Question], rules: Finder, proceed: Proceed) -> list[tuple[Span, ...]]:
    if not questions:
        return []
    found = rules.find([each.text for each in questions], proceed)
    return [tuple(span for span in spans if _counts(span, each)) for each, spans in zip(questions, found, strict=True)]


def _counts(span: Span, question: _Question) -> bool:
    if question.original:
        return _counts_joined(span, question)
    if span.start >= question.high or span.end <= question.low:
        return False
    return bool(span.context) or span.score >= _LEAST_SCORE


def _counts_joined(span: Span, question: _Question) -> bool:
    """Rule 5."""
    name, start, end = question.original, span.start, span.end
    if start < question.low or span.type in _NOT_JOINED or _MOMENT.fullmatch(name, start, end):
        return False
    if "_" not in (name[start - 1 : start], name[end : end + 1]):
        return False
    return bool(span.context) or (span.score >= _LEAST_SCORE and bool(span.check) and "_" not in name[start:end])


def _back(span: Span, question: _Question) -> Span:
    start, end = question.places[span.start], question.places[span.end - 1] + 1
    return Span(start, end, span.type, span.score, span.source, span.check, span.context)


def _batches(questions: Iterable[_Question]) -> Iterator[list[_Question]]:
    some: list[_Question] = []
    length = 0
    for question in questions:
        some.append(question)
        length += len(question.text)
        if length >= _BATCH:
            yield some
            some, length = [], 0
    if some:
        yield some


def _apart(text: str) -> Iterator[_Question]:
    for match in _APART.finditer(text):
        start, end = match.start() - 1, match.end()
        if end - start < 2 * _LONGEST_APART:
            yield _asked(text, start, end, range(start, end, 2), text[start:end:2].upper())


def _small(text: str) -> Iterator[_Question]:
    at = 0
    while match := _SMALL.search(text, at):
        start, end = _begin(text, match.start()), match.end()
        at = match.start() + 1 if start < 0 else end
        value = text[start:end] if start >= 0 else ""
        if value.islower() and sum(map(str.isdecimal, value)) >= _LEAST_DIGITS:
            yield _asked(text, start, end, range(start, end), value.upper())


def _begin(text: str, digit: int) -> int:
    """Return where the token that this digit stands in begins, with the few small letters before it; -1: not so."""
    before = text[digit - 1 : digit]
    letter = text[digit - 2 : digit - 1] if before in (" ", "-") else before
    if "a" <= letter <= "z":
        prefix = _PREFIX.search(text[max(0, digit - _LONGEST_PREFIX - 1) : digit])
        if prefix:
            return digit - len(prefix[0])
    return -1 if before == "-" or "a" <= before <= "z" else digit


def _asked(text: str, start: int, end: int, places: range, value: str) -> _Question:
    """Return the value as the rules read it, between what is around it."""
    low, high = max(0, start - _BEFORE), min(len(text), end + _AFTER)
    question = f"{text[low:start]}{value}{text[end:high]}"
    return _Question(question, [*range(low, start), *places, *range(end, high)], start - low, start - low + len(value))


def _broken(text: str) -> Iterator[_Question]:
    for match in _BROKEN.finditer(text):
        ends = _ENDS.search(text[max(0, match.start() - _LONGEST_ENDS) : match.start()])
        if not ends:
            continue
        start, end = match.start() - len(ends[0]) + 1 + (ends[0][1:2] == "-"), match.end()
        line = text[max(text.rfind("\n", 0, start) + 1, start - 200) : start]
        if len(line) < _LEAST_LINE or len(_WORD.findall(line)) < _LEAST_WORDS:
            continue
        low, high = max(0, start - _BEFORE - _AFTER), min(len(text), end + _BEFORE)
        seam = "" if text[start - 1] == "-" else " "
        after = text[end:high].partition("\n")[0]
        places = [*range(low, start), *([start] if seam else []), *range(end, end + len(after))]
        yield _Question(f"{text[low:start]}{seam}{after}", places, start - low + len(seam), start - low)


def _name_length(text: str) -> int:
    """Return how many characters at its beginning can be a name's."""
    found = _NAME.match(text)
    return found.end() if found else 0


def _joined(text: str) -> Iterator[_Question]:
    at = 0
    while match := _JOINT.search(text, at):
        joint = match.start()
        start = joint - _name_length(text[max(0, joint - _LONGEST_NAME) : joint][::-1])
        at = end = joint + _name_length(text[joint : joint + _LONGEST_NAME])
        if joint - start == _LONGEST_NAME or end - joint == _LONGEST_NAME:  # no name that anybody reads
            continue
        name = text[start:end]
        if sum(map(str.isdecimal, name)) >= _LEAST_DIGITS_JOINED:
            low = max(text.rfind("\n", 0, start) + 1, start - _BEFORE_NAME)
            asked = text[low:end]
            yield _Question(asked.replace("_", " "), range(low, end), start - low, end - low, asked)
