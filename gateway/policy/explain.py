"""A decision in words: for each candidate, what was said of it and by which law. Pure."""

from __future__ import annotations

from gateway.domain import Decision, PolicyInput, Reason

TEXTS: dict[str, str] = {
    "policy.default_deny": "No rule could be applied, so the answer is no.",
    "policy.no_candidates": "No target serves this model.",
    "policy.break_glass": "Two persons signed that this rule does not stop this project until a set time.",
    "policy.no_output_guard": "It is not said what happens to personal data in an answer from there.",
    "policy.no_row": "The rule table says nothing of this case, and silence is no.",
    "policy.no_verdict": "A rule had nothing to say about this target, and silence is no.",
    "policy.residency": "The law of the data's origin opens no way to this target's jurisdiction.",
    "policy.residency_access": "The answer would be shown where the law of the data's origin does not let it go.",
    "policy.residency_adequate": "An adequacy decision in force opens the way.",
    "policy.residency_same_jurisdiction": "The target is in the jurisdiction that the data come from.",
    "policy.residency_same_node": "A jurisdiction is not set, but the prompt does not leave this machine.",
    "policy.residency_unset": "A jurisdiction is not set, and the prompt would leave this machine.",
    "policy.table_denied": "A row of the rule table says that these data may not go there.",
    "policy.table_observed": "A row of the rule table would have refused this; it only observes for now.",
    "policy.unknown_target": "Nothing is known of this target.",
}
"""What each reason code means, in one sentence without parameters."""


LANGUAGES = ("en", "de", "ja", "zh")
"""What texts of reasons may be asked for in."""


def explain(question: PolicyInput, decision: Decision) -> list[str]:
    """Return one line for the verdict, one for each candidate, and one for each reason."""
    granted = {grant.id for grant in decision.targets}
    verdict = "Allowed" if decision.allow else "Refused"
    return [
        f"{verdict} under policy {decision.revision[:12]} ({decision.engine}).",
        *(f"{candidate}: {'allowed' if candidate in granted else 'refused'}" for candidate in question.candidates),
        *(_sentence(reason) for reason in decision.reasons),
    ]


def text_of(reason: Reason, language: str = "en") -> str:
    """Return what a reason means, in one sentence; in English where the language has none for it."""
    return TEXTS.get(reason.code, "A rule of this site.")


def _sentence(reason: Reason) -> str:
    law = f" [{reason.legal}]" if reason.legal else ""
    return f"{reason.code} ({reason.rule}): {text_of(reason)}{law}"
