"""For how long an answer may be kept for its caller: the lowest of wish, setting and decision. Pure.

The caller's wish stands before this; who does not wish it is not asked about. Rules:

1. What the decision says is never exceeded: ``keep_state/<days>``, 0 for never. Of several, the lowest counts.
2. What is of class ``strict``, as any text with a secret in it is, and what speaks of a special category (GDPR art. 9
   and 10) is kept only where the decision says for how long.
3. Nothing is kept for longer than the settings say.
"""

from __future__ import annotations

from gateway.domain import DataFacts, Grant


def days_kept(grant: Grant, data: DataFacts, most_days: int) -> int:
    """Return for how many days an answer under this grant may be kept; 0: not at all."""
    said = grant.keep_state_days
    if said is not None:
        return min(said, most_days)
    return 0 if data.data_class == "strict" or data.special else most_days
