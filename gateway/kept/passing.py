"""Which refusals of a batch's line pass by themselves, and which of them may be the line's own doing. Pure.

What a line may have brought about counts as one of its tries: an engine that ended over it, a detector that gave up
on its text, a decision about it that is none. Everything else that is not there - an engine, a node, a file of a
model, the log, the policy, the counters - no line can help, so none is burnt by it: the batch stands still until its
window ends. A code that is in neither list counts, so that every line ends.
"""

from __future__ import annotations

import orjson

OWN = frozenset(
    (
        *("engine.crashed", "engine.interrupted", "engine.timeout"),
        *("privacy.detector_error", "privacy.detector_timeout"),
        *("policy.timeout", "policy.undefined", "policy.malformed", "policy.unknown_obligation"),
        *("policy.input_unfit", "policy.facts_unknown", "policy.too_many_candidates"),
        *("audit.record_refused", "limits.no_price", "unavailable"),
    )
)
"""May be the line's own doing, or is not known to pass."""

NOT_THERE = frozenset(
    (
        *("engine.unavailable", "engine.restarting", "engine.start_failed", "engine.sandbox", "engine.not_installed"),
        *("fleet.target_suspended", "fleet.node_away", "fleet.node_lied", "fleet.no_room", "fleet.model_unfit"),
        *("privacy.detector_busy", "privacy.detector_not_ready"),
        *("policy.unavailable", "policy.bundle_expired", "policy.bundle_unknown"),
        *("audit.unavailable", "audit.content_unavailable", "audit.disk_full", "audit.key_silent", "audit.tampered"),
        *("identity.unavailable", "limits.unavailable", "server.closing", "server.connections"),
    )
)
"""What no line can help."""


def passes(status: int, body: bytes) -> bool:
    """Whether the same line may pass a little later: 503, and 429 but for a budget that is used up."""
    return status == 503 or (status == 429 and _error(body).get("type") != "insufficient_quota")


def counts(status: int, body: bytes) -> bool:
    """Whether a refusal that passes is one of the line's tries."""
    return status == 503 and _error(body).get("code") not in NOT_THERE


def _error(body: bytes) -> dict[str, object]:
    error = orjson.loads(body).get("error")
    return error if isinstance(error, dict) else {}
