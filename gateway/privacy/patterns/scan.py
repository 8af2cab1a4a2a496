"""The pattern tier: candidates from one Vectorscan pass, and what must hold before they count.

For each report of an expression, in this order:

1. *Ends.* Every end at which the expression and its boundary match is reported; none hides another. They are tried by
   start, and per start the longest first.
2. *Starts.* Vectorscan gives the leftmost start of an end. If that one does not hold, later starts are tried, with the
   same expression in :mod:`re` between there and the end: ``12 4111 1111 1111 1111`` is not hidden by its ``12``.
3. *Context.* A rule that needs a word is asked only where one is near (:mod:`gateway.privacy.patterns.context`).
4. *Confirm.* The rule's own proof. The first start that holds counts; what is within it is not looked at again by the
   same rule. Matches that overlap in part are both kept.
5. *Against.* A word directly before the match rules it out.

6. *Again.* Where a form has many reports in one text, one that stands in the same surroundings as the report before it
   comes to the same, and is not looked at: a text of one word a hundred thousand times. Failures in surroundings that
   come back in between are remembered.

Work is linear in the number of reports, and ``proceed`` is called every few hundred of them. What is wrong raises.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from re import _parser  # the one place that knows an expression's width
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway import __version__
from gateway.errors import SetupError
from gateway.privacy.compiled import Compiler
from gateway.privacy.patterns.context import Whereabouts, Words, bare, lowered, near, ruled_out
from gateway.privacy.patterns.database import EDGE, LAST_PLACE, PLACE_BITS, Database, Form, Reports, form_of
from gateway.privacy.patterns.rule import Boundary, Proof, Rule
from gateway.privacy.span import Proceed, Span

_REPORTS_PER_STEP = 256
_BATCH = 100_000  # characters
_BEFORE = {
    Boundary.NONE: "",
    Boundary.START: "(?<![0-9A-Za-z])",
    Boundary.END: "",
    Boundary.DIGIT: "(?<![0-9])",
    Boundary.ALNUM: "(?<![0-9A-Za-z])",
    Boundary.TOKEN: "(?<![0-9A-Za-z])(?<![0-9A-Za-z][{0}])",
}
_JOINED = "[{0}]?[0-9A-Za-z]"

Edges = list[tuple[int, int]]  # lowest start and end of each report, in the padded text

_SOME = 8  # reports of one form in one text from which on its rules' words are looked up rather than read
_MANY = 64  # reports of one form in one text from which on failures are remembered
_AROUND = 320  # what stands so near a candidate decides whether it holds: more than any confirmer reads, but for keys
_MOST_FAILURES = 256
_DISTANCES = 4  # between reports in the same surroundings that are looked at, the most frequent ones
_FIRST_BYTES = -64  # of a character's bytes in UTF-8, as signed numbers, only those after its first are below
_READS_FAR = "secrets"


class Foreign(Protocol):
    """A recognizer that searches by itself, asked only where one of its forms may match."""

    name: str
    version: str
    forms: Sequence[Form]  # prefilters: where none matches, nothing is there; none at all: it is always asked

    def search(self, text: str) -> list[Span]:
        """Return what it finds; an error raises."""


class Plan:
    """Rules and foreign recognizers, compiled once and shared by all threads.

    Raises:
        SetupError: two rules of one name, an expression that Vectorscan or :mod:`re` refuses.
    """

    def __init__(
        self, rules: Iterable[Rule], foreign: Sequence[Foreign] = (), compiler: Compiler | None = None
    ) -> None:
        compiler = compiler or Compiler()
        self.rules = tuple(rules)
        self.foreign = tuple(foreign)
        _check(self.rules)
        by_form: dict[Form, list[Rule]] = {}
        for rule in self.rules:
            by_form.setdefault(form_of(rule), []).append(rule)
        self.words = Words(self.rules, compiler)
        self.by_number = [_Prepared(form, of_form, self.words) for form, of_form in by_form.items()]
        asked = [(form, each) for each in self.foreign for form in each.forms]
        self.foreign_by_number = {len(by_form) + at: each for at, (_, each) in enumerate(asked)}
        self.database = Database([*by_form, *(form for form, _ in asked)], compiler)
        self.margins = _margins(self.database.forms)
        self.against = {rule.name: bare(rule.against) for rule in self.rules}
        self.version = f"patterns/{_digest(self.rules, self.foreign)}"


class _Prepared:
    """A form and its rules, with the expression that finds later starts."""

    def __init__(self, form: Form, rules: Sequence[Rule], words: Words) -> None:
        self.rules = [(rule, words.mask(rule.context), rule.needs_context) for rule in rules]
        joints = re.escape(form.joints)
        self._joined = re.compile(_JOINED.replace("{0}", joints)) if form.joints else None
        flags = re.IGNORECASE if form.caseless else 0
        if form.expression.isascii():
            flags |= re.ASCII
        before = _BEFORE[form.boundary].replace("{0}", joints)
        try:
            self._ending = re.compile(rf"{before}(?:{form.expression})\Z", flags)
            least, most = _width(form.expression)
        except re.error as error:
            raise SetupError(
                f"The expression of rule {rules[0].name} is refused by Python ({error}).",
                "Write what both Vectorscan and Python's re understand.",
            ) from None
        self.exact = least == most and self._joined is None and not form.loosened

    def candidates(self, padded: str, low: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield ``(start, end)`` in the padded text for a report's lowest start and end, first start first.

        Where ``exact``, there are no others than these two.
        """
        for last in (end, end - 1) if self._joined else (end,):
            if self._joined and self._joined.match(padded, last):
                continue
            match = self._ending.search(padded, low, last)
            while match:
                start = match.start()
                yield start, last
                match = self._ending.search(padded, start + 1, last)


