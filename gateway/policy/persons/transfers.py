"""Counting the persons of a request whose data could cross a border that a law counts at.

Most requests cross none, and cost one look at two sets. For the others the persons are reserved before the question is
put, so that its numbers count them in (:mod:`gateway.policy.persons.counters`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from gateway.domain import Caller, CounterFacts, Target
from gateway.policy.persons.counters import Counters, Reservation
from gateway.policy.persons.tally import persons_of

Values = Callable[[], Iterable[tuple[str, str]]]
"""Returns type and canonical value of each finding; called only where persons are counted."""


class Crossing:
    """The persons of one attempt, counted in. MUST be settled or released; later calls do nothing."""

    def __init__(self, held: Reservation, destinations: Collection[str], *, whole: bool = True) -> None:
        self._held = held
        self._destinations = frozenset(destinations)
        self._whole = whole

    @property
    def facts(self) -> CounterFacts | None:
        """The numbers; ``None`` where they are a part of the truth, so that what hangs on them is refused."""
        return self._held.facts if self._whole else None

    def settle(self, target: Target, caller: Caller) -> None:
        """Write and keep them, for the countries where the prompt goes and the answer is looked at.

        MUST be called before the intent is written.

        Raises:
            AuditUnavailable: not written; the prompt MUST NOT leave.
        """
        self._held.confirm(self._destinations & {target.jurisdiction, looked_at_in(caller)})

    def release(self) -> None:
        """Give back what only this attempt added."""
        self._held.release()


class Transfers:
    """Counts what one checkpoint sends abroad.

    Args:
        counters: opened already, or never ready: then what hangs on numbers is refused by the rules.
        entity_of: the legal entity of a tenant.
        whole: whether these counters know all persons; one of several workers knows its own, and writes them alone.
    """

    def __init__(self, counters: Counters, entity_of: Callable[[str], str], *, whole: bool = True) -> None:
        self._counters = counters
        self._whole = whole
        self._entity_of = entity_of

    def count(
        self, caller: Caller, values: Values, special: Collection[str], targets: Sequence[Target], time: str
    ) -> Crossing | None:
        """Reserve the persons of a request; ``None`` where nothing crosses, or nothing can be counted."""
        countries = [looked_at_in(caller), *(target.jurisdiction for target in targets)]
        destinations = self._counters.crossing(caller.collected_in, countries)
        if not destinations:
            return None
        persons = persons_of(values(), special)
        held = self._counters.reserve(self._entity_of(caller.tenant), persons, destinations, time)
        return None if held is None else Crossing(held, destinations, whole=self._whole)


def looked_at_in(caller: Caller) -> str:
    """Return the country where the answer is looked at: nobody said from where, then at the caller's own site."""
    return caller.access_from or caller.jurisdiction
