"""What is kept, while the house is open: stored, searched for whom it names, ended; put together of its parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from contextlib import AsyncExitStack, suppress
from typing import Any

import orjson

from gateway.audit.content.ends import prune_hourly
from gateway.audit.content.room import ContentRoom
from gateway.audit.content.seal import Head
from gateway.audit.content.searching import search_answers
from gateway.audit.content.store import SideStore
from gateway.audit.shelf import Shelf
from gateway.http.answer_texts import texts_of_answer
from gateway.keeping import named_in
from gateway.privacy.door import Privacy
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics

UNSEARCHED = "sekisho_content_unsearched", "Kept answers in which nobody has looked yet for whom they name."


def content(
    stack: AsyncExitStack, settings: Settings, side: SideStore, book: Shelf, privacy: Privacy, metrics: Metrics
) -> ContentRoom:
    """Return the side store's room. What has ended in it is destroyed each hour; its answers are searched."""
    room = ContentRoom(side, settings.origin)
    stack.callback(room.close)
    pruning = asyncio.get_running_loop().create_task(prune_hourly(side, book), name="content-ends")
    stack.callback(pruning.cancel)
    search_kept_answers(stack, side, privacy)
    metrics.watch_value(*UNSEARCHED, lambda: len(side.unsearched.waiting()))
    return room


def search_kept_answers(stack: AsyncExitStack, side: SideStore, privacy: Privacy) -> None:
    """Search what is kept from now on, until the stack's end."""

    async def names_in(head: Head, content: bytes) -> Collection[str]:
        return await named_in(privacy, head.tenant, head.project, texts_of_answer(_read(content)))

    task = asyncio.get_running_loop().create_task(search_answers(side, names_in), name="kept-answers")

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


def _read(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # a lone surrogate, for which no character stands
        return json.loads(json.dumps(json.loads(content), ensure_ascii=False).encode("utf-8", "replace"))
