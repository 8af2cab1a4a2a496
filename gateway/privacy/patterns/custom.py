"""A customer's recognizers, in Presidio's YAML registry format.

::

    recognizers:
      - name: Badge
        supported_entity: EMPLOYEE_ID
        patterns: [{name: badge, regex: 'WK-\\d{6}', score: 0.8}]
        context: [badge, ausweis, 社員証]
      - name: Code names
        supported_entity: PROJECT
        deny_list: [Bluebird, 青い鳥]
      - {name: KrRrnRecognizer, type: predefined}

What differs from Presidio's own engine:

- Every recognizer is asked in every language; ``supported_languages`` only chooses context words.
- Its expressions join the Vectorscan database as prefilters: it is asked only about texts in which one may match. An
  expression that cannot be one (:data:`_OWN_DIALECT`) means that it is always asked.
- An expression that runs out of time, or any error, raises; Presidio logs it and reports nothing found.
- A word of a deny list counts beside kanji and kana as well, and so does what a predefined recognizer finds: ``\\b``
  knows ASCII letters only there.
- Recognizers that are not made of patterns, or that reach for the network, are refused when they are loaded.

Importing Presidio takes seconds, so it is imported only when there is such a file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import regex
import yaml

from gateway.errors import SetupError
from gateway.privacy.compiled import Compiler
from gateway.privacy.patterns.context import near
from gateway.privacy.patterns.database import Database, Form
from gateway.privacy.span import Span

if TYPE_CHECKING:
    from presidio_analyzer import PatternRecognizer

MORE_COUNTRIES = Path(__file__).with_name("presidio.yaml")
"""Presidio's recognizers of countries that have no family here; a setting adds them."""

_REFUSED = {
    "EmailRecognizer": "it asks the network for a list; e-mail addresses are found without it",
    "UrlRecognizer": "it asks the network for a list; links are found without it",
}
_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE  # Presidio's default
_CONTEXT_BEFORE, _CONTEXT_AFTER = 60, 25  # characters
_CONTEXT_ADDS, _CONTEXT_LEAST = 0.35, 0.4  # Presidio's LemmaContextAwareEnhancer
_OWN_DIALECT = regex.compile(
    r"\\[AZzGKXRNLmM]"  # ends of the text, and what only one of the two engines knows
    r"|\(\?[^:=!<>aims-]|\(\?<[^=!]|\(\?[aims]*[^aims:=!<>)-]"
    r"|\[\[|--|&&|\|\||~~"  # sets of sets
    r"|\{[^0-9,}]"  # approximate matches
)


class SearchTimedOut(Exception):
    """An expression ran out of time. Not a :class:`TimeoutError`: Presidio swallows those."""


class BoundedExpression:
    """A compiled expression for ``presidio_analyzer.Pattern.compiled_regex`` that never ends early in silence."""

    def __init__(self, expression: str, flags: int, cpu_seconds: float) -> None:
        self._compiled = regex.compile(expression, flags)
        self._cpu_seconds = cpu_seconds

    def finditer(self, text: str, timeout: float | None = None) -> Iterator[Any]:
        """Yield matches; ``timeout`` is Presidio's own limit, not used.

        Raises:
            SearchTimedOut: the process spent more than ``cpu_seconds`` of processor time meanwhile.
        """
        try:
            yield from self._compiled.finditer(text, timeout=self._cpu_seconds)
        except TimeoutError:
            raise SearchTimedOut from None


class Custom:
    """One recognizer of a customer, or of Presidio's. Shared by threads: it changes nothing once it is made."""

    def __init__(self, recognizer: PatternRecognizer, words: Sequence[str], cpu_seconds: float, whose: str) -> None:
        self.name = f"{whose}:{recognizer.name}"
        self.version = repr([(each.regex, each.score) for each in recognizer.patterns])
        self._recognizer = recognizer
        self._words = [word.lower() for word in words]
        for pattern in recognizer.patterns:
            pattern.compiled_with_flags = recognizer.global_regex_flags
            pattern.compiled_regex = BoundedExpression(pattern.regex, recognizer.global_regex_flags, cpu_seconds)
        self.forms: Sequence[Form] = _prefilters(recognizer)

    def search(self, text: str) -> list[Span]:
        """Return what it finds, with the context words near it, and not below its own thresholds."""
        spans = [self._span(text, result) for result in self._recognizer.analyze(text, [])]
        return [span for span in spans if span.score >= self._threshold(span.type)]

    def _span(self, text: str, result: Any) -> Span:
        score = float(result.score)
        word = near(text, result.start, result.end, self._words, _CONTEXT_BEFORE, _CONTEXT_AFTER)
        if word:
            score = min(1.0, max(score + _CONTEXT_ADDS, _CONTEXT_LEAST))
        explanation = result.analysis_explanation
        check = explanation.pattern_name + (", validated" if explanation.validation_result else "")
        return Span(result.start, result.end, result.entity_type, score, self.name, check, word)

    def _threshold(self, type: str) -> float:
        thresholds = self._recognizer.score_thresholds
        return float(thresholds.get(type, thresholds.get("default", 0.0)))