def _width(expression: str) -> tuple[int, int]:
    """Return how many characters the expression can match, least and most."""
    least, most = _parser.parse(expression).getwidth()
    return int(least), int(most)


class Patterns:
    """A :class:`gateway.privacy.span.Finder` by rules. An instance belongs to one thread; its plan is shared."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._scratch = plan.database.scratch()
        self._words = plan.words.scratch()

    @property
    def version(self) -> str:
        """A digest of every rule, and of the libraries that check."""
        return self._plan.version

    def find(self, texts: Sequence[str], proceed: Proceed) -> list[list[Span]]:
        """Return the spans of each text, sorted by start; see :meth:`gateway.privacy.span.Finder.find`.

        Raises:
            TooManyCandidates: the text holds more than can be looked at.
        """
        found: list[list[Span]] = []
        for some in _batches(texts):
            proceed()
            padded = [f"{EDGE}{text}{EDGE}" for text in some]
            data = [each.encode("utf-8", "replace") for each in padded]
            reports = self._scratch.reports(data, proceed)
            found += [self._of_one(*of_one, proceed) for of_one in zip(some, padded, data, reports, strict=True)]
        return found

    def self_test(self) -> None:
        """Look for the example of every rule that has one.

        Raises:
            SetupError: one was not found, or not under its type; the names of the rules, never the values.
        """
        missed = [rule.name for rule in self._plan.rules if rule.example and not self._finds(rule)]
        if missed:
            names = ", ".join(missed[:5])
            raise SetupError(f"The patterns do not find their own examples: {names}.", "Run: sekisho doctor")

    def _finds(self, rule: Rule) -> bool:
        text = f"{rule.context[0]}: {rule.example}" if rule.context else rule.example
        texts = [text, rule.example]
        return any(span.source == f"pattern:{rule.name}" for spans in self.find(texts, _go_on) for span in spans)

    def _of_one(self, text: str, padded: str, data: bytes, reports: Reports, proceed: Proceed) -> list[Span]:
        numbers, edges = _sorted(self._plan.margins, reports, padded, data)
        spans = self._foreign(text, frozenset(numbers) if self._plan.foreign else frozenset())
        if numbers:
            search = _Search(text, padded, self._plan, lambda: self._plan.words.in_text(data, self._words), proceed)
            spans += search.spans(numbers, edges)
        return sorted(spans, key=_place)

    def _foreign(self, text: str, numbers: Collection[int]) -> list[Span]:
        hit = {id(each) for number, each in self._plan.foreign_by_number.items() if number in numbers}
        asked = (each for each in self._plan.foreign if id(each) in hit or not each.forms)
        return [span for each in asked for span in each.search(text)]


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield texts that are scanned together: as many as hold :data:`_BATCH` characters, a longer one alone."""
    first = size = 0
    for at, text in enumerate(texts):
        size += len(text)
        if at > first and size > _BATCH:
            yield texts[first:at]
            first, size = at, len(text)
    if texts:
        yield texts[first:]


