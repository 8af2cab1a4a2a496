"""The gateway's own chooser, as a rule of the simulation: :mod:`gateway.fleet.choose`, unchanged.

It is told what a gateway is told, no more: an estimate of the prompt's tokens, hashes of its blocks, who asks and what
is the most that is wanted; then who got which slot, when the first token came, how many tokens came so far, and at the
end the engine's own timings. ``Knows`` gives it one truth after another, to see what each lack costs.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet.asks import BLOCK_TOKENS, Ask
from fleet.engine import Done, Held
from fleet.machine import Machine
from fleet.world import View
from gateway.fleet.choose import terms
from gateway.fleet.choose.board import Seat
from gateway.fleet.choose.chooser import Chooser

_ESTIMATE_SIGMA = 0.1
"""How far an estimate of a prompt's tokens is off, as the log-normal's sigma. An assumption."""

WEIGHTS_BYTES = 145_000_000


@dataclass(frozen=True)
class Knows:
    """What the chooser is told though no gateway could know it. For ablations."""

    lengths: bool = False
    prompts: bool = False


class Ours:
    """See the module."""

    def __init__(self, knows: Knows = Knows()) -> None:
        self.chooser = Chooser()
        self._knows = knows
        self._seats: dict[int, Seat] = {}
        self._scores: dict[int, terms.Score] = {}
        self._asked: dict[int, terms.Ask] = {}

    def choose(self, ask: Ask, views: Sequence[View], machines: Mapping[str, Machine], now: float) -> str:
        asked = self._ask(ask)
        for view in views:
            self._count_tokens(machines[view.id], ask.model, now)
        candidates = [self.chooser.standing(_candidate(view, ask.model), now) for view in views]
        best = self.chooser.rank(candidates, asked, now)[0]
        self.chooser.arrivals.came(best.target, now)
        to_read = max(0, asked.prompt_tokens - best.cached_tokens)
        seat = Seat(ask.model, asked.caller, to_read=to_read, output_tokens=best.output_tokens, most=asked.max_tokens)
        self._seats[ask.number] = self.chooser.board.queue(best.target, seat)
        self._scores[ask.number], self._asked[ask.number] = best, asked
        return best.target.partition(":")[0]

    def listen(self, target: str, model: str) -> Ear:
        return Ear(self, _id(target, model))

    def sat(self, target: str, held: Held) -> None:
        self.chooser.sit(self._seats[held.ask.number], place_of(target), held.began)
        self.chooser.began(target, held.slot, held.began)

    def spoke(self, held: Held) -> None:
        seat = self._seats[held.ask.number]
        seat.first_at, seat.chunks = held.first, 1

    def done(self, target: str, done: Done) -> None:
        held = done.held
        ask, number, place = held.ask, held.ask.number, place_of(target)
        target = _id(target, ask.model)
        asked, score = self._asked.pop(number), self._scores.pop(number)
        seat = self._seats.pop(number)
        batch = self.chooser.board.rise(seat, done.at)
        self.chooser.ended(target, held.slot, asked.blocks)
        seen = terms.Seen(
            batch=batch,
            prompt_tokens=ask.prompt - held.cached,
            prompt_seconds=held.first - held.began,
            ahead_tokens=seat.ahead_tokens,
            output_tokens=ask.output,
            output_seconds=done.at - held.first,
            cached_tokens=held.cached,
            expected_cached_tokens=score.cached_tokens,
            first_seconds=held.first - held.began,
            cut=ask.output >= ask.max_tokens,
            caller=asked.caller,
        )
        self.chooser.observe(target, ask.model, seen, place)

    def _ask(self, ask: Ask) -> terms.Ask:
        off = 1.0 if self._knows.prompts else random.Random(ask.number).lognormvariate(0.0, _ESTIMATE_SIGMA)
        blocks = ask.blocks()
        length = ask.output if self._knows.lengths else ask.max_tokens
        return terms.Ask(
            model=ask.model,
            prompt_tokens=max(1, round(ask.prompt * off)),
            max_tokens=length,
            blocks=blocks,
            block_tokens=tuple(round((at + 1) * BLOCK_TOKENS * off) for at in range(len(blocks))),
            caller=f"{ask.tenant}/{ask.app}",
        )

    def _count_tokens(self, machine: Machine, model: str, now: float) -> None:
        engine = machine.engines[model]
        engine.move(now)
        for held, tokens in engine.said():
            self._seats[held.ask.number].chunks = tokens


class Ear:
    """A :class:`fleet.engine.Listener` of one target."""

    def __init__(self, ours: Ours, target: str) -> None:
        self._ours, self._target = ours, target

    def began(self, held: Held) -> None:
        self._ours.sat(self._target, held)

    def spoke(self, held: Held) -> None:
        self._ours.spoke(held)

    def forgot(self) -> None:
        self._ours.chooser.forget(self._target)


def _id(machine: str, model: str) -> str:
    return f"{machine}:{model}"


def _candidate(view: View, model: str) -> terms.Candidate:
    return terms.Candidate(
        _id(view.id, model),
        model,
        view.slots,
        held=view.held,
        waiting=view.waiting,
        opens_in_seconds=view.opens_in,
        displaces=(_id(view.id, view.displaces),) if view.displaces else (),
        away_seconds=view.away,
        place=place_of(view.id),
    )


def place_of(name: str) -> terms.Place:
    """Return what a gateway knows of a machine without having asked it."""
    return terms.Place(device="gpu" if name.startswith("gpu") else "cpu", weights_bytes=WEIGHTS_BYTES)
