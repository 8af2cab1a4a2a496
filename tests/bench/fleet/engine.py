"""One engine with continuous batching, as arithmetic: what is read and answered between two events, and when they are.

A step computes one token for each slot that answers, and beside them a chunk of the prompt that is read; so a prompt
slows the answers beside it, and they slow the prompt. Between two events all rates are constant, so nothing is computed
token by token. Rules:

1. Prompts are read one after another, in the order in which they got their slots.
2. Each slot keeps what it last read and answered. A prompt of the same tenant that begins alike is read from where they
   part, one token at least; another tenant's is read whole.
3. A prompt gets the free slot that holds most of it; else one never used; else the one that lay idle longest.
4. A token late in a long prompt takes longer to read, and longer to answer: ``Pace.long_tokens``.

Seconds and tokens throughout. Reading the last token of a prompt gives the first of the answer. ::

    engine = Engine(Pace(slots=4, read_rate=700, step=0.008, more=0.0016, chunk=64))
    engine.put(ask, at=0.0)
    engine.next_at          # when something happens next; inf: never
    engine.happen()         # let it happen; returns who is done
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil, inf
from typing import Protocol

from fleet.asks import Ask, Pieces


@dataclass(frozen=True)
class Pace:
    """What a machine computes in a second, with one model."""

    slots: int
    read_rate: float  # prompt tokens a second, nothing beside them, at the prompt's beginning
    step: float  # seconds for the next token, one slot answering
    more: float  # seconds more for each further slot that answers
    chunk: int  # prompt tokens in one step
    long_tokens: int = 16_000  # context at which a prompt's token takes twice as long, and a step once more as long

    def step_seconds(self, slots: int, context: float = 0.0) -> float:
        """Return how long a step takes with so many answering, whose contexts have so many tokens together."""
        return self.step * (1 + context / self.long_tokens / self.slots) + self.more * (slots - 1) if slots else 0.0

    def work(self, cached: int, prompt: int) -> float:
        """Return a prompt's reading as tokens at the prompt's beginning (rule 4)."""
        return prompt - cached + (prompt * prompt - cached * cached) / (2.0 * self.long_tokens)


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies in a slot."""

    tenant: str
    pieces: Pieces
    idle_since: float


@dataclass(frozen=True, slots=True)
class Held:
    """A slot with a prompt in it. ``beside``: how many answered when its own answer began, itself among them."""

    ask: Ask
    slot: int
    cached: int
    began: float
    first: float = 0.0
    beside: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    held: Held
    at: float


class Listener(Protocol):
    """Who hears what a gateway would hear of one machine. Times are those of the event."""

    def began(self, held: Held) -> None:
        """A request got a slot."""

    def spoke(self, held: Held) -> None:
        """Its first token came."""

    def forgot(self) -> None:
        """The engine has left, and nothing lies in its slots any more."""


