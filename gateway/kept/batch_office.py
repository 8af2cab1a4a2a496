"""Batches as those see them who run the house: whose each is, how far, and an end to it. Never what stands in one.

A view has no text of a caller's: no prompt, no answer, no file's name, no ``metadata``. Who ends another's batch says
why, and is on record before any line is held back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import AuditUnavailable
from gateway.kept.batches import KeptBatches, state_in
from gateway.kept.files import read_item
from gateway.kept.files_door import BATCH, MOMENTS, OVER, State, StoredBatch

MOST_SHOWN = 1000


class Wish(msgspec.Struct, frozen=True):
    """Which batches are asked for: of one tenant or of all, only those that are not over, ``limit`` after one's id."""

    tenant: str = ""
    unfinished: bool = False
    limit: int = 100
    after: str = ""


class BatchOffice:
    """All batches of a data folder, whoever made them."""

    def __init__(self, batches: KeptBatches) -> None:
        self._batches = batches

    async def page(self, wish: Wish) -> dict[str, Any]:
        """Return ``{"data": [view, …], "next": id}``, newest first; ``next`` is empty at the end."""
        return await asyncio.to_thread(self._page, wish)

    async def find(self, batch_id: str) -> dict[str, Any]:
        """Return one view. Raises BatchNotFound, AuditUnavailable."""
        return await asyncio.to_thread(lambda: _view(*self._batches.any(batch_id)))

    async def cancel(self, batch_id: str, by: str, reason: str) -> dict[str, Any]:
        """End a batch as its caller could; once is enough. Return its view.

        Raises:
            BatchNotFound
            BadRequest: it is over, or about to be.
            AuditUnavailable: that could not be put on record; it goes on.
        """
        batch, state = await asyncio.to_thread(self._batches.any, batch_id)
        if state.status != "cancelling":
            await self._batches.end(batch, state, by=by, details={"reason": reason})
        return await self.find(batch_id)

    def _page(self, wish: Wish) -> dict[str, Any]:
        shown: list[dict[str, Any]] = []
        for home in self._homes(wish):
            view = self._of(home, wish.unfinished)
            if view is None:
                continue
            if len(shown) == min(wish.limit, MOST_SHOWN):
                return {"data": shown, "next": shown[-1]["id"]}
            shown.append(view)
        return {"data": shown, "next": ""}

    def _homes(self, wish: Wish) -> Iterator[Path]:
        before = wish.after.removeprefix(BATCH)
        for home in sorted(self._batches.folder.glob("*/*/*"), key=lambda path: path.name, reverse=True):
            if (not before or home.name < before) and wish.tenant in ("", home.parent.parent.name):
                yield home

    def _of(self, home: Path, unfinished: bool) -> dict[str, Any] | None:
        """Return the view of a batch by its folder; ``None`` where it is gone, or is not asked for."""
        try:
            state = state_in(home)
            if state is None or (unfinished and state.status in OVER):
                return None
            batch = read_item(self._batches.files.store, home.name, "batch", StoredBatch)
            return None if batch is None else _view(batch, self._batches.with_wish(batch, state))
        except AuditUnavailable as error:  # of the others can be told all the same
            whose = {"tenant": home.parent.parent.name, "project": home.parent.name}
            return {"id": BATCH + home.name, **whose, "status": "unreadable", "problem": error.code}


def _view(batch: StoredBatch, state: State) -> dict[str, Any]:
    moments = {f"{name}_at": _time(state.times[f"{name}_at"]) for name in MOMENTS if f"{name}_at" in state.times}
    return {
        "id": batch.id,
        **msgspec.to_builtins(batch.owner),
        "status": state.status,
        "endpoint": batch.wanted.endpoint,
        "model": state.model,
        "created_at": _time(batch.created_at),
        "expires_at": _time(batch.expires_at),
        **moments,
        "request_counts": {"total": state.total, "completed": state.completed, "failed": state.failed},
        "errors": [{"code": fault.code, "line": fault.line} for fault in state.errors],
        "shown_in": batch.shown_in,
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
