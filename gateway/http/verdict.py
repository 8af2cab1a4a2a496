"""Decisions and previews on the wire: what ``/v1/decisions`` shows, in the caller's language. Pure.

Reasons are said in English, German, Japanese or Chinese. Nothing here repeats a prompt: paths are of field names, types
of findings are enumerated, and every list is bounded by what a decision may hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gateway.domain import Decision, Grant, Reason
from gateway.judged import Judged, Kind, Tried
from gateway.policy.explain import LANGUAGES, explain, text_of
from gateway.preview import FoundAt, Open, Preview


class ReasonShown(msgspec.Struct, frozen=True):
    code: str
    text: str  # in the language of Accept-Language
    rule: str
    legal: str
    severity: Literal["info", "deny"]
    params: dict[str, str]


class TargetShown(msgspec.Struct, frozen=True):
    """A target that the decision allows; ``redact`` maps a type of data (``*``: any other) to what is done to it."""

    id: str
    site: str
    redact: dict[str, str]


class DecisionShown(msgspec.Struct, frozen=True, rename={"data_class": "class"}):
    """``GET /v1/decisions/{id}``."""

    id: str
    allow: bool
    kind: Kind  # whether it let an attempt through, refused, or was a preview
    time: str
    request: str
    endpoint: str
    model: str
    data_class: str
    code: str  # of a refusal
    sent_to: str  # target id
    redactions: dict[str, int]  # values replaced in the prompt that was sent, by type
    targets: list[TargetShown]
    reasons: list[ReasonShown]
    words: list[str]  # the same, said to a person
    attempts: list[Tried]  # of the same request
    object: Literal["sekisho.decision"] = "sekisho.decision"


class PreviewShown(msgspec.Struct, frozen=True, rename={"data_class": "class"}):
    """``POST /v1/decisions/preview``."""

    decision: str
    allow: bool
    data_class: str
    targets: list[Open]
    findings: list[FoundAt]
    findings_left_out: int
    special: list[str]
    reasons: list[ReasonShown]
    object: Literal["sekisho.preview"] = "sekisho.preview"


def decision_shown(judged: Judged, sites: Mapping[str, str], language: str) -> DecisionShown:
    """Return what a caller sees of its own decision."""
    question, decision = judged.question, judged.decision
    return DecisionShown(
        id=judged.id,
        allow=decision.allow if decision else False,
        kind=judged.kind,
        time=judged.time,
        request=judged.request,
        endpoint=question.request.endpoint if question else "",
        model=question.request.model if question else "",
        data_class=question.data.data_class if question else "",
        code=judged.code,
        sent_to=judged.target.id if judged.target else "",
        redactions=dict(judged.redactions),
        targets=[_target(grant, sites) for grant in (decision.targets if decision else ())],
        reasons=_reasons(decision, judged.code, language),
        words=explain(question, decision, language) if question and decision else [],
        attempts=list(judged.attempts),
    )


def preview_shown(preview: Preview, language: str) -> PreviewShown:
    """Return what a caller sees of what would be decided."""
    decision = preview.decision
    return PreviewShown(
        decision=decision.id,
        allow=decision.allow,
        data_class=preview.data_class,
        targets=list(preview.targets),
        findings=list(preview.findings),
        findings_left_out=preview.findings_left_out,
        special=list(preview.special),
        reasons=_reasons(decision, "", language),
    )


def language_of(accepted: str) -> str:
    """Return the language of texts for an ``Accept-Language`` header (RFC 9110, 12.5.4); English when none fits."""
    best, best_weight = "en", 0.0
    for part in accepted[:256].split(","):
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        value = _weight(weight)
        if language in LANGUAGES and value > best_weight:
            best, best_weight = language, value
    return best


def _weight(text: str) -> float:
    name, _, value = text.replace(" ", "").partition("=")
    if name != "q":
        return 1.0
    digits = value.replace(".", "", 1)
    return float(value) if digits.isascii() and digits.isdigit() else 0.0


def plain(shown: msgspec.Struct) -> dict[str, Any]:
    """Return plain JSON values."""
    found: dict[str, Any] = msgspec.to_builtins(shown)
    return found


def _target(grant: Grant, sites: Mapping[str, str]) -> TargetShown:
    """A target's id begins with its site; one that is known now says it itself."""
    return TargetShown(grant.id, sites.get(grant.id, grant.id.partition("/")[0]), dict(grant.redact))


def _reasons(decision: Decision | None, code: str, language: str) -> list[ReasonShown]:
    if decision is None:  # no valid answer: the refusal's own code says why
        return [_reason(Reason(code, "gateway", severity="deny"), language)] if code else []
    return [_reason(reason, language) for reason in decision.reasons]


def _reason(reason: Reason, language: str) -> ReasonShown:
    text = text_of(reason, language)
    return ReasonShown(reason.code, text, reason.rule, reason.legal, reason.severity, dict(reason.params))