class Engine:
    """See the module. ``admits`` False: nobody more gets a slot, who has one is answered."""

    __slots__ = ("_answered", "_context", "_number", "_read_rate", "_token_rate", "admits", "answering", "free")
    __slots__ += ("kept", "left", "listener", "next_at", "now", "pace", "queue", "reading")

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.now = 0.0
        self.admits = True
        self.queue: deque[Ask] = deque()
        self.reading: deque[Held] = deque()
        self.left = 0.0  # of the first prompt that is read, as :meth:`Pace.work`
        self.answering: list[tuple[float, int, Held]] = []  # a heap: at which of ``_answered`` it ends
        self.kept: list[Kept | None] = [None] * pace.slots
        self.free = set(range(pace.slots))
        self._answered = 0.0  # tokens that a slot would have answered that did so all the time
        self._context = 0  # tokens of all that are answered now
        self._number = 0
        self.listener: Listener | None = None
        self._set_rates()

    def copy(self) -> Engine:
        """Return another with the same future."""
        other: Engine = Engine.__new__(Engine)
        for name in Engine.__slots__:
            setattr(other, name, getattr(self, name))
        other.queue, other.reading, other.answering = self.queue.copy(), self.reading.copy(), self.answering.copy()
        other.kept, other.free = self.kept.copy(), self.free.copy()
        other.listener = None
        return other

    @property
    def inside(self) -> int:
        """How many have a slot."""
        return len(self.reading) + len(self.answering)

    @property
    def is_empty(self) -> bool:
        return not (self.queue or self.reading or self.answering)

    def put(self, ask: Ask, at: float) -> None:
        """Queue a request. ``at`` MUST be no later than :attr:`next_at`, and no earlier than the last event."""
        self.move(at)
        self.queue.append(ask)
        self._admit()

    def said(self) -> Iterator[tuple[Held, int]]:
        """Yield who is answered now, and how many tokens of the answer came."""
        for ends, _, held in self.answering:
            yield held, held.ask.output - ceil(ends - self._answered)

    def move(self, at: float) -> None:
        """Compute until then. Nothing may happen before it."""
        past = at - self.now
        if past > 0.0:
            self._answered += past * self._token_rate
            self.left -= past * self._read_rate
            self.now = at

    def open(self, at: float) -> None:
        """Let who waits in, after it was loaded or its turn came again."""
        self.move(at)
        self.admits = True
        self._admit()

    def forget(self) -> None:
        """Hold nobody's prompt any more. MUST hold nobody."""
        self.kept = [None] * self.pace.slots
        if self.listener is not None:
            self.listener.forgot()

    def happen(self) -> Done | None:
        """Go to :attr:`next_at`; return who is done then."""
        reads_first = self.reading and self._read_at() <= self._answer_at()
        self.move(self.next_at)
        done = self._end_reading() if reads_first else self._end_answering()
        self._admit()
        return done

    def _end_reading(self) -> Done | None:
        held = self.reading.popleft()
        if self.reading:
            self._begin_reading()
        ask, beside = held.ask, len(self.answering) + 1
        held = Held(ask, held.slot, held.cached, held.began, self.now, beside)
        if self.listener is not None:
            self.listener.spoke(held)
        if ask.output <= 1:
            return self._leave(held)
        self._number += 1
        heappush(self.answering, (self._answered + ask.output - 1, self._number, held))
        self._context += ask.prompt
        return None

    def _end_answering(self) -> Done:
        self._answered, _, held = heappop(self.answering)
        self._context -= held.ask.prompt
        return self._leave(held)

    def _leave(self, held: Held) -> Done:
        ask = held.ask
        self.kept[held.slot] = Kept(ask.tenant, ask.after, self.now)
        self.free.add(held.slot)
        return Done(held, self.now)

    def _admit(self) -> None:
        while self.admits and self.queue and self.free:
            ask = self.queue.popleft()
            slot, cached = self.slot_for(ask)
            self.free.remove(slot)
            held = Held(ask, slot, min(cached, ask.prompt - 1), self.now)
            self.reading.append(held)
            if self.listener is not None:
                self.listener.began(held)
            if len(self.reading) == 1:
                self._begin_reading()
        self._set_rates()

    def _begin_reading(self) -> None:
        first = self.reading[0]
        self.left = self.pace.work(first.cached, first.ask.prompt)

    def slot_for(self, ask: Ask) -> tuple[int, int]:
        """Return a free slot (rule 3), and how much of the prompt lies in it. There MUST be one."""
        best, most, oldest = -1, -1, inf
        for slot in self.free:
            kept = self.kept[slot]
            shared = ask.shares(kept.pieces) if kept is not None and kept.tenant == ask.tenant else 0
            since = -1.0 if kept is None else kept.idle_since
            if (shared, -since, -slot) > (most, -oldest, -best):
                best, most, oldest = slot, shared, since
        return best, most

    def _read_at(self) -> float:
        return self.now + max(self.left, 0.0) / self._read_rate if self.reading else inf

    def _answer_at(self) -> float:
        return self.now + max(self.answering[0][0] - self._answered, 0.0) / self._token_rate if self.answering else inf

    def _set_rates(self) -> None:
        pace = self.pace
        seconds = pace.step_seconds(len(self.answering), self._context)
        if self.reading:
            seconds += pace.chunk / pace.read_rate
        self._read_rate = pace.chunk / seconds if self.reading else 0.0
        self._token_rate = 1.0 / seconds if self.answering else 0.0
        self.next_at = min(self._read_at(), self._answer_at())
