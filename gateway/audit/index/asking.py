"""Searches from within the server, answered by a process of their own: started at the first one, ended when idle."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from pathlib import Path

import msgspec

from gateway.audit.index.answer import LENGTH_BYTES, Answer, Ask
from gateway.audit.index.query import Query, WrongQuery
from gateway.audit.index.search import Page
from gateway.audit.index.spawn import collect, spawn
from gateway.errors import AuditFinal, AuditUnavailable

IDLE_SECONDS = 60.0
ANSWER_SECONDS = 60.0
_FAILED = "The audit log could not be searched."
_ROOT = Path(__file__).resolve().parent.parent.parent.parent
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
_MOST_BYTES = 256 * 1024 * 1024


class Asking:
    """One instance per server. Searches wait for each other: one process, one core at most.

    Args:
        audit: the audit folder.
        folder: where the indexes lie.
    """

    def __init__(self, audit: Path, folder: Path) -> None:
        self._folders = (str(audit), str(folder))
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def page(self, query: Query, limit: int, after: str) -> tuple[Page, dict[str, object]]:
        """Return a page of a search, and, for the first one, its filters as they go on record.

        Raises:
            WrongQuery: ``after`` is no cursor of this query.
            AuditUnavailable: the log cannot be read, or not in time.
        """
        async with self._turn:
            answer = await self._ask(Ask.of(query, limit, after))
        if answer.wrong:
            raise WrongQuery(answer.wrong)
        if answer.page is None:
            message = "The audit log cannot be read."
            raise AuditUnavailable(message) if answer.passing else AuditFinal(message)
        return answer.page, answer.filters

    async def close(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        self._end()
        while self._ending:
            await asyncio.wait(self._ending)

    async def _ask(self, ask: Ask) -> Answer:
        """Ask once. A process whose answer was not waited for would answer the next question with it: it is ended."""
        if self._idle is not None:
            self._idle.cancel()
        whole = False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                said = await _exchange(await self._running(), msgspec.json.encode(ask) + b"\n")
            answer = msgspec.msgpack.decode(said, type=Answer)
            whole = True
        except asyncio.IncompleteReadError as error:  # it was killed; the next question starts another
            raise AuditUnavailable(_FAILED) from error
        except (OSError, msgspec.DecodeError) as error:  # TimeoutError is an OSError
            raise AuditUnavailable.because(error, _FAILED) from error
        finally:
            if not whole:
                self._end()
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end)
        return answer

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            command = (sys.executable, "-m", "gateway.audit.index.answer", *self._folders)
            self._process = await spawn(*command, cwd=_ROOT, env=_ENVIRONMENT)
        return self._process

    def _end(self) -> None:
        """Kill the process; a task collects it."""
        process, self._process = self._process, None
        if process is not None:
            collecting = asyncio.get_running_loop().create_task(collect(process), name="audit-search-end")
            self._ending.add(collecting)
            collecting.add_done_callback(self._ending.discard)


async def _exchange(process: Process, line: bytes) -> bytes:
    """Write a question and read its answer. Raises OSError, IncompleteReadError."""
    if process.stdin is None or process.stdout is None:
        raise OSError("no pipes")
    process.stdin.write(line)
    await process.stdin.drain()
    length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
    if length > _MOST_BYTES:
        raise OSError("too long an answer")
    return await process.stdout.readexactly(length)
