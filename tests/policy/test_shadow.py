"""A policy beside the one in force: it is compared, and whatever becomes of its OPA, no answer changes or waits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from patience import soon

from gateway.audit.book import LogBook
from gateway.domain import PolicyInput, Target
from gateway.errors import AuditUnavailable, SetupError
from gateway.policy.client import OpaPolicy, draft
from gateway.policy.datasets import DataSets
from gateway.policy.trials.proposal import find
from gateway.policy.trials.shadow import QUEUE, Shadow
from gateway.policy.trials.shadow_office import ShadowOffice, ShadowWish
from gateway.settings import Settings
from tests.policy.past import HEADER, OPEN_TABLE, open_book, policies, records

Ask = Callable[..., PolicyInput]

pytestmark = pytest.mark.real

CLOSED_IN_FRANCE = f"{HEADER}PERSON,*,*,*,FR,deny,,,,,,\n*,*,*,*,*,allow,keep,,,,,\n"


@pytest.fixture
def house(settings: Settings, short_dir: Path) -> Settings:
    folder = policies(short_dir / "policies")
    (short_dir / "rules.csv").write_text(OPEN_TABLE)
    (short_dir / "new.csv").write_text(CLOSED_IN_FRANCE)
    source = str(short_dir / "sekisho.yaml")
    return replace(settings, source=source, policy=replace(settings.policy, directory=str(folder)))


@pytest.fixture
def wish(house: Settings) -> ShadowWish:
    return ShadowWish(rules=str(house.base / "new.csv"))


@pytest_asyncio.fixture
async def policy(house: Settings, targets: tuple[Target, ...]) -> AsyncIterator[OpaPolicy]:
    policy = OpaPolicy(house, draft(house))
    await policy.start()
    try:
        await policy.push_facts(targets)
        yield policy
    finally:
        await policy.stop()


@asynccontextmanager
async def open_office(house: Settings, policy: OpaPolicy) -> AsyncIterator[tuple[ShadowOffice, LogBook]]:
    with open_book(house) as book:
        office = ShadowOffice(house, book, policy)
        try:
            yield office, book
        finally:
            await office.close()


async def compared(office: ShadowOffice, count: int) -> dict[str, Any]:
    """Wait until that many decisions are dealt with, one way or another."""
    async with asyncio.timeout(20):
        while True:
            found = office.status()
            if found["same"] + found["other"] + found["unanswered"] + found["dropped"] >= count:
                return found
            await asyncio.sleep(0.02)


def pid_of(office: ShadowOffice) -> int:
    pid: int = office._shadow._opa.process.pid  # type: ignore[union-attr, attr-defined]
    return pid


async def test_what_it_would_decide_otherwise_is_counted(
    house: Settings, policy: OpaPolicy, wish: ShadowWish, ask: Ask
) -> None:
    async with open_office(house, policy) as (office, _):
        await office.start(wish, "ana")
        decision = await policy.decide(ask())
        found = await compared(office, 1)

    assert [grant.id for grant in decision.targets] == ["muc/n/w0:m", "ber/n/w0:m", "par/n/w0:m"]
    assert (found["seen"], found["other"], found["closed"], found["weaker"]) == (1, 1, 1, 2)
    closed = next(line for line in found["lines"] if line["kind"] == "closed")
    assert (closed["reason"], closed["destination"], closed["tenant"]) == ("policy.table_denied", "other/FR", "acme")
    assert closed["decisions"] == [decision.id]


async def test_the_policy_in_force_beside_itself_is_the_same(house: Settings, policy: OpaPolicy, ask: Ask) -> None:
    async with open_office(house, policy) as (office, _):
        await office.start(ShadowWish(), "ana")
        for origin in ("DE", "JP", "CN", "FR"):
            await policy.decide(ask(origin=origin))
        found = await compared(office, 4)

    assert (found["same"], found["other"], found["unanswered"]) == (4, 0, 0)


async def test_a_remembered_decision_is_compared_and_not_asked_again(
    house: Settings, policy: OpaPolicy, ask: Ask
) -> None:
    opa = Scripted(b'{"result": 1}')
    shadow = shadow_of(house, opa, lambda sums: None)
    await shadow.start()
    decision = await policy.decide(ask())
    for number in range(5):
        shadow.observe(ask(), replace(decision, id=f"again{number}", remembered_from=decision.id))
    await soon(lambda: shadow.status()["other"] == 5)
    found = shadow.status()
    await shadow.stop()

    assert (found["seen"], found["other"], found["refused"], found["closed"]) == (5, 5, 5, 15)
    assert opa.asked == 4  # once, and once for each target that would be closed


async def test_new_facts_reach_it(
    house: Settings, policy: OpaPolicy, wish: ShadowWish, ask: Ask, targets: tuple[Target, ...]
) -> None:
    async with open_office(house, policy) as (office, _):
        await office.start(wish, "ana")
        await policy.decide(ask("par/n/w0:m"))
        await policy.push_facts([replace(target, jurisdiction="DE") for target in targets])
        await policy.decide(ask("par/n/w0:m", model="other"))
        found = await compared(office, 2)

    assert (found["closed"], found["weaker"], found["unanswered"]) == (1, 1, 0)


async def test_start_sums_and_stop_are_on_record(
    house: Settings, policy: OpaPolicy, wish: ShadowWish, ask: Ask
) -> None:
    async with open_office(house, policy) as (office, _):
        await office.start(wish, "ana")
        decision = await policy.decide(ask())
        await compared(office, 1)
        assert (await office.stop("ben"))["other"] == 1

    found = [record or {} for _, record in records(house)]
    assert [record["type"] for record in found] == [
        "policy.shadow.started",
        "policy.shadow.stopped",
        "policy.shadow",
    ]
    sums: Any = found[-1]["details"]
    assert (sums["seen"], sums["closed"], sums["dropped"]) == (1, 1, 0)
    assert any(decision.id in line["decisions"] for line in sums["lines"])
    assert policy.observer is None


async def test_that_it_ends_with_the_server_is_on_record(
    house: Settings, policy: OpaPolicy, wish: ShadowWish, ask: Ask
) -> None:
    async with open_office(house, policy) as (office, _):
        await office.start(wish, "ana")
        await policy.decide(ask())

    types = [record["type"] for _, record in records(house) if record and str(record["type"]).startswith("policy.")]
    assert types == ["policy.shadow.started", "policy.shadow.stopped", "policy.shadow"]
    assert policy.observer is None


async def test_sums_are_written_each_minute(house: Settings, policy: OpaPolicy, ask: Ask) -> None:
    written: list[dict[str, Any]] = []
    shadow = shadow_of(house, Scripted(), written.append, record_seconds=0.05)
    await shadow.start()
    decision = await policy.decide(ask())
    shadow.observe(ask(), decision)
    await soon(lambda: written)
    await asyncio.sleep(0.1)  # of nothing, nothing is written
    await shadow.stop()

    assert [sums["seen"] for sums in written] == [1]


async def test_sums_wait_for_a_log_that_cannot_be_written(house: Settings, policy: OpaPolicy, ask: Ask) -> None:
    written: list[dict[str, Any]] = []
    refuse = [True]

    def write(sums: dict[str, Any]) -> None:
        if refuse[0]:
            raise AuditUnavailable
        written.append(sums)

    shadow = shadow_of(house, Scripted(), write, record_seconds=0.05)
    await shadow.start()
    shadow.observe(ask(), await policy.decide(ask()))
    await asyncio.sleep(0.2)
    refuse[0] = False
    await shadow.stop()

    assert [sums["seen"] for sums in written] == [1]


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_shadow_killed_or_frozen_changes_and_delays_nothing(
    house: Settings, policy: OpaPolicy, wish: ShadowWish, ask: Ask, fault: signal.Signals
) -> None:
    alone = [(await policy.decide(ask(origin=origin))).targets for origin in ("DE", "JP", "CN")]
    async with open_office(house, policy) as (office, _):
        await office.start(wish, "ana")
        os.kill(pid_of(office), fault)
        began = perf_counter()
        beside = [
            (
                await policy.decide(replace(ask(origin=origin), request=replace(ask().request, endpoint=str(number))))
            ).targets
            for number in range(20)
            for origin in ("DE", "JP", "CN")
        ]
        seconds = perf_counter() - began
        found = office.status()

    assert beside == alone * 20
    assert seconds < 5  # 60 answers; each shadow's question alone may take 2 s
    assert found["seen"] == 60


async def test_a_killed_shadow_comes_back(house: Settings, policy: OpaPolicy, wish: ShadowWish, ask: Ask) -> None:
    async with open_office(house, policy) as (office, _):
        await office.start(wish, "ana")
        await policy.decide(ask())
        await compared(office, 1)
        os.kill(pid_of(office), signal.SIGKILL)
        async with asyncio.timeout(20):
            while office.status()["other"] < 2:
                await policy.decide(ask())
                await asyncio.sleep(0.05)


async def test_a_slow_shadow_drops_and_counts_it(house: Settings, policy: OpaPolicy, ask: Ask) -> None:
    shadow = shadow_of(house, Scripted(seconds=60), lambda sums: None)
    await shadow.start()
    decision = await policy.decide(ask())
    await asyncio.sleep(0)
    began = perf_counter()
    for _ in range(QUEUE + 100):
        shadow.observe(ask(), decision)
    seconds = perf_counter() - began
    found = shadow.status()
    await shadow.stop()

    assert (found["seen"], found["waiting"], found["dropped"]) == (QUEUE + 100, QUEUE, 100)
    assert seconds < 1


async def test_rubbish_is_a_refusal_and_not_a_fault(house: Settings, policy: OpaPolicy, ask: Ask) -> None:
    shadow = shadow_of(house, Scripted(b'{"result": 1}'), lambda sums: None)
    await shadow.start()
    shadow.observe(ask(), await policy.decide(ask()))
    await soon(lambda: shadow.status()["refused"])
    found = shadow.status()
    await shadow.stop()

    assert (found["refused"], found["closed"]) == (1, 3)
    assert found["lines"][0]["reason"] == "policy.malformed"


async def test_a_lost_data_set_is_counted(house: Settings, policy: OpaPolicy, wish: ShadowWish, ask: Ask) -> None:
    for path in (house.state / "policy" / "data").iterdir():
        path.unlink()
    async with open_office(house, policy) as (office, _):
        await office.start(wish, "ana")
        await policy.decide(ask())
        found = await compared(office, 1)

    assert found["unanswered"] == 1


async def test_one_at_a_time_and_none_to_stop(house: Settings, policy: OpaPolicy, wish: ShadowWish) -> None:
    async with open_office(house, policy) as (office, _):
        with pytest.raises(SetupError, match="No shadow runs"):
            await office.stop("ana")
        await office.start(wish, "ana")
        with pytest.raises(SetupError, match="runs already"):
            await office.start(wish, "ana")
        await office.stop("ana")
        assert office.status() == {"running": False}


async def test_one_that_does_not_come_up_is_refused_and_on_record(
    house: Settings, policy: OpaPolicy, tmp_path: Path
) -> None:
    bad = tmp_path / "bundle.tar.gz"
    bad.write_bytes(b"no bundle")
    async with open_office(house, policy) as (office, _):
        with pytest.raises(SetupError):
            await office.start(ShadowWish(str(bad)), "ana")
        assert policy.observer is None
        assert office.status() == {"running": False}


class Scripted:
    """An OPA that answers as it is told, after a while; it has any facts at once."""

    def __init__(self, answer: bytes = b"{}", seconds: float = 0.0) -> None:
        self.in_force: tuple[str, ...] = ()
        self._answer, self._seconds = answer, seconds
        self.asked = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def push(self, facts: Mapping[str, Any]) -> None:
        self.in_force = ("f",)

    async def ask(self, question: PolicyInput) -> bytes:
        self.asked += 1
        await asyncio.sleep(self._seconds)
        return self._answer


def shadow_of(
    house: Settings, opa: Scripted, write: Callable[[dict[str, Any]], None], record_seconds: float = 60.0
) -> Shadow:
    datasets = DataSets(house.state / "policy" / "data")
    return Shadow(opa, find(house), datasets, write, record_seconds)
