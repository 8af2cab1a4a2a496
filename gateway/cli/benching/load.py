"""Rounds of requests: so many callers, each asking again as soon as it has its answer.

A round begins no request after its time is over, and ends when the last answer is there; every caller gets at least one
answer. A caller whose requests fail three times in a row stops asking: a server that refuses is not hammered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway.cli.benching.asking import Answer, Wish
from gateway.cli.benching.prompts import prompt, words_for
from gateway.errors import SetupError

FEW_WORDS, MANY_WORDS = 8, 32
ENDLESS: dict[str, Any] = {"ignore_eos": True}  # llama.cpp's server and vLLM know it
_FAILURES_IN_A_ROW = 3
_PAUSE_SECONDS = 0.2


class Asks(Protocol):
    """Who asks: :class:`gateway.cli.benching.asking.Asker`."""

    async def ask(self, wish: Wish) -> Answer: ...


@dataclass(frozen=True)
class Plan:
    """What is asked. ``words`` make a prompt of the wanted length; ``seed`` is this run's own."""

    model: str
    words: int
    output_tokens: int
    seed: int
    more: dict[str, Any] = field(default_factory=dict)

    def wish(self, number: int) -> Wish:
        """Return the request with that number: no two prompts of a run are alike."""
        return Wish(self.model, prompt(self.words, self.seed + number), self.output_tokens, self.more)


@dataclass
class Round:
    """What all callers saw of one round. ``watts`` by source, where something measured them."""

    callers: int
    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    watts: dict[str, float] = field(default_factory=dict)


async def prepared(asker: Asks, plan: Plan, prompt_tokens: int, ends: Sequence[int]) -> Plan:
    """Return the plan with as many words as make prompts of that length, and with what keeps answers equally long.

    Asks four times at most: with few words, with many, and once as it will be asked.

    Args:
        ends: ids of the tokens that end an answer, to be forbidden; none: the server is asked to ignore its own.

    Raises:
        SetupError: the server does not answer, with what it says.
    """
    ways: list[dict[str, Any]] = [{"logit_bias": {str(token): -100 for token in ends}}] if ends else [ENDLESS, {}]
    few = Answer(0.0)
    for way in ways:
        plan = replace(plan, more=way)
        few = await asker.ask(replace(plan, words=FEW_WORDS, output_tokens=1).wish(0))
        if few.status != 400:
            break
    _check(few)
    many = await asker.ask(replace(plan, words=MANY_WORDS, output_tokens=1).wish(1))
    _check(many)
    words = words_for(prompt_tokens, (FEW_WORDS, few.prompt_tokens), (MANY_WORDS, many.prompt_tokens))
    plan = replace(plan, words=words)
    _check(await asker.ask(plan.wish(2)))
    return replace(plan, seed=plan.seed + 3)


def _check(answer: Answer) -> None:
    if answer.problem:
        said = f": {answer.said}" if answer.said else "."
        mend = {401: "Give a key that it knows: --key-file FILE.", 404: "Name one of its models: --model NAME."}
        raise SetupError(f"The server did not answer ({answer.problem}){said}", mend.get(answer.status, ""))


async def run_round(asker: Asks, plan: Plan, callers: int, seconds: float, first: int) -> Round:
    """Let ``callers`` ask for ``seconds``; ``first`` is the number of the first request that no other round has."""
    seen, began = Round(callers), time.perf_counter()
    numbers = iter(range(first, 2**31))

    async def call() -> None:
        failed = 0
        while failed < _FAILURES_IN_A_ROW:
            answer = await asker.ask(plan.wish(next(numbers)))
            seen.answers.append(answer)
            failed = failed + 1 if answer.problem else 0
            if time.perf_counter() - began >= seconds:
                return
            if failed:
                await asyncio.sleep(_PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(call())
    seen.seconds = time.perf_counter() - began
    return seen