class _Search:
    """One text being searched."""

    def __init__(self, text: str, padded: str, plan: Plan, words: Callable[[], int], proceed: Proceed) -> None:
        self._text = text
        self._padded = padded
        self._plan = plan
        self._ask_words = words
        self._known_words: int | None = None
        self._of_masks: dict[int, Sequence[str]] = {0: ()}
        self._proceed = proceed
        self._whereabouts: Whereabouts | None = None
        self._last_alike: tuple[Edges, list[int] | None] | None = None  # of the reports that were asked for last

    def spans(self, numbers: Sequence[int], edges: Edges) -> list[Span]:
        """Return what holds of the reports, which are sorted by the numbers of their forms."""
        found: list[Span] = []
        last, at = len(self._plan.by_number), 0
        while at < len(numbers) and (number := numbers[at]) < last:  # the rest: prefilters of foreign recognizers
            begin, at = at, bisect_right(numbers, number, at)
            prepared, of_form = self._plan.by_number[number], edges[begin:at]
            for rule, mask, needed in prepared.rules:
                present = mask & self._words if mask else 0
                if present or not needed:
                    found += self._of_rule(rule, prepared, of_form, self._named(present))
        return found

    @property
    def _words(self) -> int:
        if self._known_words is None:
            self._known_words = self._ask_words()
        return self._known_words

    def _named(self, mask: int) -> Sequence[str]:
        """Return the words of a mask."""
        words = self._of_masks.get(mask)
        if words is None:
            words = self._of_masks[mask] = self._plan.words.named(mask)
        return words

    def _of_rule(self, rule: Rule, prepared: _Prepared, edges: Edges, words: Sequence[str]) -> Iterator[Span]:
        begin, stop = 0, 0  # the latest finding: what lies within it is not looked at again
        many = len(edges) > _MANY and rule.family != _READS_FAR
        failed = _Failures(self._padded) if many else None
        alike = self._alike(edges) if many else None
        is_far = self._is_far if len(edges) >= _SOME else self._is_bare
        at, steps = -1, 0
        while (at := at + 1) < len(edges):
            low, end = edges[at]
            if steps % _REPORTS_PER_STEP == 0:
                self._proceed()
            steps += 1
            if begin <= low and end <= stop:
                continue
            if (rule.needs_context and is_far(rule, low, end, words)) or (failed and failed.has(low, end)):
                if alike:
                    at = alike[at]
                continue
            span = self._first(rule, prepared, low, end, words)
            if span is None:
                if failed:
                    failed.add(low, end)
                if alike:
                    at = alike[at]
            else:
                yield span
                if span.end + 1 > stop:
                    begin, stop = span.start + 1, span.end + 1  # in the padded text

    def _alike(self, edges: Edges) -> list[int] | None:
        """Return for each report the last after it that comes to the same; None where none is like another."""
        if self._last_alike is None or self._last_alike[0] is not edges:
            self._last_alike = (edges, _alike(self._padded, np.array(edges)))
        return self._last_alike[1]

    def _is_far(self, rule: Rule, low: int, end: int, words: Sequence[str]) -> bool:
        """Whether no candidate of a report can have a word near."""
        if self._whereabouts is None:
            self._whereabouts = Whereabouts(self._padded)
        return not self._whereabouts.may_hold(words, low - rule.context_before, end + rule.context_after)

    def _is_bare(self, rule: Rule, low: int, end: int, words: Sequence[str]) -> bool:
        """As :meth:`_is_far`, for a few reports: reads what is around them."""
        around = lowered(self._padded[max(0, low - 1 - rule.context_before) : end + rule.context_after])
        return not any(word in around for word in words)

    def _first(self, rule: Rule, prepared: _Prepared, low: int, end: int, words: Sequence[str]) -> Span | None:
        """Return the first of a report's candidates that holds."""
        last = len(self._text)
        if prepared.exact:
            return self._confirmed(rule, max(low - 1, 0), min(end - 1, last), words)
        for start, to in prepared.candidates(self._padded, low, end):
            span = self._confirmed(rule, max(start - 1, 0), min(to - 1, last), words)
            if span:
                return span
        return None

    def _confirmed(self, rule: Rule, start: int, end: int, words: Sequence[str]) -> Span | None:
        word = self._near(rule, start, end, words) if rule.needs_context else ""
        if rule.needs_context and not word:
            return None
        proof = rule.confirm(self._text, start, end) if rule.confirm else Proof(start, end, "")
        if proof is None or (rule.against and ruled_out(self._text, proof.start, self._plan.against[rule.name])):
            return None
        word = word or self._near(rule, start, end, words)
        score = rule.score if proof.score is None else proof.score
        if word:
            score = max(score, rule.context_score)
        return Span(proof.start, proof.end, rule.type, score, f"pattern:{rule.name}", proof.check, word)

    def _near(self, rule: Rule, start: int, end: int, words: Sequence[str]) -> str:
        return near(self._text, start, end, words, rule.context_before, rule.context_after) if words else ""


