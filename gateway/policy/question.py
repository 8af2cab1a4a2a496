"""Putting the question together: ``sekisho.input/1``. Pure; no prompt text can come in here.

Every string of it is bounded and in Unicode form NFC: two ways to write one name would be two names to a rule. None is
mended here, since targets and facts name the same things; what does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from unicodedata import is_normalized

from gateway.domain import (
    LONGEST_TARGET,
    LONGEST_WORD,
    MOST_WORDS,
    Caller,
    CallerFacts,
    CounterFacts,
    DataFacts,
    EnvFacts,
    PolicyInput,
    RequestFacts,
    Target,
)
from gateway.errors import PolicyUnavailable
from gateway.policy.facts import MAX_CANDIDATES


def question(
    request: RequestFacts,
    caller: Caller,
    data: DataFacts,
    candidates: Sequence[Target],
    env: EnvFacts,
    counters: CounterFacts | None = None,
) -> PolicyInput:
    """Return the input for one attempt.

    Raises:
        PolicyUnavailable: more than 64 candidates (``policy.too_many_candidates``), or a string that is too long or
            not in form NFC (``policy.input_unfit``).
    """
    if len(candidates) > MAX_CANDIDATES:
        raise PolicyUnavailable(code="policy.too_many_candidates")
    asked = PolicyInput(
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
        counters=counters,
    )
    if not _fits(asked):
        raise PolicyUnavailable(code="policy.input_unfit")
    return asked


def _fits(asked: PolicyInput) -> bool:
    request, caller, data, env = asked.request, asked.caller, asked.data, asked.env
    abroad = asked.counters.by_destination if asked.counters else ()
    lists = (data.entities, data.jurisdictions, data.special, data.languages, abroad)
    words = (
        *(request.id, request.endpoint, request.model, request.purpose, data.collected_in, data.detector),
        *(caller.key_id, caller.tenant, caller.project, caller.site, caller.jurisdiction, caller.access_from),
        *(env.site, env.node, env.time, asked.counters.entity if asked.counters else ""),
        *chain.from_iterable(lists),
    )
    return (
        max(map(len, lists)) <= MOST_WORDS
        and max(map(len, words)) <= LONGEST_WORD
        and max(map(len, asked.candidates), default=0) <= LONGEST_TARGET
        and _is_nfc((*words, *asked.candidates))
    )


def _is_nfc(words: tuple[str, ...]) -> bool:
    """ASCII is in form NFC, and so are nearly all: looked at together, they cost a microsecond."""
    return "".join(words).isascii() or all(is_normalized("NFC", word) for word in words)
