"""Who sits in the slots of each target and who waits, as far as choosing needs it. Pure: ``now`` is handed in.

Example::

    board = Board()
    seat = board.queue("a", Seat("m", "caller", to_read=900, output_tokens=100.0, most=None))
    board.sit(seat, now=0.0, read_seconds=0.001)        # it got a slot
    seat.first_at = 0.4; seat.chunks += 1
    board.rise(seat, now=3.0)       # returns how many were there at once, on average: 1.0
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.fleet.choose.expect import Expect


class Seat:
    """One request on its way to and through a slot. ``chunks`` of its answer came; a chunk is about a token."""

    __slots__ = (
        "_area",
        "ahead_tokens",
        "caller",
        "chunks",
        "first_at",
        "model",
        "most",
        "output_tokens",
        "since",
        "target",
        "to_read",
    )

    def __init__(self, model: str, caller: str, *, to_read: int, output_tokens: float, most: int | None) -> None:
        self.model = model
        self.caller = caller
        self.to_read = to_read  # tokens of its prompt that do not lie in the slot
        self.output_tokens = output_tokens  # expected
        self.most = most
        self.target = ""
        self.since: float | None = None  # when it got its slot
        self.first_at: float | None = None
        self.chunks = 0
        self.ahead_tokens = 0  # of others' prompts that were still to be read when it got its slot
        self._area = 0.0


class Table:
    """The seats of one target. ``area`` is the sum of seats times seconds."""

    __slots__ = ("_at", "area", "output_tokens", "prompt_tokens", "seats", "waiting")

    def __init__(self) -> None:
        self.seats: dict[Seat, None] = {}
        self.waiting = 0
        self.prompt_tokens = 0  # of those who wait
        self.output_tokens = 0.0
        self.area = 0.0
        self._at = 0.0

    @property
    def batch(self) -> float:
        """How many sit there once one more does."""
        return len(self.seats) + 1.0

    @property
    def reads(self) -> bool:
        """Whether anybody's prompt there may still be read."""
        return any(seat.first_at is None for seat in self.seats)

    def advance(self, now: float) -> float:
        if self.seats:
            self.area += len(self.seats) * max(0.0, now - self._at)
        self._at = now
        return self.area

    def unread(self, now: float, read_seconds: float) -> int:
        """Return the prompt tokens that the engine has still to read, at so many seconds for each."""
        ahead = [seat for seat in self.seats if seat.first_at is None]
        if not ahead:
            return 0
        total = sum(seat.to_read for seat in ahead)
        begun = min(seat.since for seat in ahead if seat.since is not None)
        return max(0, total - int(max(0.0, now - begun) / read_seconds))

    def frees_in(self, now: float, expect: Expect, read_seconds: float, write_seconds: float) -> Sequence[float]:
        """Return when each of the seats is likely to be free, in seconds from now, at these paces."""
        return [left(seat, now, expect, read_seconds, write_seconds) for seat in self.seats]


def left(seat: Seat, now: float, expect: Expect, read_seconds: float, write_seconds: float) -> float:
    """Return how long a request is likely to keep its slot."""
    tokens = expect.tokens(seat.model, seat.caller, seat.most, seat.chunks) if seat.output_tokens else 0.0
    if seat.first_at is not None or seat.since is None:
        return tokens * write_seconds
    return max(0.0, seat.to_read * read_seconds - (now - seat.since)) + tokens * write_seconds


class Board:
    """The tables of all targets."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}

    def table(self, target: str) -> Table:
        table = self._tables.get(target)
        if table is None:
            table = self._tables[target] = Table()
        return table

    def queue(self, target: str, seat: Seat) -> Seat:
        """Count in one who may have to wait; ended by :meth:`sit` or :meth:`unqueue`."""
        table = self.table(target)
        seat.target = target
        table.waiting += 1
        table.prompt_tokens += seat.to_read
        table.output_tokens += seat.output_tokens
        return seat

    def unqueue(self, seat: Seat) -> None:
        """Count out one who waits no longer."""
        table = self.table(seat.target)
        table.waiting -= 1
        table.prompt_tokens -= seat.to_read
        table.output_tokens = table.output_tokens - seat.output_tokens if table.waiting else 0.0

    def sit(self, seat: Seat, now: float, read_seconds: float) -> None:
        """One who waited got a slot, where a token of a prompt takes so long to read."""
        self.unqueue(seat)
        table = self.table(seat.target)
        seat.ahead_tokens = table.unread(now, read_seconds)
        seat._area = table.advance(now)
        seat.since = now
        table.seats[seat] = None

    def rise(self, seat: Seat, now: float) -> float:
        """One gave its slot back; return how many sat there at once while it did, on average, itself included."""
        table = self.table(seat.target)
        area = table.advance(now) - seat._area
        del table.seats[seat]
        lasted = now - (now if seat.since is None else seat.since)
        return max(1.0, area / lasted) if lasted > 0.0 else float(len(table.seats) + 1)
