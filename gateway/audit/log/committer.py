"""Group commit: one thread that syncs for everybody who waits, and one that signs what was synced.

Whoever writes wakes the first; while it syncs, others write; the next sync covers all of them. Waiters live in asyncio:
each loop is woken once per sync, not once per waiter. Signing has its own thread, so that a head, its tiles and the
key's holder hold up no sync that somebody waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

from gateway.errors import AuditFinal, AuditUnavailable

_Waiter = tuple[int, "asyncio.Future[None]"]


class Committer:
    """Runs ``sync`` in its thread, when woken and at least every ``tick_seconds``, and ``rest`` in another, when due.

    Args:
        sync: puts everything written so far on stable storage, returns how many records that is. Raises
            AuditUnavailable: nothing of it may be acknowledged.
        rest: work that nobody waits for; it may run beside ``sync``. MUST NOT raise.
        is_due: whether there is any of it now. Asked after each sync: a thread woken for nothing costs those who wait.
        tick_seconds: longest time between two rounds.
        gone: told in what words, where a bug ends one of the threads. Whoever waits then, or comes, is told for good.

    ``orderly`` says, at the end, that the threads did all they had to.
    """

    def __init__(
        self,
        sync: Callable[[], int],
        rest: Callable[[], None],
        is_due: Callable[[], bool],
        tick_seconds: float,
        gone: Callable[[str], None],
    ) -> None:
        self._sync = sync
        self._rest = rest
        self._is_due = is_due
        self._tick_seconds = tick_seconds
        self._lock = threading.Lock()
        self._waiters: list[_Waiter] = []
        self._wake, self._due = threading.Event(), threading.Event()
        self._gone = gone
        self._stopping = self._broken = False
        self.orderly = False
        self._thread = threading.Thread(target=self._run, name="sekisho-audit", daemon=True)
        self._resting = threading.Thread(target=self._run_rest, name="sekisho-audit-sign", daemon=True)
        self._rested = False
        self.durable = 0

    def start(self, durable: int) -> None:
        """Begin, with ``durable`` records already on stable storage."""
        self.durable = durable
        self._resting.start()
        self._thread.start()

    def wake(self) -> None:
        """Ask for a sync. Returns at once."""
        if not self._wake.is_set():  # setting it costs a lock and a wake-up; the next round covers everybody anyway
            self._wake.set()

    async def wait(self, size: int) -> None:
        """Return once ``size`` records are on stable storage. Raises AuditUnavailable."""
        if self.durable >= size:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._stopping:
                raise self._ended()
            self._waiters.append((size, future))
        self.wake()
        await future

    def stop(self) -> None:
        """Sync once more, tell every waiter, and end both threads."""
        with self._lock:
            self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether anybody would ever be told. The threads themselves say when they end, however they end."""
        return not self._stopping

    def _run(self) -> None:
        served = False
        try:
            self._serve()
            served = True
        finally:  # also when a bug ends the thread: nobody may wait for ever, and nothing may be acknowledged
            if not served:
                self._break("the thread that syncs it ended by an error of the program")
            with self._lock:
                self._stopping = True
                left, self._waiters = self._waiters, []
            _tell(left, self._ended())
            self._due.set()
            self._resting.join()
            self.orderly = served and self._rested

    def _serve(self) -> None:
        while not self._stopping:
            self._wake.wait(self._tick_seconds)
            self._wake.clear()
            self._round()
            if self._is_due():
                self._due.set()
        self._round()

    def _run_rest(self) -> None:
        try:
            while not self._stopping:
                self._due.wait()
                self._due.clear()
                self._rest()
            self._rested = True
        finally:  # a log that nobody signs any more takes no records
            if not self._rested:
                self._break("the thread that signs it ended by an error of the program")
            with self._lock:
                self._stopping = True
            self._wake.set()

    def _break(self, what: str) -> None:
        self._broken = True
        self._gone(what)

    def _ended(self) -> AuditUnavailable:
        """Return what those are told whom nobody will serve: for good, unless this process merely ends."""
        return AuditFinal() if self._broken else AuditUnavailable()

    def _round(self) -> None:
        error: AuditUnavailable | None = None
        try:
            self.durable = self._sync()
        except AuditUnavailable as problem:
            error = problem
        with self._lock:
            done = [waiter for waiter in self._waiters if error or waiter[0] <= self.durable]
            self._waiters = [waiter for waiter in self._waiters if not error and waiter[0] > self.durable]
        _tell(done, error)


def _tell(waiters: Iterable[_Waiter], error: AuditUnavailable | None) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
    for _, future in waiters:
        by_loop[future.get_loop()].append(future)
    for loop, futures in by_loop.items():
        with contextlib.suppress(RuntimeError):  # that loop is closed, and nobody waits in it any more
            loop.call_soon_threadsafe(_resolve, futures, error)


def _resolve(futures: list[asyncio.Future[None]], error: AuditUnavailable | None) -> None:
    for future in futures:
        if future.done():  # its request was cancelled
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(type(error)(code=error.code, retry_after_seconds=error.retry_after_seconds))