class _Failures:
    """Which surroundings of a report did not hold; later ones alike do not either. A bounded number of them."""

    def __init__(self, padded: str) -> None:
        self._padded = padded
        self._known: set[tuple[int, str]] = set()

    def has(self, low: int, end: int) -> bool:
        return self._key(low, end) in self._known

    def add(self, low: int, end: int) -> None:
        if low >= _AROUND and len(self._known) < _MOST_FAILURES:
            self._known.add(self._key(low, end))

    def _key(self, low: int, end: int) -> tuple[int, str]:
        return end - low, self._padded[max(0, low - _AROUND) : end + _AROUND]


def _alike(padded: str, edges: NDArray[np.int64]) -> list[int] | None:
    """Return the last of the reports after each that stand, one after the other, in the same surroundings as it."""
    lows, ends = edges.T
    apart = np.diff(lows)
    fit = (np.diff(ends) == apart) & (apart > 0) & (lows[:-1] >= _AROUND) & (ends[1:] + _AROUND <= len(padded))
    distances, counts = np.unique(apart[fit], return_counts=True)
    usual = distances[np.argsort(-counts)][:_DISTANCES]
    usual = usual[np.isin(usual, distances[counts > _MANY])]
    if not len(usual):
        return None
    codes = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), np.uint32)
    same = np.zeros(len(edges), np.bool_)  # in the surroundings of the report before
    for distance in usual.tolist():
        others = np.concatenate(([0], np.cumsum(codes[distance:] != codes[:-distance], dtype=np.int32)))
        rows = np.flatnonzero(fit & (apart == distance))
        same[rows + 1] = others[lows[rows] - _AROUND] == others[ends[rows] + _AROUND]
    changes = np.append(np.flatnonzero(~same[1:]), len(edges) - 1)
    last: list[int] = changes[np.searchsorted(changes, np.arange(len(edges)))].tolist()
    return last


def _margins(forms: Sequence[Form]) -> NDArray[np.int64]:
    """Return how many characters of a match of each form are its boundary: before, after."""
    nothing_before, nothing_after = (Boundary.NONE, Boundary.END), (Boundary.NONE, Boundary.START)
    pairs = [(form.boundary not in nothing_before, form.boundary not in nothing_after) for form in forms]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _sorted(margins: NDArray[np.int64], reports: Reports, padded: str, data: bytes) -> tuple[list[int], Edges]:
    """Return numbers and edges without boundaries, in code points; by number, start, and the longest first."""
    if not len(reports):
        return [], []
    numbers, lows, ends = _unpacked(reports)
    around = margins[numbers]
    lows += around[:, 0]
    if len(padded) != len(data):  # bytes to code points: less those that go on a character
        onward = np.flatnonzero(np.frombuffer(data, dtype=np.int8) < _FIRST_BYTES)
        lows, ends = lows - np.searchsorted(onward, lows), ends - np.searchsorted(onward, ends)
    ends -= around[:, 1]
    longest = LAST_PLACE - ends
    numbers, lows, longest = _unpacked(np.sort(numbers << PLACE_BITS * 2 | lows << PLACE_BITS | longest))
    return numbers.tolist(), [*zip(lows.tolist(), (LAST_PLACE - longest).tolist(), strict=True)]


def _unpacked(packed: Reports) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    return packed >> PLACE_BITS * 2, packed >> PLACE_BITS & LAST_PLACE, packed & LAST_PLACE


def _check(rules: Sequence[Rule]) -> None:
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SetupError(f"Two pattern rules are called {twice[0]}.", "Give each rule a name of its own.")


def _digest(rules: Sequence[Rule], foreign: Sequence[Foreign]) -> str:
    libraries = [__version__, *map(version, ("hyperscan", "python-stdnum", "phonenumbers", "schwifty"))]
    what = [repr((rule.name, rule.expression, rule.score, rule.context, rule.against)) for rule in rules]
    return sha256(repr((libraries, what, [(each.name, each.version) for each in foreign])).encode()).hexdigest()[:16]


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _go_on() -> None:
    pass
