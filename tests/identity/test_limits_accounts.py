"""Limits of projects, tenants and models, budgets, the ledger that keeps them, and changes to all of it."""

from __future__ import annotations

import os
import resource
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import pytest

from gateway.domain import Caller, Role, Usage
from gateway.errors import BadRequest, LimitExceeded, QuotaExceeded, SetupError, Unavailable
from gateway.http.standing import duration, standing_headers
from gateway.http.wire import error_body, error_headers
from gateway.identity.bounds import Change, Rules
from gateway.identity.ledger import Calendar, Ledger
from gateway.identity.limits import OwnLimits, OwnReservation
from gateway.identity.limits_office import LimitsOffice
from gateway.settings import BoundSettings, LimitSettings, PriceSettings

T = TypeVar("T")


class WallClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def caller(key: str = "k1", tenant: str = "t", project: str = "p") -> Caller:
    return Caller(key, tenant, project, (Role.APP,), "general", "site", "DE", "DE", "DE")


def done(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never waits: in between, no other request can come."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("it waited")


def limits(ledger: Ledger | None = None, **said: Any) -> OwnLimits:
    return OwnLimits(Rules(LimitSettings(**said)), ledger)


def use(limited: OwnLimits, tokens: int, by: Caller | None = None, model: str = "m") -> OwnReservation:
    reservation = done(limited.reserve(by or caller()))
    done(reservation.reserve_tokens(tokens, model))
    return reservation


def test_ten_thousand_requests_take_exactly_what_there_is() -> None:
    limited, taken = limits(tokens_per_day=7000, concurrent_requests=20_000), 0
    for _ in range(10_000):
        try:
            use(limited, 1).settle(Usage(1, 0))
            taken += 1
        except QuotaExceeded:
            continue
    assert taken == 7000


@pytest.mark.parametrize(
    "said",
    [
        {"projects": {"t/p": BoundSettings(concurrent_requests=1)}},
        {"tenants": {"t": BoundSettings(concurrent_requests=1)}},
        {"tenants": {"t": BoundSettings(requests_per_minute=1)}},
        {"keys": {"k2": BoundSettings(tokens_per_minute=0)}, "models": {"m": BoundSettings(concurrent_requests=1)}},
    ],
)
def test_one_keys_requests_count_for_all_who_share_an_account(said: dict[str, Any]) -> None:
    limited = limits(**said)
    use(limited, 1)
    with pytest.raises(LimitExceeded):
        use(limited, 1, caller("k2"))
    use(limited, 1, caller("k3", tenant="other"), model="another")


def test_who_is_refused_by_one_account_takes_nothing_of_the_others() -> None:
    limited = limits(tokens_per_minute=100, tenants={"t": BoundSettings(tokens_per_day=10)})
    with pytest.raises(QuotaExceeded):
        use(limited, 11)
    assert limited.account("key:k1").held == 0
    assert limited.account("model:m").open == 0


def test_money_is_counted_at_the_models_price_and_rounded_up() -> None:
    limited = limits(money_per_month=100, prices={"m": PriceSettings(input=1_500_000, output=3_000_000)})
    first = use(limited, 33)  # 99 at most
    with pytest.raises(QuotaExceeded):
        use(limited, 1)
    first.settle(Usage(1, 10))  # 1.5 + 30, rounded up
    assert limited.ledger.sums("key:k1") == [11, 32, 11, 32]


def test_money_without_a_price_is_refused() -> None:
    with pytest.raises(Unavailable) as refusal:
        use(limits(money_per_day=100), 1)
    assert refusal.value.code == "limits.no_price"


def test_a_used_up_budget_is_told_as_openai_tells_it() -> None:
    with pytest.raises(QuotaExceeded) as refusal:
        use(limits(tokens_per_month=5), 6)
    told = error_body(refusal.value)["error"]
    assert (refusal.value.status, told["type"], told["code"]) == (429, "insufficient_quota", "insufficient_quota")
    headers = dict(error_headers(refusal.value))
    assert headers == {b"x-should-retry": b"false", b"x-sekisho-code": b"limits.tokens_per_month"}


def test_a_full_minute_is_told_as_openai_tells_it_with_what_is_left() -> None:
    limited = limits(requests_per_minute=1)
    done(limited.reserve(caller()))
    with pytest.raises(LimitExceeded) as refusal:
        done(limited.reserve(caller()))
    told = error_body(refusal.value)["error"]
    assert (told["type"], told["code"]) == ("requests", "rate_limit_exceeded")
    assert dict(error_headers(refusal.value))[b"x-should-retry"] == b"true"
    headers = dict(standing_headers(refusal.value.standing))  # type: ignore[arg-type]
    assert headers[b"x-ratelimit-remaining-requests"] == b"0"


def test_what_is_left_is_that_of_the_tightest_account() -> None:
    limited = limits(requests_per_minute=100, tokens_per_minute=50, tenants={"t": BoundSettings(requests_per_minute=5)})
    headers = dict(standing_headers(use(limited, 20).standing()))
    assert headers[b"x-ratelimit-limit-requests"] == b"5"
    assert headers[b"x-ratelimit-remaining-requests"] == b"4"
    assert headers[b"x-ratelimit-remaining-tokens"] == b"30"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0ms"), (0.12, "120ms"), (1.5, "1.5s"), (60, "1m0s"), (3661, "1h1m1s"), (-1, "0ms")]
)
def test_durations_are_written_as_openai_writes_them(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_what_was_used_outlives_a_killed_process(tmp_path: Path) -> None:
    clock = WallClock()
    first = limits(Ledger(tmp_path, Calendar(UTC, clock)), tokens_per_day=100)
    use(first, 80).settle(Usage(50, 10))
    use(first, 40)  # open when it is killed: given back
    with (tmp_path / "2026-01.tsv").open("a") as file:
        file.write("2026-01-31\tk1\tt/p")  # a line that was cut off
    again = limits(Ledger(tmp_path, Calendar(UTC, clock)), tokens_per_day=100)
    assert again.ledger.sums("tenant:t") == [60, 0, 60, 0]
    with pytest.raises(QuotaExceeded):
        use(again, 41)
    use(again, 40)


def test_a_day_and_a_month_begin_by_the_sites_clock(tmp_path: Path) -> None:
    clock = WallClock()
    limited = limits(Ledger(tmp_path, Calendar(ZoneInfo("Asia/Tokyo"), clock)), tokens_per_day=10, tokens_per_month=15)
    use(limited, 10).settle(Usage(10, 0))
    clock.now = datetime(2026, 1, 31, 15, tzinfo=UTC)  # the first of February in Tokyo
    use(limited, 10).settle(Usage(10, 0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-01.tsv", "2026-02.tsv"]
    clock.now += timedelta(days=1)
    use(limited, 5).settle(Usage(5, 0))
    with pytest.raises(QuotaExceeded) as refusal:
        use(limited, 1)
    assert refusal.value.code == "limits.tokens_per_month"


def test_a_damaged_ledger_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "2026-01.tsv").write_text("2026-01-01\tk\tt/p\tm\t1\t0\nnonsense\n")
    with pytest.raises(SetupError, match="line 2"):
        Ledger(tmp_path, Calendar(UTC, WallClock()))


def test_who_has_a_budget_is_refused_while_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "usage"
    limited = limits(Ledger(folder, Calendar(UTC, WallClock())), keys={"k1": BoundSettings(tokens_per_day=100)})
    limited.ledger.close()  # whatever is written now fails
    use(limited, 1).settle(Usage(1, 0))
    folder.rename(tmp_path / "gone")
    with pytest.raises(Unavailable) as refusal:
        use(limited, 1)
    assert refusal.value.code == "limits.unavailable"
    use(limited, 1, caller("k2"))  # has no budget
    (tmp_path / "gone").rename(folder)
    use(limited, 1)
    assert Ledger(folder, Calendar(UTC, WallClock())).sums("key:k1")[0] == 1


class Diary:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, type: str, **details: Any) -> None:
        self.events.append((type, details))

    async def durable(self) -> None:
        self.events.append(("durable", {}))


def office(path: Path, limited: OwnLimits, diary: Diary) -> LimitsOffice:
    return LimitsOffice(path, lambda changes: Rules(limited.rules.settings, changes), limited, diary)


async def test_a_change_is_on_record_then_in_effect_and_survives_a_restart(tmp_path: Path) -> None:
    limited, diary, path = limits(tokens_per_day=100), Diary(), tmp_path / "state" / "limits.json"
    told = await office(path, limited, diary).change("key:k1", Change(tokens_per_day=5), by="ana")
    assert [name for name, _ in diary.events] == ["limits.changed", "durable"]
    assert diary.events[0][1]["details"]["before"]["tokens_per_day"] == 100
    assert (told["bounds"]["tokens_per_day"], told["changed"]) == (5, ["tokens_per_day"])
    again = limits(tokens_per_day=100)
    there = office(path, again, diary)
    with pytest.raises(QuotaExceeded):
        use(again, 6)
    await there.change("key:k1", None, by="ana")
    use(again, 100)


async def test_a_change_of_another_process_is_taken_over(tmp_path: Path) -> None:
    path, here, there = tmp_path / "limits.json", limits(), limits()
    watching = office(path, here, Diary())
    await office(path, there, Diary()).change("tenant:t", Change(requests_per_minute=1), by="ana")
    watching._look()
    assert here.rules.of("tenant:t").requests_per_minute == 1


async def test_a_name_of_no_account_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as refusal:
        await office(tmp_path / "limits.json", limits(), Diary()).change("nobody", Change(), by="ana")
    assert refusal.value.code == "limits.account"


@contextmanager
def a_full_disk() -> Iterator[None]:
    """No file of this process grows."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_refuses_each_request_keeps_no_file_open_and_goes_on_by_itself(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add("k1", "t/p", "m", 10, 5)
    with a_full_disk():
        ledger.add("k1", "t/p", "m", 10, 5)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            with pytest.raises(Unavailable):
                ledger.refuse_broken()
        assert len(os.listdir("/proc/self/fd")) == before

    ledger.refuse_broken()
    ledger.close()
    again = Ledger(tmp_path)
    assert sum(tokens for _, tokens, _ in again.rows()) == 20
    again.close()
