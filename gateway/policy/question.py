"""Putting the question together: ``sekisho.input/1``. Pure; no prompt text can come in here."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain import Caller, CallerFacts, DataFacts, EnvFacts, PolicyInput, RequestFacts, Target
from gateway.errors import PolicyUnavailable
from gateway.policy.facts import MAX_CANDIDATES


def question(
    request: RequestFacts, caller: Caller, data: DataFacts, candidates: Sequence[Target], env: EnvFacts
) -> PolicyInput:
    """Return the input for one attempt.

    Raises:
        PolicyUnavailable: more than 64 candidates (``policy.too_many_candidates``).
    """
    if len(candidates) > MAX_CANDIDATES:
        raise PolicyUnavailable(code="policy.too_many_candidates")
    return PolicyInput(
        request=request,
        caller=CallerFacts(
            key_id=caller.key_id,
            tenant=caller.tenant,
            project=caller.project,
            roles=caller.roles,
            site=caller.site,
            jurisdiction=caller.jurisdiction,
            access_from=caller.access_from,
        ),
        data=data,
        candidates=tuple(target.id for target in candidates),
        env=env,
    )
