"""Limits that several workers count together, in a real Redis."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from patience import soon
from redis_server import RedisServer
from ulid import ULID

from gateway.domain import Caller, Role, Usage
from gateway.errors import LimitExceeded, QuotaExceeded, SetupError, Unavailable
from gateway.house.redis_client import client
from gateway.identity.bounds import Rules
from gateway.identity.limits import OwnLimits
from gateway.identity.shared import SharedLimits
from gateway.settings import BoundSettings, LimitSettings, PriceSettings, RedisSettings, Settings

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(_short(tmp_path_factory))
    server.start()
    yield server
    server.stop()


def _short(factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp("r")
    assert len(str(folder)) < 90
    return folder


def caller(key: str = "k1", tenant: str = "t") -> Caller:
    return Caller(key, tenant, "p", (Role.APP,), "general", "site", "DE", "DE", "DE")


@asynccontextmanager
async def workers(
    redis: RedisServer, count: int = 2, *, alone: bool = False, lease_seconds: float = 30.0, **limits: Any
) -> AsyncIterator[list[SharedLimits]]:
    """Yield workers that count together, apart from those of other tests."""
    where = RedisSettings(url=f"unix:{redis.socket}", timeout_seconds=60)  # patience, not a measurement
    said = LimitSettings(**{"concurrent_requests": 100_000, "redis": where, **limits})
    prefix = f"{{{ULID()}}}"
    made = [
        SharedLimits(
            client(Settings(limits=said)), prefix, OwnLimits(Rules(said)), alone=alone, lease_seconds=lease_seconds
        )
        for _ in range(count)
    ]
    for each in made:
        await each.start()
    try:
        yield made
    finally:
        for each in made:
            await each.stop()


async def outcome(limits: SharedLimits, tokens: int, used: int) -> str:
    """Send one request whole; return ``ok``, or the code of its refusal."""
    try:
        reservation = await limits.reserve(caller())
    except LimitExceeded as refusal:
        return refusal.code
    try:
        await reservation.reserve_tokens(tokens, "m")
    except LimitExceeded as refusal:
        reservation.settle(None)
        return refusal.code
    reservation.settle(Usage(used, 0))
    return "ok"


async def test_racing_requests_of_two_workers_take_exactly_what_there_is(redis: RedisServer) -> None:
    async with workers(redis, tokens_per_day=130) as (one, other):
        told = await asyncio.gather(*(outcome((one, other)[i % 2], 1, 1) for i in range(200)))
    assert Counter(told) == {"ok": 130, "limits.tokens_per_day": 70}


async def test_requests_a_minute_are_counted_over_both(redis: RedisServer) -> None:
    async with workers(redis, requests_per_minute=30) as (one, other):
        told = await asyncio.gather(*(outcome((one, other)[i % 2], 1, 1) for i in range(50)))
    assert Counter(told) == {"ok": 30, "limits.requests": 20}


async def test_a_bound_is_settled_by_the_count_for_all_workers(redis: RedisServer) -> None:
    async with workers(redis, tokens_per_minute=100) as (one, other):
        first, second = await one.reserve(caller()), await other.reserve(caller())
        await first.reserve_tokens(90, "m")
        with pytest.raises(LimitExceeded) as refusal:
            await second.reserve_tokens(20, "m")
        assert refusal.value.code == "limits.tokens"
        first.settle(Usage(10, 20))
        await soon(lambda: not one._settled)
        await second.reserve_tokens(70, "m")
        assert (second.standing().limit_tokens, second.standing().remaining_tokens) == (100, 0)


async def test_a_tenants_and_a_models_bounds_hold_over_keys(redis: RedisServer) -> None:
    bounds = {"tenants": {"t": BoundSettings(concurrent_requests=2)}, "models": {"m": BoundSettings(tokens_per_day=5)}}
    async with workers(redis, **bounds) as (one, other):
        first, second = await one.reserve(caller("k1")), await other.reserve(caller("k2"))
        with pytest.raises(LimitExceeded) as refusal:
            await other.reserve(caller("k3"))
        assert refusal.value.code == "limits.concurrency"
        await first.reserve_tokens(3, "m")
        with pytest.raises(QuotaExceeded):
            await second.reserve_tokens(3, "m")


async def test_money_is_counted_in_whole_micro_units(redis: RedisServer) -> None:
    price = {"prices": {"m": PriceSettings(input=1_000_000, output=3_000_000)}}
    async with workers(redis, 1, money_per_month=100, **price) as (one,):
        first, second = await one.reserve(caller()), await one.reserve(caller())
        await first.reserve_tokens(30, "m")
        with pytest.raises(QuotaExceeded, match="currency"):
            await second.reserve_tokens(4, "m")
        first.settle(Usage(10, 20))
        await soon(lambda: not one._settled)
        assert await one.used(["key:k1", "model:m"]) == [[30, 70, 30, 70]] * 2


async def test_what_a_dead_worker_held_is_free_after_its_lease(redis: RedisServer) -> None:
    async with workers(redis, concurrent_requests=1, lease_seconds=1.0) as (dead, living):
        held = await dead.reserve(caller())
        await held.reserve_tokens(5, "m")
        dead._stopped.set()  # it renews and settles nothing any more

        async def is_free() -> bool:
            try:
                (await living.reserve(caller())).settle(None)
            except LimitExceeded:
                return False
            return True

        while not await is_free():  # noqa: ASYNC110  it is another process that ends it
            await asyncio.sleep(0.1)


async def test_a_living_workers_leases_are_renewed(redis: RedisServer) -> None:
    async with workers(redis, concurrent_requests=1, lease_seconds=1.0) as (one, other):
        reservation = await one.reserve(caller())
        ends = await one._redis.zscore(f"{one._prefix}:o:key:k1", reservation.lease)  # type: ignore[attr-defined]

        async def later() -> bool:
            score = await one._redis.zscore(f"{one._prefix}:o:key:k1", reservation.lease)  # type: ignore[attr-defined]
            return score > ends

        while not await later():  # noqa: ASYNC110  as above
            await asyncio.sleep(0.05)
        assert other


@pytest.mark.parametrize("alone", [False, True])
async def test_without_redis_it_refuses_or_counts_alone_but_never_lets_all_pass(short_dir: Path, alone: bool) -> None:
    server = RedisServer(short_dir)
    server.start()
    try:
        async with workers(server, 1, alone=alone, requests_per_minute=3) as (one,):
            open_before = await one.reserve(caller())
            server.stop()
            if alone:
                await open_before.reserve_tokens(1, "m")  # the first that counts here
                assert Counter([await outcome(one, 1, 1) for _ in range(4)]) == {"ok": 2, "limits.requests": 2}
            else:
                with pytest.raises(Unavailable) as refusal:
                    await one.reserve(caller())
                assert refusal.value.code == "limits.unavailable"
            assert one.gone
            server.start()
    finally:
        server.stop()


async def test_a_wrong_password_is_refused_at_the_start(short_dir: Path) -> None:
    server = RedisServer(short_dir, "--requirepass", "right")
    server.start()
    try:
        for said, right in (("right", True), ("wrong", False)):
            (short_dir / "pw").write_text(said + "\n")
            where = RedisSettings(url=f"unix:{server.socket}", password_file=str(short_dir / "pw"))
            settings = Settings(limits=LimitSettings(redis=where))
            limits = SharedLimits(client(settings), "{p}", OwnLimits(Rules(settings.limits)))
            if right:
                await limits.start()
                assert (await limits.reserve(caller())).standing()
                await limits.stop()
            else:
                with pytest.raises(SetupError, match="let us in"):
                    await limits.start()
    finally:
        server.stop()


async def test_redis_over_tls_is_believed_with_its_own_authority_only(short_dir: Path, free_port: int) -> None:
    key, cert = str(short_dir / "k.pem"), str(short_dir / "c.pem")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    await asyncio.to_thread(subprocess.run, [*make, *subject], check=True, capture_output=True)
    tls = ("--tls-port", str(free_port), "--tls-cert-file", cert, "--tls-key-file", key)
    server = RedisServer(short_dir, "--port", "0", *tls, "--tls-auth-clients", "no", "--bind", "127.0.0.1")
    server.start()
    try:
        for ca in (cert, ""):
            where = RedisSettings(url=f"rediss://127.0.0.1:{free_port}", ca=ca, timeout_seconds=30)
            settings = Settings(limits=LimitSettings(redis=where))
            limits = SharedLimits(client(settings), "{p}", OwnLimits(Rules(settings.limits)))
            if ca:
                await limits.start()
                await limits.stop()
            else:
                with pytest.raises(SetupError):
                    await limits.start()
    finally:
        server.stop()
