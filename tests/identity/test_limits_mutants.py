"""The rules of limits, broken by hand in one place at a time: what they promise must tell each from the real ones.

:func:`judge` asks limits for every promise. The rules in Python and in Lua keep all as they are; of the mutants of
their source each breaks one at least.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from redis_server import RedisServer
from ulid import ULID

from gateway.domain import Caller, Role, Usage
from gateway.errors import LimitExceeded
from gateway.house.redis_client import client
from gateway.identity import limits as own
from gateway.identity import shared
from gateway.identity.bounds import Rules
from gateway.settings import LimitSettings, RedisSettings, Settings

Given = tuple[Any, Callable[[], Awaitable[None]]]  # limits, and what returns once all that was settled is counted
Make = Callable[[dict[str, Any]], AbstractAsyncContextManager[Given]]
PRICES = {"m": {"input": 1_000_000, "output": 1_000_000}}  # a micro-unit for a token
BUDGETS = ("tokens_per_minute", "tokens_per_day", "tokens_per_month", "money_per_day", "money_per_month")


def caller(key: str = "k1", project: str = "p", tenant: str = "t") -> Caller:
    return Caller(key, tenant, project, (Role.APP,), "general", "site", "DE", "DE", "DE")


SHARED_BY = {
    "keys": ("k1", caller("k1", "q", "u")),
    "projects": ("t/p", caller("k2")),
    "tenants": ("t", caller("k2", "q")),
    "models": ("m", caller("k2", "q", "u")),
}


async def held(limits: Any, tokens: int, who: Caller) -> Any:
    """Return a reservation of that many tokens; ``None`` where it was refused."""
    try:
        reservation = await limits.reserve(who)
    except LimitExceeded:
        return None
    try:
        await reservation.reserve_tokens(tokens, "m")
    except LimitExceeded:
        reservation.settle(None)
        return None
    return reservation


async def judge(make: Make) -> None:
    """Raise AssertionError: a promise is not kept."""
    for kind, (name, who) in SHARED_BY.items():
        for bound in BUDGETS:
            async with make({kind: {name: {bound: 10}}}) as given:
                await judge_budget(given, who, f"{bound} of {kind}")
        for bound in ("requests_per_minute", "concurrent_requests"):
            async with make({kind: {name: {bound: 2}}}) as given:
                await judge_entry(given, who, f"{bound} of {kind}")
    await judge_all_or_none(make)


async def judge_budget(given: Given, who: Caller, what: str) -> None:
    limits, settled = given
    first, second = await held(limits, 4, caller()), await held(limits, 6, who)
    assert first and second, f"{what}: all there is may be held"
    assert not await held(limits, 1, caller()), f"{what}: held is taken"
    second.settle(None)
    await settled()
    await first.reserve_tokens(10, "m")
    assert not await held(limits, 1, who), f"{what}: a second bound counts"
    first.settle(Usage(1, 1))
    first.settle(Usage(1, 1))
    await settled()
    last = await held(limits, 8, who)
    assert last, f"{what}: what was used counts once, in place of what was held"
    assert not await held(limits, 1, caller()), f"{what}: used is taken"


async def judge_entry(given: Given, who: Caller, what: str) -> None:
    limits, settled = given
    first = await held(limits, 1, caller())
    assert first and await held(limits, 1, who), f"{what}: as many as there are may come"
    assert not await held(limits, 1, caller()), f"{what}: no more"
    first.settle(None)
    await settled()
    free = "concurrent" in what
    assert bool(await held(limits, 1, caller())) == free, f"{what}: a place is left, a minute's request stays counted"


async def judge_all_or_none(make: Make) -> None:
    bounds = {"keys": {"k1": {"requests_per_minute": 2}}, "tenants": {"t": {"concurrent_requests": 1}}}
    async with make(bounds) as (limits, settled):
        first = await held(limits, 1, caller())
        assert first and not await held(limits, 1, caller())
        first.settle(None)
        await settled()
        assert await held(limits, 1, caller()), "a refused request costs nothing anywhere"


def said(bounds: dict[str, Any]) -> LimitSettings:
    return msgspec.convert({"concurrent_requests": 1000, "prices": PRICES, **bounds}, LimitSettings)


def source(path: str | Path) -> str:
    return Path(path).read_text(encoding="utf-8")


def mutant(path: str | Path, old: str, new: str) -> str:
    text = source(path)
    assert text.count(old) == 1, f"the source has changed: {old!r} stands there {text.count(old)} times"
    return text.replace(old, new)


# --- in Python

PYTHON: list[tuple[str, str]] = [
    ("self.open >= most", "self.open > most"),
    ("if limit and wanted > limit", "if limit and wanted >= limit"),
    ("if limit and wanted > limit", "if limit and wanted > limit + 1"),
    ("day + held + bound", "day + bound"),
    ("month + held + bound", "held + bound"),
    ("day_micro + money", "money"),
    ("month_micro + money", "month_micro"),
    ("self.open -= 1", "pass"),
    ("self.held -= bound", "pass"),
    ("self.held_micro -= micro", "pass"),
    ("if not self._open:\n            return", "pass"),
    ("self.spent.total(now) > free", "self.spent.total(now) >= free"),
    ("free = limit - held - bound", "free = limit - bound"),
    ("self.spent.add(spent, now)", "pass"),
    ("held = (0, 0) if account in fresh else (self._bound, self._micro)", "held = (0, 0)"),
    ("        _enter(fresh, now)\n", ""),
    ("self.requests.take(now)", "pass"),
    ("if usage is not None and spent and self._model", "if False"),
    ("self._accounts = [*accounts, *fresh]", "pass"),
    ("account.refuse_entry(now)\n    for account in accounts:\n", "account.refuse_entry(now)\n"),
]


def in_python(text: str) -> Make:
    module = ModuleType("mutant")
    exec(compile(text, "mutant", "exec"), module.__dict__)  # noqa: S102  our own source, with one change

    @asynccontextmanager
    async def make(bounds: dict[str, Any]) -> AsyncIterator[Given]:
        async def settled() -> None: ...

        yield module.OwnLimits(Rules(said(bounds))), settled

    return make


async def test_the_rules_in_python_keep_what_they_promise() -> None:
    await judge(in_python(source(own.__file__)))


@pytest.mark.parametrize(("old", "new"), PYTHON, ids=range(len(PYTHON)))
async def test_a_mutant_in_python_is_told(old: str, new: str) -> None:
    with pytest.raises((AssertionError, LimitExceeded)):
        await judge(in_python(mutant(own.__file__, old, new)))


# --- in Lua, run by a real Redis

LUA: list[tuple[str, str]] = [
    (">= b[3] then", "> b[3] then"),
    ("if count >= b[1]", "if count > b[1]"),
    ("b[2] - held - ask.tokens", "b[2] - ask.tokens"),
    ("if sum > free", "if sum >= free"),
    ("+ held + ask.tokens > b[3 + i]", "+ ask.tokens > b[3 + i]"),
    ("+ held + ask.tokens > b[3 + i]", "+ held + ask.tokens >= b[3 + i]"),
    ("+ micro + ask.micro > b[5 + i]", "+ ask.micro > b[5 + i]"),
    (" - tonumber(own_tokens)\n", "\n"),
    (" - tonumber(own_micro)\n", "\n"),
    ("redis.call('ZREM', key('o', name), lease)", ""),
    ("if each.spent > 0 then spend(name, each.spent, each.micro) end", ""),
    ("if account.fresh then enter(account) end", ""),
    ("let_go(account.name, ask.lease)\n    keep", "keep"),
    ("standing()} end\n  end\n  for _, account in ipairs(ask.accounts) do enter(", "standing()} end\n    enter("),
]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("m"))
    server.start()
    yield server
    server.stop()


def in_lua(redis: RedisServer, text: str) -> Make:
    @asynccontextmanager
    async def make(bounds: dict[str, Any]) -> AsyncIterator[Given]:
        where = RedisSettings(url=f"unix:{redis.socket}", timeout_seconds=60)  # patience, not a measurement
        settings = Settings(limits=msgspec.structs.replace(said(bounds), redis=where))
        limits = shared.SharedLimits(client(settings), f"{{{ULID()}}}", own.OwnLimits(Rules(settings.limits)))
        limits._script = limits._redis.register_script(text)
        try:
            yield limits, limits._settle_waiting
        finally:
            await limits.stop()

    return make


@pytest.mark.real
async def test_the_rules_in_lua_keep_what_they_promise(redis: RedisServer) -> None:
    await judge(in_lua(redis, source(shared.SCRIPT)))


@pytest.mark.real
@pytest.mark.parametrize(("old", "new"), LUA, ids=range(len(LUA)))
async def test_a_mutant_in_lua_is_told(redis: RedisServer, old: str, new: str) -> None:
    with pytest.raises((AssertionError, LimitExceeded)):
        await judge(in_lua(redis, mutant(shared.SCRIPT, old, new)))
