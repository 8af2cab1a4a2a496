"""Who has how much of which device. Amounts are MiB by device: ``{"gpu:0": 40000, "ram": 700}``. Pure.

A load claims its price before anything is sent out for it, and takes it before a process starts. So two loads never
count on the same room: what claims and what stays never exceeds the budget, and what is taken never does either.

Example::

    ledger = Ledger({"ram": 1000})
    ledger.claim("b", {"ram": 600}, leaving={"a"})   # a, with its 500, is still there
    ledger.give_back("a")
    ledger.covers("b") and ledger.take("b")
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Amounts = Mapping[str, int]
"""MiB by device."""

NOBODY: frozenset[str] = frozenset()


class Ledger:
    """The book of all devices of one node.

    Args:
        budget: what there is, in MiB by device. What is not named has nothing.
    """

    def __init__(self, budget: Amounts) -> None:
        self.budget = dict(budget)
        self._taken: dict[str, dict[str, int]] = {}
        self._claims: dict[str, dict[str, int]] = {}

    def shortage(self, price: Amounts, *, leaving: Collection[str] = NOBODY) -> dict[str, int]:
        """Return what is missing for a price, by device, once those who leave have gone; empty when it fits."""
        room = {device: self.budget.get(device, 0) for device in price}
        for name, amounts in (*self._taken.items(), *self._claims.items()):
            if name not in leaving:
                for device in room.keys() & amounts.keys():
                    room[device] -= amounts[device]
        return {device: wanted - room[device] for device, wanted in price.items() if wanted > room[device]}

    def claim(self, name: str, price: Amounts, *, leaving: Collection[str] = NOBODY) -> None:
        """Put a price aside. Raises ValueError when it does not fit, or ``name`` has something already."""
        if name in self._taken or name in self._claims:
            raise ValueError(f"{name} is in the ledger already")
        if self.shortage(price, leaving=leaving):
            raise ValueError(f"no room for {name}")
        self._claims[name] = dict(price)

    def covers(self, name: str) -> bool:
        """Return whether what a claim waits for is free now."""
        return not self.shortage(self._claims[name], leaving=self._claims)

    def take(self, name: str) -> None:
        """Turn a covered claim into something taken. Raises ValueError when it is not covered."""
        if not self.covers(name):
            raise ValueError(f"the claim of {name} is not covered")
        self._taken[name] = self._claims.pop(name)

    def correct(self, name: str, amounts: Amounts) -> None:
        """Note what a loaded model was measured to have; may exceed the budget, and then nothing more fits."""
        self._taken[name] = dict(amounts)

    def give_back(self, name: str) -> None:
        """Forget what was claimed or taken; does nothing where nothing was."""
        self._taken.pop(name, None)
        self._claims.pop(name, None)

    def of(self, name: str) -> dict[str, int]:
        """Return what one has taken."""
        return dict(self._taken.get(name, {}))

    def taken(self) -> dict[str, int]:
        """Return what all have taken, by device of the budget."""
        return {device: sum(each.get(device, 0) for each in self._taken.values()) for device in self.budget}

    def claimed(self) -> dict[str, int]:
        """Return what is put aside and not taken yet, by device of the budget."""
        return {device: sum(each.get(device, 0) for each in self._claims.values()) for device in self.budget}

    @property
    def over(self) -> bool:
        """Whether more is taken somewhere than there is, since a load took more than its price."""
        return any(self.budget.get(device, 0) < amount for device, amount in self.taken().items())
