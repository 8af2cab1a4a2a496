"""Requests over time, from a seed: the same seed gives the same requests, whoever chooses among the targets.

Four kinds: ``chat`` (conversations that grow, each tenant's with a prompt of its own before them), ``retrieval`` (long
documents, some asked for often), ``bursty`` (arrivals that come in gusts, Markov-modulated), ``mixed`` (all three, and
a second model that has to be loaded). Lengths are log-normal, arrivals Poisson within each state. Arrivals do not wait
for answers: a slow fleet gets no fewer requests than a fast one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count, islice
from math import exp

from fleet.asks import Ask, Pieces

GENERAL, CODE = "general", "code"


@dataclass(frozen=True)
class App:
    """A program of one tenant: what it sends. Lengths are medians in tokens, with the log-normal's sigma."""

    name: str
    tenant: str
    share: float
    system: int
    ask: tuple[float, float]
    answer: tuple[float, float]
    max_tokens: int = 2048
    model: str = GENERAL
    turns: float = 1.0  # of a conversation, on average
    documents: int = 0  # how many different ones it reads
    document: tuple[float, float] = (0.0, 0.0)


_CHAT = (
    App("assistant", "works", 0.45, 350, (45, 0.7), (140, 0.8), turns=6),
    App("helpdesk", "service", 0.3, 700, (30, 0.6), (90, 0.6), turns=4),
    App("translator", "purchase", 0.25, 120, (110, 0.6), (120, 0.55), 1024, turns=2),
)
_RETRIEVAL = (
    App("manuals", "works", 0.4, 250, (30, 0.5), (110, 0.7), documents=60, document=(2600, 0.5)),
    App("contracts", "legal", 0.25, 400, (40, 0.5), (220, 0.7), documents=200, document=(4200, 0.5)),
    App("extract", "purchase", 0.35, 200, (20, 0.4), (35, 0.4), 256, documents=400, document=(1300, 0.6)),
)
_BURSTY = (
    App("classify", "service", 0.45, 300, (220, 0.6), (12, 0.5), 64),
    App("summaries", "works", 0.35, 150, (900, 0.7), (160, 0.5), 512),
    App("drafts", "legal", 0.2, 200, (90, 0.7), (420, 0.6), 1024),
)
_CODE = (App("completions", "lab", 0.7, 100, (500, 0.7), (60, 0.8), 512, CODE),)
_CODE += (App("review", "lab", 0.3, 250, (1400, 0.6), (260, 0.6), 2048, CODE),)


def _shared(apps: tuple[App, ...], share: float) -> tuple[App, ...]:
    return tuple(replace(app, share=app.share * share) for app in apps)


@dataclass(frozen=True)
class Kind:
    """``gusts``: how many times as many arrivals in a gust as outside; its share of the time; its mean seconds."""

    apps: tuple[App, ...]
    gusts: tuple[float, float, float] = (1.0, 0.5, 30.0)


KINDS = {
    "chat": Kind(_CHAT),
    "retrieval": Kind(_RETRIEVAL),
    "bursty": Kind(_BURSTY, (6.0, 0.2, 20.0)),
    "mixed": Kind(
        _shared(_CHAT, 0.45) + _shared(_RETRIEVAL, 0.2) + _shared(_BURSTY, 0.25) + _shared(_CODE, 0.1),
        (3.0, 0.25, 25.0),
    ),
}

_THINKS = (18.0, 0.6)
_LONGEST = 14_000
_RAMP_SECONDS = 150.0
"""What comes before it is left out: conversations begin at time 0, and it takes so long until later turns are usual."""
_RECENT_DOCUMENTS = 1.1  # exponent of the law after which some documents are read more often


def trace(kind: str, seed: int, requests: int, per_second: float) -> list[Ask]:
    """Return so many requests in order of arrival, ``per_second`` on average."""
    made = _Maker(KINDS[kind], random.Random(f"{kind} {seed}"), per_second)
    steady = (replace(ask, at=ask.at - _RAMP_SECONDS) for ask in _in_order(made) if ask.at >= _RAMP_SECONDS)
    return [replace(ask, number=number) for number, ask in enumerate(islice(steady, requests))]


def _in_order(made: _Maker) -> Iterator[Ask]:
    """Yield the requests of all conversations, the later turns of one among the first of others."""
    coming: list[tuple[float, int, Ask]] = []
    number = count()
    for begun in made.beginnings():
        while coming and coming[0][0] <= begun:
            yield heappop(coming)[2]
        for ask in made.conversation(begun):
            heappush(coming, (ask.at, next(number), ask))


class _Maker:
    def __init__(self, kind: Kind, dice: random.Random, per_second: float) -> None:
        self._kind, self._dice = kind, dice
        turns = sum(app.share for app in kind.apps) / sum(app.share / app.turns for app in kind.apps)
        self._per_second = per_second / turns
        self._pieces = count(1)
        self._system = {app.name: next(self._pieces) for app in kind.apps}
        self._documents = {
            app.name: [(next(self._pieces), self._length(app.document)) for _ in range(app.documents)]
            for app in kind.apps
        }
        self._weights = {
            app.name: [1 / (rank + 1) ** _RECENT_DOCUMENTS for rank in range(app.documents)] for app in kind.apps
        }

    def beginnings(self) -> Iterator[float]:
        """Yield when conversations begin: Poisson, in gusts and between them."""
        times, share, seconds = self._kind.gusts
        calm = self._per_second / (1 - share + share * times)
        at, in_gust = 0.0, False
        ends = self._dice.expovariate(share / (1 - share) / seconds)
        while True:
            gap = self._dice.expovariate(calm * (times if in_gust else 1.0))
            if at + gap < ends:
                at += gap
                yield at
                continue
            at, in_gust = ends, not in_gust
            ends = at + self._dice.expovariate(1 / seconds if in_gust else share / (1 - share) / seconds)

    def conversation(self, at: float) -> Iterator[Ask]:
        """Yield one conversation's requests; each contains what was said before it."""
        apps = self._kind.apps
        app = self._dice.choices(apps, [each.share / each.turns for each in apps])[0]
        said: Pieces = ((self._system[app.name], app.system),)
        if app.documents:
            said += (self._dice.choices(self._documents[app.name], self._weights[app.name])[0],)
        while True:
            said += ((next(self._pieces), self._length(app.ask)),)
            output = min(self._length(app.answer), app.max_tokens)
            ask = Ask(0, at, app.tenant, app.name, app.model, said, output, app.max_tokens, next(self._pieces))
            yield ask
            said = ask.after
            if self._dice.random() >= 1 - 1 / app.turns or ask.prompt > _LONGEST:
                return
            at += self._dice.lognormvariate(0.0, _THINKS[1]) * _THINKS[0]

    def _length(self, law: tuple[float, float]) -> int:
        median, sigma = law
        return max(1, round(median * exp(self._dice.gauss(0.0, sigma)))) if median else 0
