"""One search through all steps: normalise, remember, patterns, names, special categories, merge.

:class:`Parts` is what is heavy and never changes, made once for a process; a :class:`Cascade` belongs to one thread::

    parts = Parts.load(settings.privacy)
    cascade = Cascade(parts)
    [found] = cascade.search(["VIN WVWZZZ1KZAW000000, Fahrer Jürgen Pfaff"], lambda: None)

Every step raises when it cannot answer; there is no smaller result in place of an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self, cast

import msgspec

from gateway.domain import DataClass
from gateway.errors import SetupError
from gateway.privacy.compiled import Compiler
from gateway.privacy.folds import Folded, fold
from gateway.privacy.languages import languages
from gateway.privacy.memory import Memory, find_by_pieces
from gateway.privacy.merge import merge
from gateway.privacy.names.finder import Models, Names
from gateway.privacy.normal import Normal, normalise
from gateway.privacy.patterns import catalogue, custom, marks
from gateway.privacy.patterns.plant import rules_for
from gateway.privacy.patterns.scan import Patterns, Plan
from gateway.privacy.share import Share
from gateway.privacy.span import Proceed, Span
from gateway.privacy.special import Lexicon, Special
from gateway.privacy.spelled import Known, spelled
from gateway.privacy.tables import in_columns

if TYPE_CHECKING:
    from gateway.settings import PrivacySettings

MORE_COUNTRIES = "more-countries"
"""How settings name the recognizers that ship for countries without a family of rules."""

MARK = "CLASSIFICATION_MARK"
RELEASE = "7"
"""Raise it when the cascade itself changes what is found."""

LONG = 4_000
"""Characters from which on a text is worth another thread's help."""

_Spans = list[list[Span]]
_MIB = 2**20
_PROBE = "Ask Robert Miller (robert.miller@plant-7.local) to pay DE89 3704 0044 0532 0130 00 for the car of 山田太郎様."
"""A sentence of ours, with a specimen account number."""
_PROBED = {"EMAIL_ADDRESS": "robert.miller@plant-7.local", "IBAN_CODE": "DE89 3704 0044 0532 0130 00"}
_PROBED_NAMES = ("Robert Miller", "山田太郎")


class Found(msgspec.Struct, frozen=True):
    """What one text holds."""

    spans: tuple[Span, ...] = ()  # in the text as it was given; merged, sorted
    jurisdictions: tuple[str, ...] = ()  # that ids in it point to, ISO 3166-1 alpha-2 or EU
    classes: tuple[str, ...] = ()  # special categories (GDPR art. 9 and 10)
    languages: tuple[str, ...] = ()  # of the seven, most of it first
    marks: tuple[DataClass, ...] = ()  # classes that marks in it speak of


@dataclass(frozen=True)
class Parts:
    """What all threads share."""

    plan: Plan
    models: Models | None  # none where names are switched off
    texts: Memory[Found]
    pieces: Memory[tuple[Span, ...]]
    lexicon: Lexicon
    score_threshold: float
    jurisdiction_of: Mapping[str, str] = field(default_factory=dict)  # source of a span -> jurisdiction

    @classmethod
    def load(cls, settings: PrivacySettings, folder: Path = Path(), kept: Path | None = None) -> Self:
        """Compile the rules, load the models; seconds the first time.

        Args:
            folder: what relative paths of the settings start from.
            kept: where compiled rules are kept for the next time.

        Raises:
            SetupError: a rule, a model or a customer's recognizer is not fit.
        """
        compiler = Compiler(kept)
        normalise("é")  # its table is made at first use
        own = rules_for(settings.patterns, settings.code_names)
        foreign = [each for name in settings.recognizers for each in _recognizers(name, folder, settings)]
        plan = Plan((*catalogue.RULES, *own), foreign, compiler)
        models = Models(folder / settings.weights_dir if settings.weights_dir else None) if settings.names else None
        jurisdictions = {f"pattern:{rule.name}": rule.jurisdiction for rule in plan.rules if rule.jurisdiction}
        half = settings.memory_mib * _MIB // 2
        texts: Memory[Found] = Memory(half, lambda found: len(found.spans))
        return cls(plan, models, texts, Memory(half, len), Lexicon(compiler), settings.score_threshold, jurisdictions)


def _recognizers(name: str, folder: Path, settings: PrivacySettings) -> list[custom.Custom]:
    """Return the recognizers of one file in Presidio's YAML. Raises SetupError."""
    path = custom.MORE_COUNTRIES if name == MORE_COUNTRIES else folder / name
    # An expression's clock counts the processor time of the whole process, so one second may cost one per core.
    return custom.load(path, settings.timeout_seconds * (os.cpu_count() or 1))


Lend = Callable[[Callable[["Cascade"], None]], None]
"""``lend(work)`` may have another thread call ``work`` with its own cascade."""


