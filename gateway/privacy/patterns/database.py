"""All expressions of all rules as one Vectorscan database: a linear pass over the text for every candidate.

What goes into the database is an expression *with its boundary*: the one character that may stand before and after it
is consumed on both sides, so that digits within longer digits cost nothing. Texts get a line feed before and after
(:data:`EDGE`), so that there always is such a character. Rules that share expression, case and boundary are one
expression of the database.

What Vectorscan can do and cannot:

- every end of every match is reported, each with the leftmost start it can have (``SOM_LEFTMOST``): a later start is
  found by :mod:`gateway.privacy.patterns.scan`;
- expressions of ASCII without negation are compiled for bytes, all others for UTF-8, which costs more at compile time;
- each report calls into Python (0.4 µs): an expression must not match in every other place of an ordinary text.

A database is immutable and shared by all threads; each thread owns a :class:`Scratch`.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import hyperscan
import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.errors import SetupError
from gateway.privacy.compiled import Compiler
from gateway.privacy.patterns.rule import Boundary, Rule
from gateway.privacy.span import Proceed

EDGE = "\n"
"""Stands before and after every text that is searched."""

MOST_FORMS = 2**11
"""Of one database: as many numbers as a report has room for."""

MOST_REPORTS = 2_000_000
"""Reports of one text; a text with more is an attack. They take 8 bytes each."""

SHARD = 200
COMPILERS = 2

PLACE_BITS = 26
LAST_PLACE = (1 << PLACE_BITS) - 1

Reports = NDArray[np.int64]
"""Number, start and end of each, in bytes of the data, as one number: ``number << 52 | start << 26 | end``."""

_REPORTS_PER_STEP = 8192
_OUTSIDE = {
    Boundary.NONE: ("", ""),
    Boundary.START: ("[^0-9A-Za-z]", ""),
    Boundary.END: ("", "[^0-9A-Za-z]"),
    Boundary.DIGIT: ("[^0-9]", "[^0-9]"),
    Boundary.ALNUM: ("[^0-9A-Za-z]", "[^0-9A-Za-z]"),
    Boundary.TOKEN: ("(?:[^0-9A-Za-z{0}]|[^0-9A-Za-z][{0}])", "(?:[^0-9A-Za-z{0}]|[{0}][^0-9A-Za-z])"),
}
_NEEDS_UTF8 = re.compile(r"[^\x00-\x7f]|\[\^|(?<!\\)(?:\\\\)*(?:\.|\\[DWSpPxX])")


_PREFILTER = (
    hyperscan.HS_FLAG_PREFILTER
    | hyperscan.HS_FLAG_SINGLEMATCH
    | hyperscan.HS_FLAG_MULTILINE  # the text has an edge
    | hyperscan.HS_FLAG_DOTALL
    | hyperscan.HS_FLAG_UTF8
)
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


_OF_CLASSES = re.compile(r"(?:\[[^\]]*\]|\(\?:|\{[0-9,]+\}|\\[-./ ]|[-0-9)|?/. ])+")
_SOME_DIGITS = r"(?:\[[0-9-]+\]|[0-9])"
_DIGITS = re.compile(_SOME_DIGITS)
_FEW = re.compile(rf"\(\?:{_SOME_DIGITS}+(?:\|{_SOME_DIGITS}+)+\)|\[[^\]]*\]|\{{[0-9,]+\}}|[0-9]")


def _characters(expression: str) -> str:
    r"""Return the expression with characters in place of ``\uXXXX``, which Vectorscan does not know."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), expression)


def _loose(match: re.Match[str]) -> str:
    """Return any digits in place of a month's or a day's, in an expression without a letter to hold on to.

    Vectorscan takes ``[01][0-9]`` for a handful of literals and looks for all of them everywhere: a text of digits
    would cost fifty times as much.
    """
    if not match[0].startswith("("):
        return "[0-9]" if _DIGITS.fullmatch(match[0]) else match[0]
    lengths = {len(re.findall(_SOME_DIGITS, side)) for side in match[0][3:-1].split("|")}
    return f"(?:[0-9]{{{lengths.pop()}}})" if len(lengths) == 1 else match[0]


class TooManyCandidates(Exception):
    """A text with so many candidates that it can only be meant to hold the search up. Not an empty result."""


class Form(msgspec.Struct, frozen=True):
    """One expression of the database."""

    expression: str
    boundary: Boundary = Boundary.NONE
    joints: str = ""
    caseless: bool = False
    prefilter: bool = False  # may match more than it says; whoever asked looks again
    unicode: bool = True  # of a prefilter: whether \\w and \\b know other letters than ASCII's

    def compiled(self) -> bytes:
        """The expression as Vectorscan gets it."""
        joints = re.escape(self.joints)
        before, after = (side.replace("{0}", joints) for side in _OUTSIDE[self.boundary])
        return f"{before}(?:{self._plain()}){after}".encode()

    @property
    def loosened(self) -> bool:
        """Whether Vectorscan gets an expression that matches more; candidates must match the rule's own."""
        return self._plain() != _characters(self.expression)

    def _plain(self) -> str:
        plain = _characters(self.expression)
        return _FEW.sub(_loose, plain) if _OF_CLASSES.fullmatch(plain) and not self.prefilter else plain

    def flags(self) -> int:
        flags = hyperscan.HS_FLAG_CASELESS if self.caseless else 0
        if self.prefilter:
            return int(flags | _PREFILTER | (hyperscan.HS_FLAG_UCP if self.unicode else 0))
        if _NEEDS_UTF8.search(self._plain()):
            flags |= hyperscan.HS_FLAG_UTF8
        return int(flags | hyperscan.HS_FLAG_SOM_LEFTMOST)


