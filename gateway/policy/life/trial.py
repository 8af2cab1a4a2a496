"""The question that a fresh revision must answer before it is put in force. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain import Caller, Capability, DataFacts, EnvFacts, PolicyInput, RequestFacts, Role, Target
from gateway.policy.facts import MAX_CANDIDATES
from gateway.policy.question import question
from gateway.settings import SiteSettings


def trial_of(site: SiteSettings, targets: Sequence[Target], now: str) -> PolicyInput:
    """Return a harmless question about the first targets; whether the answer is yes or no does not matter."""
    here = site.jurisdiction
    caller = Caller("trial", "trial", "trial", (Role.OPERATOR,), "trial", site.name, here, here, here)
    candidates = targets[:MAX_CANDIDATES]
    model = candidates[0].model if candidates else "trial"
    return question(
        RequestFacts("trial", "trial", Capability.CHAT, model, False, False, "trial"),
        caller,
        DataFacts("internal", site.jurisdiction, {"PERSON": "1"}, "trial"),
        candidates,
        EnvFacts(site.name, site.node, now, 1),
    )