class Cascade:
    """The search of one thread. See :class:`Parts`.

    Args:
        lend: asks for another thread's help with a long text; else there is none.
    """

    def __init__(self, parts: Parts, lend: Lend | None = None) -> None:
        self._parts = parts
        self._lend = lend
        self._patterns = Patterns(parts.plan)
        self._special = Special(parts.lexicon)
        self._names = Names(parts.models) if parts.models else None
        versions = (RELEASE, self._patterns.version, self._names.version if self._names else "no names")
        settings = f"{parts.score_threshold}"
        self.version = f"cascade/{sha256(repr((versions, settings)).encode()).hexdigest()[:16]}"

    def search(self, texts: Sequence[str], proceed: Proceed, tenant: str = "") -> list[Found]:
        """Return what each text holds, in order.

        Args:
            proceed: called between steps; raises when the search is no longer wanted.
            tenant: whose texts these are; what is remembered of them is found again for the same tenant only.

        Raises:
            Exception: whatever a step raised.
        """
        scope = f"{tenant}\0{self.version}".encode()
        memory = self._parts.texts
        named = [(text, memory.name(scope, text)) for text in texts]
        known = {name: memory.get(name) for _, name in named}
        missing = {name: text for text, name in named if known[name] is None}
        for name, found in zip(missing, self._search([*missing.values()], proceed, scope), strict=True):
            known[name] = found
            memory.put(name, found)
        return [known[name] or Found() for _, name in named]

    def _search(self, texts: list[str], proceed: Proceed, scope: bytes) -> list[Found]:
        if not texts:
            return []
        read = [_Read.of(text) for text in texts]
        plain = [each.folded.text for each in read]
        by_pattern, by_name = self._by_step(plain, scope, proceed)
        known = Known(self._parts.pieces, scope)
        return [self._found(*of_text, known, proceed) for of_text in zip(read, by_pattern, by_name, strict=True)]

    def _by_step(self, plain: Sequence[str], scope: bytes, proceed: Proceed) -> tuple[_Spans, _Spans]:
        """Return what patterns and what names say of each text."""
        if self._names is None:
            return self._patterns.find(plain, proceed), [[] for _ in plain]
        by_pattern: _Spans = []

        def find(pieces: Sequence[str], proceed: Proceed) -> _Spans:
            found = self._together(plain, pieces, proceed)
            by_pattern.extend(found[: len(plain)])
            return found[len(plain) :]

        by_name = find_by_pieces(self._parts.pieces, scope, plain, find, proceed)
        return by_pattern or self._patterns.find(plain, proceed), by_name

    def _together(self, plain: Sequence[str], pieces: Sequence[str], proceed: Proceed) -> _Spans:
        """Return the patterns of each text, then the names of each piece; where they are long, with another's help."""
        if self._lend is None or sum(map(len, pieces)) < LONG:
            names = self._names.find(pieces, proceed) if self._names else []
            return self._patterns.find(plain, proceed) + names
        share = Share(
            [
                *(partial(Cascade._patterns_in, text=text, proceed=proceed) for text in plain),
                *(partial(Cascade._names_in, text=text, proceed=proceed) for text in pieces),
            ]
        )
        self._lend(share.work)
        return share.finish(self, proceed)

    def _patterns_in(self, text: str, proceed: Proceed) -> list[Span]:
        return self._patterns.find([text], proceed)[0]

    def _names_in(self, text: str, proceed: Proceed) -> list[Span]:
        return self._names.find([text], proceed)[0] if self._names else []

    def _found(
        self, read: _Read, by_pattern: Sequence[Span], by_name: Sequence[Span], known: Known, proceed: Proceed
    ) -> Found:
        proceed()
        plain, whole = read.folded.text, read.normal.text
        in_cells = in_columns(plain, self._patterns, proceed)
        otherwise = spelled(plain, self._patterns, proceed, known)
        sure = [
            span for span in (*by_pattern, *in_cells, *otherwise, *by_name) if span.score >= self._parts.score_threshold
        ]
        everywhere = read.folded.unfold(span for span in sure if span.type != MARK)
        proceed()
        spans = merge(read.text, _in_original(read.normal, everywhere))
        sources = {span.source for span in spans}
        origins = {self._parts.jurisdiction_of.get(source, "") for source in sources} - {""}
        levels = {marks.CLASS_OF[span.source.partition(":")[2]] for span in sure if span.type == MARK}
        return Found(
            tuple(spans),
            tuple(sorted(origins)),
            tuple(sorted(self._special.classes(plain))),
            languages(whole),
            tuple(sorted(cast("set[DataClass]", levels))),
        )

    def self_test(self) -> None:
        """Search what is known to hold something.

        Raises:
            SetupError: it was not found.
        """
        self._patterns.self_test()
        [found] = self.search([_PROBE], lambda: None)
        values = {(span.type, _PROBE[span.start : span.end]) for span in found.spans}
        persons = " ".join(value for type, value in values if type == "PERSON")
        named = self._names is None or all(name in persons for name in _PROBED_NAMES)
        if not named or not values >= set(_PROBED.items()):
            raise SetupError("The detector does not find what its self-test holds.", "Run: sekisho doctor")


class _Read(NamedTuple):
    """A text as it was given, normalised, and without its repetitions."""

    text: str
    normal: Normal
    folded: Folded

    @classmethod
    def of(cls, text: str) -> Self:
        normal = normalise(text)
        return cls(text, normal, fold(normal.text))


def _in_original(normal: Normal, spans: Sequence[Span]) -> Sequence[Span]:
    return [_moved(span, *normal.original(span.start, span.end)) for span in spans] if normal.moved else spans


def _moved(span: Span, start: int, end: int) -> Span:
    if (start, end) == (span.start, span.end):
        return span
    return Span(start, end, span.type, span.score, span.source, span.check, span.context)
