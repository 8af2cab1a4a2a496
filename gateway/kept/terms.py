"""For how long an answer may be kept for its caller, and from where it may be looked at again. Pure.

Its days are the lowest of wish, setting and decision. The caller's wish stands before this; who does not wish it is
not asked about. Rules:

1. What the decision says is never exceeded: ``keep_state/<days>``, 0 for never. Of several, the lowest counts.
2. What is of class ``strict``, as any text with a secret in it is, and what speaks of a special category (GDPR art. 9
   and 10) is kept only where the decision says for how long.
3. Nothing is kept for longer than the settings say.
4. A decision lets an answer be seen in one country. Elsewhere nobody judged it, so it is not shown there; in the
   country where its data were collected it always is. So it is with a file, which counts as judged where it came from.
"""

from __future__ import annotations

from gateway.domain import Caller, DataFacts, Grant
from gateway.errors import Forbidden
from gateway.policy.persons.transfers import looked_at_in

SHOWN_ELSEWHERE = "kept.shown_elsewhere"


def days_kept(grant: Grant, data: DataFacts, most_days: int) -> int:
    """Return for how many days an answer under this grant may be kept; 0: not at all."""
    said = grant.keep_state_days
    if said is not None:
        return min(said, most_days)
    return 0 if data.data_class == "strict" or data.special else most_days


def check_shown(caller: Caller, judged_for: str, origin: str) -> None:
    """Refuse what would be looked at where nobody judged it.

    Args:
        judged_for: the country that the decision was made for; "" where nobody knows it.
        origin: the country where the data were collected.

    Raises:
        Forbidden
    """
    now = looked_at_in(caller)
    if now not in (judged_for, origin):
        where = f"was judged for being seen in {judged_for}" if judged_for else "was judged for another country"
        message = f"It {where}, and you ask from {now}. Ask again from here, so that policy decides about it."
        raise Forbidden(message, code=SHOWN_ELSEWHERE)
