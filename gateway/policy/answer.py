"""Reading OPA's answer. Pure; anything that is not exactly a decision about this question is refused.

What a policy forgets to say is never filled in: every field must be there. Unknown fields, operators and obligations
refuse, as does a target that was not asked for, or one named twice.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from gateway.domain import Grant, PolicyInput, Reason

KNOWN_OBLIGATIONS: frozenset[str] = frozenset()
"""What a policy may oblige the gateway to do with a prompt; it does none of them yet."""


Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9@*][A-Za-z0-9@:_./+*-]{0,63}$")]
"""A parameter of a reason: an enumerated word."""


class Refused(Exception):
    """The answer is no decision. ``code`` is the stable code to refuse with."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Target(_Strict, frozen=True, forbid_unknown_fields=True):
    id: str
    redact: dict[str, Literal["keep", "pseudonymise", "mask", "hash", "redact"]]
    tag_scope: Literal["project", "request"]
    restore: tuple[Literal["text", "arguments", "urls"], ...]
    obligations: tuple[str, ...]
    output_guard: Literal["off", "redact", "block"]


class _Reason(_Strict, frozen=True, forbid_unknown_fields=True):
    code: str
    rule: str
    legal: str
    severity: Literal["info", "deny"]
    params: dict[str, Word]


class _Decision(_Strict, frozen=True, forbid_unknown_fields=True):
    version: Literal["sekisho.decision/1"]
    allow: bool
    targets: tuple[_Target, ...]
    reasons: tuple[_Reason, ...]
    facts: str
    remember_until: str = ""


class _Envelope(_Strict, frozen=True, forbid_unknown_fields=True):
    result: _Decision | msgspec.UnsetType = msgspec.UNSET
    decision_id: str = ""


class Answer(msgspec.Struct, frozen=True):
    """A decision that can be relied on. ``facts`` is the revision of the pushed facts it was made under."""

    allow: bool
    targets: tuple[Grant, ...]
    reasons: tuple[Reason, ...]
    facts: str
    remember_until: str = ""  # RFC 3339 with an offset; empty: the answer is for this question alone


_decoder = msgspec.json.Decoder(_Envelope)


def read_answer(raw: bytes, question: PolicyInput, facts: Collection[str]) -> Answer:
    """Return the decision in OPA's answer to ``question``.

    Args:
        raw: the body of OPA's answer.
        facts: revisions of pushed facts that may be in force.

    Raises:
        Refused: ``policy.undefined``, ``policy.malformed``, ``policy.unknown_obligation``, ``policy.facts_unknown``.
    """
    try:
        result = _decoder.decode(raw).result
    except msgspec.DecodeError as error:  # also ValidationError; its text may quote the answer, so it stays here
        raise Refused("policy.malformed") from error
    if result is msgspec.UNSET:
        raise Refused("policy.undefined")
    _check(result, question)
    if result.facts not in facts:
        raise Refused("policy.facts_unknown")
    return Answer(result.allow, _grants(result), _reasons(result), result.facts, result.remember_until)


def _check(decision: _Decision, question: PolicyInput) -> None:
    ids = [target.id for target in decision.targets]
    sound = (
        decision.allow == bool(ids)
        and len(set(ids)) == len(ids)
        and set(ids) <= set(question.candidates)
        and all("*" in target.redact for target in decision.targets)
        and (not decision.remember_until or _is_time(decision.remember_until))
    )
    if not sound:
        raise Refused("policy.malformed")
    if any(not KNOWN_OBLIGATIONS.issuperset(target.obligations) for target in decision.targets):
        raise Refused("policy.unknown_obligation")


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _grants(decision: _Decision) -> tuple[Grant, ...]:
    return tuple(Grant(t.id, t.redact, t.tag_scope, t.restore, t.obligations, t.output_guard) for t in decision.targets)


def _reasons(decision: _Decision) -> tuple[Reason, ...]:
    return tuple(Reason(r.code, r.rule, r.legal, r.severity, r.params) for r in decision.reasons)
