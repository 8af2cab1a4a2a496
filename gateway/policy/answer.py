"""Reading OPA's answer. Pure; anything that is not exactly a decision about this question is refused.

OPA answers with ``sekisho.answer/1``, in which targets lead to terms that many share; a decision names each target with
its terms. What a policy forgets to say is never filled in: every field must be there. Unknown fields, operators and
obligations refuse, as does a target that was not asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from gateway.domain import KEEP_CONTENT, KEEP_STATE, MOST_REASONS, Grant, Legal, PolicyInput, Reason

KNOWN_OBLIGATIONS = (KEEP_CONTENT, KEEP_STATE)
"""What a policy may oblige the gateway to do with a prompt."""


Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9@*][A-Za-z0-9@:_./+*-]{0,63}$")]
"""A parameter of a reason: an enumerated word."""


class Refused(Exception):
    """The answer is no decision. ``code`` is the stable code to refuse with."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Terms(_Strict, frozen=True, forbid_unknown_fields=True):
    redact: dict[str, Literal["keep", "pseudonymise", "mask", "hash", "redact"]]
    tag_scope: Literal["project", "request"]
    restore: tuple[Literal["text", "arguments", "urls"], ...]
    obligations: tuple[str, ...]
    output_guard: Literal["off", "redact", "block"]


class _Reason(_Strict, frozen=True, forbid_unknown_fields=True):
    code: Word
    legal: Legal
    severity: Literal["info", "deny"]
    params: Annotated[dict[Word, Word], msgspec.Meta(max_length=16)]


class _Decision(_Strict, frozen=True, forbid_unknown_fields=True):
    """``sekisho.answer/1``: what is the same for many targets is said once."""

    version: Literal["sekisho.answer/1"]
    allow: bool
    granted: dict[str, str]  # target to its terms
    terms: dict[str, _Terms]
    reasons: dict[Word, tuple[_Reason, ...]]  # by rule
    facts: str
    remember_until: str


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
    return Answer(result.allow, _grants(result, question), _reasons(result), result.facts, result.remember_until)


def _check(decision: _Decision, question: PolicyInput) -> None:
    granted = decision.granted
    terms = [decision.terms.get(name) for name in granted.values()]
    sound = (
        decision.allow == bool(granted)
        and sum(map(len, decision.reasons.values())) <= MOST_REASONS
        and granted.keys() <= set(question.candidates)
        and all(its is not None and "*" in its.redact for its in terms)
        and (not decision.remember_until or _is_time(decision.remember_until))
    )
    if not sound:
        raise Refused("policy.malformed")
    if any(not _is_known(obligation) for its in decision.terms.values() for obligation in its.obligations):
        raise Refused("policy.unknown_obligation")


def _is_known(obligation: str) -> bool:
    return any(known.fullmatch(obligation) for known in KNOWN_OBLIGATIONS)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _grants(decision: _Decision, question: PolicyInput) -> tuple[Grant, ...]:
    """Return the grants in the order of the candidates."""
    named = ((id_, decision.granted.get(id_)) for id_ in dict.fromkeys(question.candidates))
    return tuple(_grant(id_, decision.terms[name]) for id_, name in named if name is not None)


def _grant(id_: str, its: _Terms) -> Grant:
    return Grant(id_, its.redact, its.tag_scope, its.restore, its.obligations, its.output_guard)


def _reasons(decision: _Decision) -> tuple[Reason, ...]:
    """Return the reasons, refusals first, then by rule and code."""
    reasons = [
        Reason(said.code, rule, said.legal, said.severity, said.params)
        for rule, found in decision.reasons.items()
        for said in found
    ]
    return tuple(sorted(reasons, key=lambda r: (r.severity, r.rule, r.code, sorted(r.params.items()))))
