"""Who takes the connections at the socket of a worker that ended, until its successor serves.

Each worker has a socket of its own, and the kernel deals connections out to all of them, also to one whose worker is
dead: they would wait there for as long as its successor takes to start, and after failures in a row much longer. So
every worker has a descriptor of each socket, and one that serves is told to take from it meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

TAKE, LEAVE = "take", "leave"


class Borrower(Protocol):
    """A process that serves, or does not."""

    @property
    def serves(self) -> bool: ...

    def tell(self, order: str) -> None:
        """Send one line; nothing happens where the process has ended."""


class Place(Protocol):
    """What one process fills at a time; its number among ``places`` is its socket's."""

    @property
    def process(self) -> Borrower | None: ...


class Lending:
    """Sockets that nobody takes from, and who was told to. Call :meth:`settle` after each change of a process."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places
        self._lent: dict[int, Borrower] = {}

    def settle(self) -> None:
        """Lend what nobody takes from to whoever serves and has borrowed least; take back what has its own again."""
        serving = [place.process for place in self._places if place.process is not None and place.process.serves]
        for number, place in enumerate(self._places):
            borrower = self._lent.get(number)
            if place.process in serving:
                if borrower is not None:
                    del self._lent[number]
                    borrower.tell(f"{LEAVE} {number}")
            elif borrower not in serving:
                self._lent.pop(number, None)
                self._lend(number, serving)

    def _lend(self, number: int, serving: Sequence[Borrower]) -> None:
        if serving:
            counts = Counter(map(id, self._lent.values()))
            self._lent[number] = chosen = min(serving, key=lambda each: counts[id(each)])
            chosen.tell(f"{TAKE} {number}")
