"""Why something was found, in the form in which Presidio's tools read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gateway.privacy.patterns.rule import Rule
from gateway.privacy.span import Span

if TYPE_CHECKING:
    from presidio_analyzer import AnalysisExplanation


def explanation(span: Span, rules: Iterable[Rule]) -> AnalysisExplanation:
    """Return Presidio's explanation of a span; imports Presidio, which takes seconds.

    Args:
        span: of any tier.
        rules: the catalogue; the rule that found it is named in ``span.source``.
    """
    from presidio_analyzer import AnalysisExplanation  # noqa: PLC0415 - takes seconds

    tier, _, name = span.source.partition(":")
    rule = next((each for each in rules if tier == "pattern" and each.name == name), None)
    explained = AnalysisExplanation(
        recognizer=span.source,
        original_score=rule.score if rule else span.score,
        pattern_name=name,
        pattern=rule.expression if rule else "",
        validation_result=bool(span.check),
        textual_explanation=in_words(span, rule),
    )
    explained.set_improved_score(span.score)
    explained.set_supportive_context_word(span.context)
    return explained


def in_words(span: Span, rule: Rule | None) -> str:
    """Return one line: the rule, the check that held, the word that counted, the reference. Never the value."""
    parts = [f"Found by {span.source}"]
    if span.check:
        parts.append(f"check: {span.check}")
    if span.context:
        parts.append(f"word near it: {span.context}")
    if rule and rule.reference:
        parts.append(f"reference: {rule.reference}")
    return "; ".join(parts) + "."
