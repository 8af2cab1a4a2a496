"""A decision in words: for each candidate, what was said of it and by which law. Pure.

The sentences are data: ``reasons/*.yaml``, read by :mod:`gateway.policy.words`. A new code needs one in each language.
"""

from __future__ import annotations

from gateway.domain import Decision, PolicyInput, Reason
from gateway.policy.words import LANGUAGES, phrase, sentence, texts, with_law

__all__ = ["LANGUAGES", "TEXTS", "explain", "line_of", "text_of"]

TEXTS = texts("en")
"""What each reason code means, in English, its parameters in braces."""


def explain(question: PolicyInput, decision: Decision, language: str = "en") -> list[str]:
    """Return one line for the verdict, one for each candidate, and one for each reason."""
    granted = {grant.id for grant in decision.targets}
    verdict = phrase("allowed" if decision.allow else "refused", language)
    return [
        phrase("verdict", language, verdict=verdict, revision=decision.revision[:12], engine=decision.engine),
        *(
            phrase(f"target_{'allowed' if id_ in granted else 'refused'}", language, target=id_)
            for id_ in question.candidates
        ),
        *(line_of(reason, language) for reason in decision.reasons),
    ]


def text_of(reason: Reason, language: str = "en") -> str:
    """Return what a reason means, in one sentence that names its parameters."""
    return sentence(reason, language)


def line_of(reason: Reason, language: str = "en") -> str:
    """Return a reason with its code, its rule and its law."""
    return phrase("line", language, code=reason.code, rule=reason.rule, text=with_law(reason, language))