def load(path: Path, cpu_seconds: float) -> list[Custom]:
    """Return the recognizers of a YAML registry; imports Presidio, which takes seconds.

    Args:
        path: the file.
        cpu_seconds: the most processor time that one expression may take on one text.

    Raises:
        SetupError: the file cannot be read, or something in it is no recognizer; one line naming it.
    """
    entries = _entries(path)
    # Presidio writes found values into its log. A filter, since configuring logging anew enables disabled loggers.
    logging.getLogger("presidio-analyzer").addFilter(_say_nothing)
    return [each for at, entry in enumerate(entries) for each in _made(path, at, entry, cpu_seconds)]


def _say_nothing(record: logging.LogRecord) -> bool:
    return False


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise SetupError(
            f"The recognizers' file {path} cannot be read ({error.strerror}).", "Check its path."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        raise SetupError(f"The recognizers' file {path} is no YAML{line}.", "Mend the file.") from None
    entries = content.get("recognizers") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict | str) for each in entries):
        raise SetupError(f"The file {path} has no list of recognizers.", "Begin it with: recognizers:")
    return [{"name": each, "type": "predefined"} if isinstance(each, str) else each for each in entries]


def _made(path: Path, at: int, entry: dict[str, Any], cpu_seconds: float) -> list[Custom]:
    from presidio_analyzer import PatternRecognizer  # noqa: PLC0415 - takes seconds
    from presidio_analyzer.recognizer_registry.recognizers_loader_utils import (  # noqa: PLC0415 - takes seconds
        PredefinedRecognizerNotFoundError,
        RecognizerListLoader,
    )

    name = str(entry.get("name", f"number {at + 1}"))
    try:
        _check_class(entry)
        made = list(RecognizerListLoader.get([entry], _languages(entry), _FLAGS))
        if not all(isinstance(each, PatternRecognizer) for each in made):
            raise ValueError("it is not made of patterns")
        whose = "presidio" if entry.get("type") == "predefined" else "custom"
        if whose == "presidio":
            for each in made:
                each.global_regex_flags |= regex.ASCII
        words = sorted({word for each in made for word in each.context or ()})
        return [Custom(_with_own_deny_list(each), words, cpu_seconds, whose) for each in made[:1]]
    except PredefinedRecognizerNotFoundError:
        problem = "there is no predefined recognizer of this name"
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, regex.error) as error:
        problem = str(error) or type(error).__name__
    problem = " ".join(problem.split())[:200]
    raise SetupError(f"The recognizer {name} in {path} is not valid: {problem}.", "Mend it, or take it out.")


def _check_class(entry: dict[str, Any]) -> None:
    kind = str(entry.get("class_name") or entry.get("name"))
    if entry.get("type") == "predefined" and kind in _REFUSED:
        raise ValueError(_REFUSED[kind])
    if entry.get("type") != "predefined" and not entry.get("name"):
        raise ValueError("it has no name")


def _languages(entry: dict[str, Any]) -> list[str]:
    listed = entry.get("supported_languages") or [entry.get("supported_language") or "en"]
    return [each["language"] if isinstance(each, dict) else str(each) for each in listed]


_LETTER = r"[0-9A-Za-z_\u00c0-\u024f]"


def _with_own_deny_list(recognizer: PatternRecognizer) -> PatternRecognizer:
    """Let words of a deny list end beside letters of scripts that are written without spaces."""
    if recognizer.deny_list:
        words = "|".join(regex.escape(word, special_only=True) for word in sorted(recognizer.deny_list, key=len)[::-1])
        listed = next(each for each in recognizer.patterns if each.name == "deny_list")
        listed.regex = f"(?<!{_LETTER})(?={_LETTER})(?:{words})(?!{_LETTER})|(?!{_LETTER})(?:{words})(?!{_LETTER})"
    return recognizer


def _prefilters(recognizer: PatternRecognizer) -> list[Form]:
    """Return one form for each expression; none when one of them cannot be a prefilter."""
    forms = []
    for pattern in recognizer.patterns:
        if _OWN_DIALECT.search(pattern.regex) or recognizer.global_regex_flags & regex.VERBOSE:
            return []
        caseless = bool(recognizer.global_regex_flags & regex.IGNORECASE)
        unicode = not recognizer.global_regex_flags & regex.ASCII
        form = Form(pattern.regex, caseless=caseless, prefilter=True, unicode=unicode)
        try:
            Database([form], Compiler())
        except SetupError:
            return []
        forms.append(form)
    return forms
