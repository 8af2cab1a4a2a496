"""A long text's parts are searched by whoever is free; what comes of it does not hang on who that was."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gateway.privacy.share import Share
from gateway.privacy.worker import Pool


def squared(number: int, tool: str) -> int:
    return number * number


def fail(tool: str) -> int:
    raise ArithmeticError


def share_of(count: int) -> Share[str, int]:
    return Share([partial(squared, number) for number in range(count)])


def test_results_come_in_order_without_help() -> None:
    assert share_of(5).finish("own", lambda: None) == [0, 1, 4, 9, 16]


def test_results_come_in_order_with_help() -> None:
    share = share_of(5_000)
    helpers = [threading.Thread(target=share.work, args=("other",)) for _ in range(3)]
    for helper in helpers:
        helper.start()
    assert share.finish("own", lambda: None) == [number * number for number in range(5_000)]
    for helper in helpers:
        helper.join()


def test_help_that_comes_late_finds_nothing_to_do() -> None:
    share = share_of(3)
    found = share.finish("own", lambda: None)
    share.work("late")
    assert found == [0, 1, 4]


@pytest.mark.parametrize("by", ["own", "other"])
def test_an_error_is_raised_by_whoever_wants_the_results(by: str) -> None:
    share: Share[str, int] = Share([fail, partial(squared, 2)])
    if by == "other":
        share.work("other")
    with pytest.raises(ArithmeticError):
        share.finish("own", lambda: None)


def test_nobody_waits_for_help_when_the_search_is_not_wanted_any_more() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(tool: str) -> int:
        begun.set()
        go_on.wait(10)
        return 1

    def stop() -> None:
        raise InterruptedError

    share = Share([slow])
    helper = threading.Thread(target=share.work, args=("other",))
    helper.start()
    begun.wait(10)
    with pytest.raises(InterruptedError):
        share.finish("own", stop)
    go_on.set()
    helper.join()


async def pool_of(threads: int) -> Pool:
    pool = Pool(threading.get_ident, threads)
    await pool.start()
    return pool


def met(pool: Pool) -> Callable[[Any, Callable[[], None]], set[int]]:
    """Return a job whose two tasks wait for each other for a moment: two threads see each other, one does not."""

    def work(own: int, proceed: Callable[[], None]) -> set[int]:
        both = threading.Barrier(2)

        def task(tool: int) -> int:
            with contextlib.suppress(threading.BrokenBarrierError):  # nobody else came
                both.wait(0.5)
            return tool

        share = Share([task, task])
        pool.lend(share.work)
        return set(share.finish(own, proceed))

    return work


@pytest.mark.parametrize("threads", [1, 2])
async def test_a_free_thread_helps_with_its_own_tool(threads: int) -> None:
    pool = await pool_of(threads)
    try:
        assert len(await pool.run(met(pool), 20)) == threads
    finally:
        pool.stop()


async def test_a_helper_that_hangs_is_replaced_with_the_job_that_it_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.privacy.worker.GRACE_SECONDS", 0.05)
    pool, go_on = await pool_of(2), threading.Event()

    def wait(tool: int) -> None:
        go_on.wait(20)

    def hang(own: int, proceed: Callable[[], None]) -> None:
        pool.lend(wait)
        wait(own)

    with pytest.raises(TimeoutError):
        await pool.run(hang, 0.2)
    await asyncio.sleep(0.5)
    try:
        assert len(await pool.run(met(pool), 20)) == 2
    finally:
        go_on.set()
        pool.stop()


@pytest.mark.parametrize("last", [True, False])
def test_a_part_whose_thread_ended_amid_it_is_never_nothing_found(last: bool) -> None:
    def end(tool: str) -> int:
        raise SystemExit

    tasks: list[Callable[[str], int]] = [partial(squared, 2)]
    share = Share([*tasks, end] if last else [end, *tasks])
    with pytest.raises(SystemExit):
        share.work("other")
    with pytest.raises(RuntimeError):
        share.finish("own", lambda: None)
