"""What a caller is told of a log that cannot be written: try again only where that can help on this process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.audit.log.committer import _resolve
from gateway.audit.log.trouble import DISK_FULL, KEY_SILENT, TAMPERED, UNAVAILABLE, Trouble
from gateway.errors import AuditUnavailable
from gateway.http.wire import error_headers


def said(error: AuditUnavailable) -> tuple[bytes, bool]:
    headers = dict(error_headers(error))
    return headers[b"x-should-retry"], b"retry-after" in headers


@pytest.mark.parametrize("code", [UNAVAILABLE, TAMPERED, DISK_FULL, KEY_SILENT])
@pytest.mark.parametrize(("passing", "answer"), [(True, (b"true", True)), (False, (b"false", False))])
def test_only_what_passes_by_itself_says_that_a_retry_helps(
    tmp_path: Path, code: str, passing: bool, answer: tuple[bytes, bool]
) -> None:
    trouble = Trouble("berlin/node1/w0/default", tmp_path / "note")
    (trouble.wait if passing else trouble.stop)(code, "what happened")

    assert trouble.error().code == code
    assert said(trouble.error()) == said(trouble.refuse()) == answer


def test_a_log_that_stops_after_it_waited_no_longer_says_retry(tmp_path: Path) -> None:
    trouble = Trouble("berlin/node1/w0/default", tmp_path / "note")
    trouble.wait(DISK_FULL, "full")
    trouble.stop(UNAVAILABLE, "then broken")

    assert said(trouble.error()) == (b"false", False)


@pytest.mark.parametrize("passing", [True, False])
async def test_those_who_wait_for_the_disk_are_told_the_same(tmp_path: Path, passing: bool) -> None:
    trouble = Trouble("berlin/node1/w0/default", tmp_path / "note")
    (trouble.wait if passing else trouble.stop)(UNAVAILABLE, "what happened")
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    _resolve([future], trouble.error())

    with pytest.raises(AuditUnavailable) as refusal:
        await future
    assert said(refusal.value) == said(trouble.error())
