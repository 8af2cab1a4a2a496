"""What a caller is told of a decision that says no: which data, where they stand, and what to change. Pure.

Types of findings and their paths are named, never a value; everything is bounded::

    Policy does not allow this request: data of type US_SSN (messages[1].content) may not go to any target of this
    model (policy.table_denied). Remove them or use a model on this site.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.domain import Decision, Reason
from gateway.errors import PolicyDenied
from gateway.kinds import GROUP_OF, name_of
from gateway.policy.explain import text_of

OF_SECRETS, SECRETS = "policy.secrets", name_of("secrets")
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
    distinct = list(dict.fromkeys(found))
    to_remove = [each for each in distinct if any(_is_about(reason, each[1]) for reason in no)]
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


def _is_about(reason: Reason, type_: str) -> bool:
    """Whether a reason would not stand without data of a type. A rule about secrets names one and means all."""
    named = reason.params.get("data", "")
    return named == type_ or (reason.code == OF_SECRETS and GROUP_OF.get(type_) == SECRETS)


def _shown(reason: Reason) -> dict[str, object]:
    return {"code": reason.code, "text": text_of(reason), "legal": reason.legal, "params": reason.params}


def _message(no: list[Reason], to_remove: list[Found], *, leaves_site: bool) -> str:
    types = {type_ for _, type_ in to_remove}
    about = [reason for reason in no if any(_is_about(reason, type_) for type_ in types)]
    others = [reason for reason in no if reason not in about]
    codes = ", ".join(dict.fromkeys(reason.code for reason in about[:_MOST_SAID]))
    said = [f"data of type {_listed(to_remove)} may not go to any target of this model ({codes})"] if about else []
    told = dict.fromkeys(f"{text_of(reason).removesuffix('.')} ({reason.code})" for reason in others)
    parts = [*said, *told][:_MOST_SAID]
    head = PolicyDenied.default_message.removesuffix(".")
    mend = _mend(others, leaves_site=leaves_site, removable=bool(to_remove))
    return f"{head}{': ' if parts else ''}{'; '.join(parts)}. {mend}"


def _mend(others: list[Reason], *, leaves_site: bool, removable: bool) -> str:
    """Return what would help: to remove data, to choose a model here, or what is told of the other reasons."""
    ways = ["remove them"] if removable else []
    ways += ["use a model on this site"] if leaves_site else []
    if others:
        ways.append(f"see `sekisho doctor {others[0].code}`")
    text = " or ".join(ways) or "ask your operator"
    return f"{text[0].upper()}{text[1:]}."


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
