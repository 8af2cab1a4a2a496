"""A whole measurement: prepare, then all rounds in turn, each with every number of callers; return the report.

Rounds are interleaved, so that a machine that slows down for a minute slows every number of callers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import gateway
from gateway.cli.benching import power
from gateway.cli.benching.asking import Asker, Place
from gateway.cli.benching.figures import figure
from gateway.cli.benching.load import ENDLESS, Plan, Round, prepared, run_round
from gateway.cli.benching.report import Asked, EqualLength, Host, Report, host
from gateway.clock import now
from gateway.errors import SetupError
from gateway.telemetry.gpus import this_machine

_BUSY_SHARE = 0.3
_NOTE = "Prompts were made of words and hold no personal data; nothing was sent anywhere else."
_UNCOUNTED = "The server does not count tokens: pieces of its streams stand for them."
_UNEQUAL = "The server cannot be told to go on: answers end where the model ends them, so their lengths differ."

Told = Callable[[int, int], None]
"""How far it is: rounds done, of all."""


@dataclass(frozen=True)
class Order:
    """What to measure. ``ends`` are ids of tokens that end an answer."""

    model: str
    callers: tuple[int, ...]
    prompt_tokens: int
    output_tokens: int
    rounds: int
    seconds: float
    ends: tuple[int, ...] = ()


async def measure(place: Place, order: Order, told: Told, *, own: bool) -> Report:
    """Measure a server.

    Raises:
        SetupError: it does not answer, or does not say which models it has.
    """
    machine, measured_at = host(), now()
    async with Asker(place) as asker:
        model = order.model or await _only_model(asker)
        plan = Plan(model, 1, order.output_tokens, seed=secrets.randbits(40))
        plan = await prepared(asker, plan, order.prompt_tokens, order.ends)
        seen = await _rounds(asker, plan, order, told, here=place.here)
    equal = _equal(plan)
    return Report(
        measured_at=measured_at,
        sekisho=gateway.__version__,
        url=f"unix:{place.socket}" if place.socket else place.url,
        own_gateway=own,
        here=place.here,
        model=model,
        asked=_asked(order, equal),
        machine=machine,
        power=_power_in_words(place, seen),
        figures=[figure(rounds) for rounds in seen],
        notes=_notes(machine, equal, seen),
    )


async def _rounds(asker: Asker, plan: Plan, order: Order, told: Told, *, here: bool) -> list[list[Round]]:
    """Return the rounds of each number of callers, measured in turn."""
    seen: dict[int, list[Round]] = {callers: [] for callers in order.callers}
    done = asked = 0
    sources = this_machine() if here else {}
    for _ in range(order.rounds):
        for callers, rounds in seen.items():
            with power.Power(sources) as measured:
                one = await run_round(asker, plan, callers, order.seconds, first=asked)
            one.watts = measured.watts
            rounds.append(one)
            asked += len(one.answers)
            done += 1
            told(done, order.rounds * len(seen))
    return list(seen.values())


def _notes(machine: Host, equal: EqualLength, seen: list[list[Round]]) -> list[str]:
    counted = all(answer.counted or answer.problem for rounds in seen for each in rounds for answer in each.answers)
    notes = [_NOTE, *([] if counted else [_UNCOUNTED]), *([_UNEQUAL] if equal == "no" else [])]
    if machine.load_before > _BUSY_SHARE * machine.cores:
        notes.append(f"Other programs were at work (load {machine.load_before}): an idle machine is faster.")
    return notes


async def _only_model(asker: Asker) -> str:
    names = await asker.models()
    if len(names) == 1:
        return names[0]
    problem = f"The server has several models: {', '.join(names)[:300]}." if names else "The server lists no model."
    raise SetupError(problem, "Name one: --model NAME", exit_code=2)


def _equal(plan: Plan) -> EqualLength:
    return "no" if not plan.more else "ignore_eos" if plan.more == ENDLESS else "end tokens forbidden"


def _asked(order: Order, equal: EqualLength) -> Asked:
    return Asked(
        callers=list(order.callers),
        prompt_tokens=order.prompt_tokens,
        output_tokens=order.output_tokens,
        rounds=order.rounds,
        seconds=order.seconds,
        equal_length=equal,
    )


def _power_in_words(place: Place, seen: list[list[Round]]) -> str:
    sources = sorted({name for rounds in seen for each in rounds for name in each.watts})
    if sources:
        return f"Watts are those of {', '.join(sources)} of this machine, all programs together."
    return power.CANNOT if place.here else power.ELSEWHERE
