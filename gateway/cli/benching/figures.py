"""From answers to figures. Pure: values in, values out.

A percentile is taken over the answers of a round; a figure is the median over rounds, so that one disturbed round
changes little, and ``spread`` says how far the rounds lie apart. Milliseconds and seconds are in the names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from gateway.cli.benching.load import Round


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured with one number of callers. ``None``: nothing says it."""

    callers: int
    answers: int
    errors: int
    problems: dict[str, int]
    prompt_tokens: float | None
    output_tokens: float | None
    output_tokens_per_second: float | None
    prompt_tokens_per_second: float | None
    requests_per_second: float | None
    spread: float | None
    first_token_ms_p50: float | None
    first_token_ms_p99: float | None
    gap_ms_p50: float | None
    gap_ms_p99: float | None
    gap_ms_max: float | None
    watts: float | None
    output_tokens_per_joule: float | None
    seconds: float


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least ``percent`` of the values do not exceed (nearest rank).

    Raises:
        ValueError: no values, or a percentage outside (0, 100].
    """
    if not values or not 0 < percent <= 100:
        raise ValueError("a percentile needs values and 0 < percent <= 100")
    return sorted(values)[math.ceil(percent / 100 * len(values)) - 1]


def figure(rounds: Sequence[Round]) -> Figure:
    """Return the figures of all rounds with the same number of callers."""
    rates = [rate for each in rounds if (rate := _rate(each, lambda answer: answer.output_tokens))]
    watts = _middle([sum(each.watts.values()) for each in rounds if each.watts])
    problems = Counter(answer.problem for each in rounds for answer in each.answers if answer.problem)
    whole = [answer for each in rounds for answer in each.answers if not answer.problem]
    middle = _middle(rates)
    return Figure(
        callers=rounds[0].callers,
        answers=len(whole),
        errors=problems.total(),
        problems=dict(sorted(problems.items())),
        prompt_tokens=_middle([answer.prompt_tokens for answer in whole if answer.prompt_tokens]),
        output_tokens=_middle([answer.output_tokens for answer in whole]),
        output_tokens_per_second=middle,
        prompt_tokens_per_second=_middle(_rates(rounds, lambda answer: answer.prompt_tokens)),
        requests_per_second=_middle(_rates(rounds, lambda answer: 1)),
        spread=(max(rates) - min(rates)) / middle if middle else None,
        first_token_ms_p50=_over_rounds(rounds, _first_ms, 50),
        first_token_ms_p99=_over_rounds(rounds, _first_ms, 99),
        gap_ms_p50=_over_rounds(rounds, _gaps_ms, 50),
        gap_ms_p99=_over_rounds(rounds, _gaps_ms, 99),
        gap_ms_max=max((gap for each in rounds for gap in _gaps_ms(each)), default=None),
        watts=watts,
        output_tokens_per_joule=middle / watts if middle and watts else None,
        seconds=sum(each.seconds for each in rounds),
    )


def _rate(seen: Round, worth: Callable[..., int]) -> float:
    """Return what whole answers were worth, a second."""
    return sum(worth(answer) for answer in seen.answers if not answer.problem) / seen.seconds


def _rates(rounds: Sequence[Round], worth: Callable[..., int]) -> list[float]:
    return [rate for each in rounds if (rate := _rate(each, worth))]


def _first_ms(seen: Round) -> list[float]:
    return [(each.first - each.began) * 1000 for each in seen.answers if each.first and not each.problem]


def _gaps_ms(seen: Round) -> list[float]:
    return [gap * 1000 for each in seen.answers if not each.problem for gap in each.gaps]


def _over_rounds(rounds: Sequence[Round], values: Callable[[Round], list[float]], percent: float) -> float | None:
    return _middle([percentile(found, percent) for each in rounds if (found := values(each))])


def _middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None
