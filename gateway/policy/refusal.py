"""What a caller is told of a decision that says no: which data, where they stand, and what to change. Pure.

Types of findings and their paths are named, never a value; everything is bounded::

    Policy does not allow this request: data of type US_SSN (messages[1].content) may not go to any target of this
    model (policy.table_denied). Remove them or use a model on this site.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.domain import Decision, Reason
from gateway.errors import PolicyDenied
from gateway.policy.explain import text_of

TABLE = "policy.table_denied"
MOST_REASONS, MOST_FINDINGS = 16, 32  # in `error.sekisho`
_MOST_SAID = 3  # reasons, types, and paths of one type, in the sentence

Found = tuple[str, str]
"""Where a finding stands, and its type."""


def denied(decision: Decision, found: Iterable[Found], *, leaves_site: bool) -> PolicyDenied:
    """Return the refusal for a decision that allows nothing.

    Args:
        found: every finding of the request, in order.
        leaves_site: whether a target of this model is not on the caller's site.
    """
    no = [reason for reason in decision.reasons if reason.severity == "deny"]
    types = {reason.params["data"] for reason in no if reason.code == TABLE and "data" in reason.params}
    distinct = list(dict.fromkeys(found))
    to_remove = [each for each in distinct if each[1] in types]
    return PolicyDenied(
        _message(no, to_remove, leaves_site=leaves_site),
        reasons=tuple(dict.fromkeys(reason.code for reason in no)),
        param=to_remove[0][0] if to_remove else None,
        decision_id=decision.id,
        detail={
            "decision": decision.id,
            "reasons": [_shown(reason) for reason in no[:MOST_REASONS]],
            "findings": [{"path": path, "type": type_} for path, type_ in (to_remove or distinct)[:MOST_FINDINGS]],
        },
    )


def _shown(reason: Reason) -> dict[str, object]:
    return {"code": reason.code, "text": text_of(reason), "legal": reason.legal, "params": reason.params}


def _message(no: list[Reason], to_remove: list[Found], *, leaves_site: bool) -> str:
    said = [f"data of type {_listed(to_remove)} may not go to any target of this model ({TABLE})"] if to_remove else []
    others = [reason for reason in no if not (to_remove and reason.code == TABLE)]
    told = dict.fromkeys(f"{text_of(reason).removesuffix('.')} ({reason.code})" for reason in others)
    parts = [*said, *told][:_MOST_SAID]
    head = PolicyDenied.default_message.removesuffix(".")
    return f"{head}{': ' if parts else ''}{'; '.join(parts)}. {_mend(no, to_remove, leaves_site=leaves_site)}"


def _mend(no: list[Reason], to_remove: list[Found], *, leaves_site: bool) -> str:
    elsewhere = "use a model on this site"
    if to_remove:
        return f"Remove them or {elsewhere}." if leaves_site else "Remove them."
    ask = f"`sekisho doctor {no[0].code}` tells the way out." if no else "Your operator can tell why."
    return f"{elsewhere.capitalize()}, or: {ask}" if leaves_site else f"What helps: {ask}"


def _listed(to_remove: list[Found]) -> str:
    """Return each type with where it stands: ``US_SSN (messages[1].content) and IBAN_CODE (messages[0].content)``."""
    paths: dict[str, list[str]] = {}
    for path, type_ in to_remove:
        paths.setdefault(type_, []).append(path)
    shown = [f"{type_} ({_first(places)})" for type_, places in paths.items()]
    more = len(shown) - _MOST_SAID
    return " and ".join(shown[:_MOST_SAID]) + (f" and {more} more types" if more > 0 else "")


def _first(places: list[str]) -> str:
    more = len(places) - _MOST_SAID
    return ", ".join(places[:_MOST_SAID]) + (f" and {more} more places" if more > 0 else "")
