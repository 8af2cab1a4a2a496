"""What a request may say about itself: a choice among what its key has, never more."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.domain import PRIORITIES, Caller, Declared
from gateway.errors import Forbidden
from gateway.identity.roles import BY_NAME, may

_ASK = BY_NAME["models:ask"]


def narrow(caller: Caller, declared: Declared) -> Caller:
    """Return the caller, with its headers' choice of project and purpose made, and its priority as low as they say.

    Raises:
        Forbidden: the key's role may not ask models (``identity.role``), or a header names a project or purpose that
            the key does not have (``identity.project``, ``identity.purpose``).
    """
    if not may(caller.roles, _ASK):
        raise Forbidden("This key's role may not send prompts; use a key with role app.", code="identity.role")
    if declared.project not in (None, caller.project):
        raise Forbidden("This key does not belong to that project.", code="identity.project", param="x-sekisho-project")
    return _lowered(_for_purpose(caller, declared), declared)


def _for_purpose(caller: Caller, declared: Declared) -> Caller:
    said = declared.purpose
    if said in (None, caller.purpose):
        return caller
    if said not in caller.purposes:
        its = " and ".join((caller.purpose, *caller.purposes))
        message = f"This key is not for that purpose, but for {its}: name one of these, or have a key made for yours."
        raise Forbidden(message, code="identity.purpose", param="x-sekisho-purpose")
    return replace(caller, purpose=said)


def _lowered(caller: Caller, declared: Declared) -> Caller:
    said = declared.priority
    if said is None or PRIORITIES.index(said) <= PRIORITIES.index(caller.priority):
        return caller
    return replace(caller, priority=said)
