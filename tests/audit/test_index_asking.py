"""Searches from within the server: a process answers them, and a fault in it is a refusal, never another's answer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from many_records import Logs

from gateway.audit.index import asking
from gateway.audit.index.asking import Asking
from gateway.audit.index.query import Query, WrongQuery
from gateway.errors import AuditUnavailable


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    made = Logs(tmp_path)
    made.write(200, "node1/w0/default")
    return made


@pytest.fixture
async def asked(logs: Logs) -> AsyncIterator[Asking]:
    made = Asking(logs.audit, logs.index)
    yield made
    await made.close()


DENIED, ALLOWED = Query({"decision": ("denied",)}), Query({"decision": ("allowed",)}, oldest_first=True)


async def test_searches_at_once_get_each_their_own_answer(asked: Asking, logs: Logs) -> None:
    pages = await asyncio.gather(*(asked.page(query, 1000, "") for query in (DENIED, ALLOWED) * 4))

    for query, (page, filters) in zip((DENIED, ALLOWED) * 4, pages, strict=True):
        assert page.records == logs.expected(query)
        assert filters == {"decision": list(query.words["decision"])}


async def test_a_search_that_was_given_up_does_not_answer_the_next_one(asked: Asking, logs: Logs) -> None:
    for _ in range(3):
        given_up = asyncio.ensure_future(asked.page(DENIED, 1000, ""))
        await asyncio.sleep(0.01)
        given_up.cancel()

        page, _ = await asked.page(ALLOWED, 1000, "")

        assert page.records == logs.expected(ALLOWED)


async def test_a_process_that_died_is_a_refusal_once(asked: Asking, logs: Logs) -> None:
    await asked.page(DENIED, 1, "")
    process = asked._process
    assert process
    os.kill(process.pid, signal.SIGSTOP)
    waiting = asyncio.ensure_future(asked.page(DENIED, 1, ""))
    await asyncio.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(AuditUnavailable):
        await waiting
    assert (await asked.page(DENIED, 1, ""))[0].records


async def test_one_that_does_not_answer_in_time_is_ended(
    asked: Asking, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.0)
    with pytest.raises(AuditUnavailable):
        await asked.page(DENIED, 1, "")
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 20.0)

    assert (await asked.page(DENIED, 1, ""))[0].records


async def test_an_idle_one_goes_and_comes_again(asked: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "IDLE_SECONDS", 0.0)
    await asked.page(DENIED, 1, "")
    process = asked._process
    assert process
    async with asyncio.timeout(10):
        await process.wait()

    assert (await asked.page(DENIED, 1, ""))[0].records


async def test_what_is_wrong_with_a_search_is_told(asked: Asking) -> None:
    with pytest.raises(WrongQuery, match="cursor"):
        await asked.page(DENIED, 1, "x")
