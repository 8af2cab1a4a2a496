"""What a caller is told of a decision that says no: which data, where they stand, and what to change. Pure.

Types of findings and their paths are named, never a value; everything is bounded. It is said in English, and in the
language that the caller asks for when it is told::

    Policy does not allow this request: data of type US_SSN (messages[1].content) may not go to any target of this
    model (policy.table_denied). Remove them or use a model on this site.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from gateway.domain import Decision, Reason
from gateway.errors import PolicyDenied
from gateway.kinds import GROUP_OF, name_of
from gateway.policy.words import phrase, sentence

OF_SECRETS, SECRETS = "policy.secrets", name_of("secrets")
MOST_REASONS, MOST_FINDINGS = 16, 32  # in `error.sekisho`
_MOST_SAID = 3  # reasons, types, and paths of one type, in the sentence

Found = tuple[str, str]
"""Where a finding stands, and its type."""


def denied(decision: Decision, found: Iterable[Found], *, leaves_site: bool, language: str = "en") -> PolicyDenied:
    """Return the refusal for a decision that allows nothing.

    Args:
        found: every finding of the request, in order.
        leaves_site: whether a target of this model is not on the caller's site.
        language: of the texts, one of :data:`gateway.policy.words.LANGUAGES`.
    """
    no = [reason for reason in decision.reasons if reason.severity == "deny"]
    distinct = list(dict.fromkeys(found))
    to_remove = [each for each in distinct if any(_is_about(reason, each[1]) for reason in no)]
    return PolicyDenied(
        _message(no, to_remove, language, leaves_site=leaves_site),
        reasons=tuple(dict.fromkeys(reason.code for reason in no)),
        param=to_remove[0][0] if to_remove else None,
        decision_id=decision.id,
        detail={
            "decision": decision.id,
            "reasons": [_shown(reason, language) for reason in no[:MOST_REASONS]],
            "findings": [{"path": path, "type": type_} for path, type_ in (to_remove or distinct)[:MOST_FINDINGS]],
        },
        said_in=partial(denied, decision, distinct, leaves_site=leaves_site),
    )


def _is_about(reason: Reason, type_: str) -> bool:
    """Whether a reason would not stand without data of a type. A rule about secrets names one and means all."""
    named = reason.params.get("data", "")
    return named == type_ or (reason.code == OF_SECRETS and GROUP_OF.get(type_) == SECRETS)


def _shown(reason: Reason, language: str) -> dict[str, object]:
    return {"code": reason.code, "text": sentence(reason, language), "legal": reason.legal, "params": reason.params}


def _message(no: list[Reason], to_remove: list[Found], language: str, *, leaves_site: bool) -> str:
    types = {type_ for _, type_ in to_remove}
    about = [reason for reason in no if any(_is_about(reason, type_) for type_ in types)]
    others = [reason for reason in no if reason not in about]
    codes = ", ".join(dict.fromkeys(reason.code for reason in about[:_MOST_SAID]))
    data = phrase("refusal_data", language, types=_listed(to_remove, language), codes=codes)
    told = dict.fromkeys(f"{sentence(reason, language).rstrip('.。')} ({reason.code})" for reason in others)
    parts = [*([data] if about else []), *told][:_MOST_SAID]
    reasons, head = phrase("refusal_next", language).join(parts), phrase("refusal_head", language)
    ways = _ways(others, language, leaves_site=leaves_site, removable=bool(to_remove))
    return phrase("refusal" if parts else "refusal_bare", language, head=head, reasons=reasons, ways=ways)


def _ways(others: list[Reason], language: str, *, leaves_site: bool, removable: bool) -> str:
    """Return what would help: to remove data, to choose a model here, or what is told of the other reasons."""
    ways = [phrase("refusal_remove", language)] if removable else []
    ways += [phrase("refusal_here", language)] if leaves_site else []
    if others:
        ways.append(phrase("refusal_doctor", language, code=others[0].code))
    text = phrase("refusal_or", language).join(ways) or phrase("refusal_operator", language)
    return f"{text[0].upper()}{text[1:]}"


def _listed(to_remove: list[Found], language: str) -> str:
    """Return each type with where it stands: ``US_SSN (messages[1].content) and IBAN_CODE (messages[0].content)``."""
    paths: dict[str, list[str]] = {}
    for path, type_ in to_remove:
        paths.setdefault(type_, []).append(path)
    shown = [f"{type_} ({_first(places, language)})" for type_, places in paths.items()]
    more = len(shown) - _MOST_SAID
    listed = phrase("refusal_and", language).join(shown[:_MOST_SAID])
    return listed + (phrase("refusal_more_types", language, count=str(more)) if more > 0 else "")


def _first(places: list[str], language: str) -> str:
    more = len(places) - _MOST_SAID
    first = ", ".join(places[:_MOST_SAID])
    return first + (phrase("refusal_more_places", language, count=str(more)) if more > 0 else "")