def form_of(rule: Rule) -> Form:
    joints = rule.joints if rule.boundary is Boundary.TOKEN else ""
    return Form(rule.expression, rule.boundary, joints, rule.caseless)


class Database:
    """Compiled forms. ``forms[i]`` reports under the number ``i``.

    Each shard of :data:`SHARD` neighbours is a pass of its own: two large ones search twice as fast as a dozen small
    ones. Compiling one takes time that grows with the square of its forms, so there are two, compiled in parallel.

    Args:
        forms: each once; alike ones side by side.
        compiler: compiles a shard, or has it.

    Raises:
        SetupError: Vectorscan refuses one (named by its expression), or they are too many.
    """

    def __init__(self, forms: Iterable[Form], compiler: Compiler) -> None:
        self.forms: Sequence[Form] = tuple(forms)
        if len(self.forms) > MOST_FORMS:
            raise SetupError(f"More than {MOST_FORMS} patterns at once.", "Use fewer recognizers of your own.")
        numbered = sorted(enumerate(self.forms), key=lambda item: item[1].flags())
        shards = [numbered[at : at + SHARD] for at in range(0, len(numbered), SHARD)]
        with ThreadPoolExecutor(COMPILERS) as pool:
            self._shards = list(pool.map(partial(_compile, compiler), shards))

    @cached_property
    def size_bytes(self) -> int:
        """How much memory the compiled database takes."""
        return sum(len(hyperscan.dumpb(shard)) for shard in self._shards)

    def scratch(self) -> Scratch:
        """Return a scratch space for one thread."""
        return Scratch(self._shards)


class Scratch:
    """What one thread needs to search with a database."""

    def __init__(self, shards: Sequence[hyperscan.Database]) -> None:
        self._shards = [(shard, hyperscan.Scratch(shard)) for shard in shards]

    def reports(self, texts: Sequence[bytes], proceed: Proceed) -> list[Reports]:
        """Return every report of each text, in no order.

        All texts go through one shard before the next: what a shard takes of the processor's cache is read in once.

        Raises:
            TooManyCandidates: more than :data:`MOST_REPORTS` of them all.
            Exception: what ``proceed`` raised.
        """
        if any(len(data) > LAST_PLACE for data in texts):
            raise TooManyCandidates
        found = [array("q") for _ in texts]
        for shard, scratch in self._shards:
            for data, packed in zip(texts, found, strict=True):
                proceed()
                _scan(shard, scratch, data, packed, proceed)
            if sum(map(len, found)) > MOST_REPORTS:
                raise TooManyCandidates
        return [np.frombuffer(packed, dtype=np.int64) for packed in found]


def _scan(
    shard: hyperscan.Database, scratch: hyperscan.Scratch, data: bytes, packed: array[int], proceed: Proceed
) -> None:
    """Add the reports of one shard."""
    append = packed.append
    failure: list[BaseException] = []

    def report(number: int, start: int, end: int, flags: int, context: object) -> bool | None:
        append(number << 52 | start << 26 | end)
        return _stop(len(packed), proceed, failure) if len(packed) % _REPORTS_PER_STEP == 0 else None

    try:
        shard.scan(data, match_event_handler=report, scratch=scratch)
    except hyperscan.ScanTerminated:
        raise failure[0] from None


def _stop(reports: int, proceed: Proceed, failure: list[BaseException]) -> bool | None:
    """Return True when the scan is to end, with the reason in ``failure``: nothing may be raised through Vectorscan."""
    if reports > MOST_REPORTS:
        failure.append(TooManyCandidates())
        return True
    try:
        proceed()
    except Exception as error:  # handed on, as soon as Vectorscan has returned
        failure.append(error)
        return True
    return None


def _compile(compiler: Compiler, numbered: Sequence[tuple[int, Form]]) -> hyperscan.Database:
    expressions = [form.compiled() for _, form in numbered]
    flags = [form.flags() for _, form in numbered]
    try:
        return compiler.compile(expressions, flags, [number for number, _ in numbered])
    except hyperscan.error:
        raise SetupError(*_blame(expressions, flags)) from None


def _blame(expressions: list[bytes], flags: list[int]) -> tuple[str, str]:
    """Return what is wrong and the mend: Vectorscan does not say which expression it refused."""
    for expression, flag in zip(expressions, flags, strict=True):
        try:
            hyperscan.Database().compile(expressions=[expression], flags=[flag])
        except hyperscan.error as error:
            text = expression.decode()
            return f"The expression {text[:80]!r} is refused by Vectorscan ({error}).", "Simplify it."
    return "Vectorscan refuses the expressions as a whole.", "Run: sekisho doctor"
