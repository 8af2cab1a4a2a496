"""The process that runs batches is asked to stop, just when a line may begin: it stops, and the permit is not lost."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from batch_site import BatchSite

from gateway.http.batches import parse_line
from gateway.kept.batch_runner import BatchRunner


@pytest.mark.parametrize("steps", range(-6, 12))
async def test_it_stops_when_a_permit_is_given_about_then(tmp_path: Path, steps: int) -> None:
    """``steps``: how many of the loop after the order to stop the permit is given."""
    site = BatchSite(tmp_path, parallel=1)
    batch_id = await site.made(3)
    runner = BatchRunner(site.batches, site, site.lock, partial(parse_line, most_bytes=1000, max_depth=20), 1000)
    permits = runner.lines
    await permits.acquire()
    running = asyncio.ensure_future(runner.run())
    async with asyncio.timeout(5):
        while not permits._waiters:  # noqa: ASYNC110 the library tells of it in no other way
            await asyncio.sleep(0.001)
    site.held = 1  # a line that begins nevertheless waits for ever

    orders = sorted([(0, "stop"), (steps, "permit")])
    for now in range(orders[0][0], orders[1][0] + 1):
        for at, order in orders:
            if at == now:
                running.cancel() if order == "stop" else permits.release()
        await asyncio.sleep(0)
    done, _ = await asyncio.wait([running], timeout=5)

    assert done
    assert running.cancelled()
    async with asyncio.timeout(1):
        await permits.acquire()
    site.held = 0
    async with site.running():
        batch = await site.over(batch_id)
    assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
