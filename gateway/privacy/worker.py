"""Threads that do slow work under a deadline, for callers on the event loop.

A thread can't be stopped from outside. So when a job misses its deadline its caller gets the refusal at once, the
thread is written off (a *stray*: it ends by itself when the job does) and a fresh one takes its place. With
:data:`MOST_STRAYS` of them still running no further thread is started for them: the pool says that it is not ready
instead of filling the machine with lost work.

A job may ask for a hand (:meth:`Pool.lend`): a thread that is free then does a part of it. One that helps a job which
missed its deadline has :data:`GRACE_SECONDS` to notice before it is written off too.

Threads are daemons: a job that hangs must not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MOST_STRAYS = 2
GRACE_SECONDS = 1.0


class Busy(Exception):
    """As many jobs wait as may wait."""


class NotReady(Exception):
    """No thread can take a job: not started, stopped, failed to load, or too many strays."""


class Abandoned(Exception):
    """Raised inside a job by its ``proceed``: nobody waits for it any more."""


@dataclass(eq=False)
class _Job:
    work: Callable[[Any, Callable[[], None]], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    wanted: bool = True
    thread: _Thread | None = None
    helpers: set[_Thread] = field(default_factory=set)

    def proceed(self) -> None:
        if not self.wanted:
            raise Abandoned

    def settle(self, result: Any, error: BaseException | None) -> None:
        """Hand over the result; called in the job's thread."""
        if self.wanted:
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody is left to tell
                self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.answer.done():
            return
        if error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(result)


@dataclass(eq=False)
class _Help:
    """A part of a job, for a thread that has nothing else to do. ``work`` keeps its errors to itself."""

    work: Callable[[Any], None]
    job: _Job


@dataclass(eq=False)
class _Thread:
    """One thread with a tool of its own (``load`` is called in it)."""

    pool: Pool
    loaded: threading.Event = field(default_factory=threading.Event)
    working: bool = False
    written_off: bool = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="sekisho-detector", daemon=True).start()

    def _run(self) -> None:
        try:
            tool = self.pool.load()
            self.working = True
        except Exception as error:  # outermost edge of the thread: the pool counts it as missing
            self.pool.failure = error
            self.pool.forget(self)
            return
        finally:
            self.loaded.set()
        while not self.written_off and self._do_next(tool):
            pass
        self.pool.forget(self)

    def _do_next(self, tool: Any) -> bool:
        """Wait for a job and do it; False when there will be none. A method, so that no text is kept while waiting."""
        job = self.pool.jobs.get()
        if isinstance(job, _Help):
            self._help(job, tool)
        elif job is not None and job.wanted:
            self._do(job, tool)
        return job is not None

    def _help(self, part: _Help, tool: Any) -> None:
        if not part.job.wanted:
            return
        part.job.helpers.add(self)
        try:
            part.work(tool)
        finally:
            part.job.helpers.discard(self)

    def _do(self, job: _Job, tool: Any) -> None:
        job.thread = self
        self.pool.here.job = job
        try:
            result = job.work(tool, job.proceed)
        except Exception as error:  # outermost edge of the thread: the error goes to whoever awaits the job
            job.settle(None, error)
        else:
            job.settle(result, None)
        finally:
            job.thread = self.pool.here.job = None


class Pool:
    """Runs jobs in threads. Every method but :meth:`forget` and :meth:`lend` is for the event loop's thread.

    Args:
        load: makes a thread's own tool, in that thread; seconds are fine. It raises when there is none.
        threads: how many jobs run at once.
        most_waiting: how many may wait beside those.
    """

    def __init__(self, load: Callable[[], Any], threads: int = 2, most_waiting: int = 64) -> None:
        self.load = load
        self.failure: Exception | None = None  # why a thread could not load
        self.jobs: queue.SimpleQueue[_Job | _Help | None] = queue.SimpleQueue()
        self.here = threading.local()  # ``job``: what the present thread is at
        self._size = threads
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._threads: list[_Thread] = []
        self._strays: list[_Thread] = []

    async def start(self) -> None:
        """Start all threads; returns when each has loaded or failed to."""
        fresh = [self._add() for _ in range(self._size)]
        await asyncio.to_thread(lambda: [thread.loaded.wait() for thread in fresh])

    def stop(self) -> None:
        """Let every thread end after its present job. Waiting jobs are not done any more."""
        with self._lock:
            self._size = 0
            count = len(self._threads)
            self._threads.clear()
        for _ in range(count):
            self.jobs.put(None)

    def ready(self) -> bool:
        return any(thread.working for thread in self._threads)

    async def run(self, work: Callable[[Any, Callable[[], None]], Any], timeout_seconds: float) -> Any:
        """Return ``work(tool, proceed)``, done in a thread; ``proceed`` raises when the caller has gone.

        Raises:
            NotReady, Busy: nothing was done.
            TimeoutError: not done in time, waiting included; its thread is replaced if it was at it.
            Exception: what ``work`` raised.
        """
        if not self.ready():
            raise NotReady
        if self.jobs.qsize() >= self._most_waiting:
            raise Busy
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        self.jobs.put(job)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await job.answer
        except TimeoutError:
            self._write_off(job.thread)
            loop.call_later(GRACE_SECONDS, self._write_off_helpers, job)
            raise
        finally:
            job.wanted = False

    def lend(self, work: Callable[[Any], None]) -> None:
        """Have another thread do ``work(tool)`` too, if one is free; called by a job, in its thread.

        It may come late or never. ``work`` MUST raise nothing.
        """
        job: _Job | None = getattr(self.here, "job", None)
        if job is not None and self._size > 1 and self.jobs.empty():
            self.jobs.put(_Help(work, job))

    def _write_off_helpers(self, job: _Job) -> None:
        for thread in [*job.helpers]:
            self._write_off(thread)

    def _write_off(self, thread: _Thread | None) -> None:
        with self._lock:
            if thread is None or thread not in self._threads:
                return
            thread.written_off = True
            self._threads.remove(thread)
            self._strays.append(thread)
            full = len(self._strays) > MOST_STRAYS
        if not full:
            self._add()

    def forget(self, thread: _Thread) -> None:
        """A thread has ended; called by it. A stray makes room for the one that was not started in its place."""
        with self._lock:
            was_stray = thread in self._strays
            self._threads = [other for other in self._threads if other is not thread]
            self._strays = [other for other in self._strays if other is not thread]
            missing = was_stray and len(self._threads) < self._size
        if missing:
            self._add()

    def _add(self) -> _Thread:
        thread = _Thread(self)
        with self._lock:
            self._threads.append(thread)
        thread.start()
        return thread
