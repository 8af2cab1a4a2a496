"""WHERE a request may go: the door of ``policy``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from gateway.domain import Caller, DataClass, Decision, PolicyInput, Target
from gateway.policy.persons.transfers import Crossing, Values


class Policy(Protocol):
    async def decide(self, question: PolicyInput) -> Decision:
        """Ask OPA. A decision that says no is returned, not raised: ``allow`` false, with reasons.

        Raises:
            PolicyUnavailable: absent, late (250 ms), undefined, malformed, an unknown obligation or operator, a target
                that was not a candidate. With a decision id. No answer is used for longer than a second after it was
                asked, whatever happened to OPA meanwhile.
        """

    def class_floor(self, caller: Caller) -> DataClass:
        """Return the least class of what the caller's project sends, as the project has declared."""

    def seen_from(self, caller: Caller, source: str) -> Caller:
        """Return the caller, ``access_from`` with what the network of the address ``source`` says, the stricter."""

    def count(
        self, caller: Caller, values: Values, special: Collection[str], targets: Sequence[Target], time: str
    ) -> Crossing | None:
        """Count the persons of a request in, where its data could cross a border that a law counts at.

        Args:
            values: type and canonical value of each finding; called only where persons are counted.

        Returns:
            ``None`` where nothing crosses, or nothing can be counted: rules that ask for numbers refuse then.
        """

    async def push_facts(self, targets: Sequence[Target] | Callable[[], Sequence[Target]]) -> None:
        """Tell OPA the facts of all targets and sites; returns once they are in force.

        Args:
            targets: all of them, or what returns them. It is called when this push's turn has come: whoever pushes
                after another knows what that one adopted, if it adopts when its push returns, awaiting nothing else.

        Raises:
            PolicyUnavailable: they could not be pushed.
        """

    def ready(self) -> bool:
        """Whether OPA answers, with bundle and facts."""
