"""Who starts a steward and its workers, restarts those that end, and replaces them one by one. No request passes it.

Each worker has a socket of its own at the one address (``SO_REUSEPORT``), bound and kept here: whoever follows a worker
takes over its socket with the connections that wait there, so none is refused and none lost. A log has one writer, so
that a worker's successor, which begins before it ends, writes under another name: of N + 1 names N are in use.

Signals: SIGTERM and SIGINT end all; SIGHUP reads the settings anew and replaces the steward, then each worker.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable

from gateway.errors import SetupError
from gateway.house.crew import Part, refuse_unfit, settings_of_worker
from gateway.http.listener import bind
from gateway.settings import Settings
from gateway.telemetry import log as logs
from gateway.workers.lending import Lending
from gateway.workers.process import Process

_log = logging.getLogger("sekisho.workers")

HEALTHY_SECONDS = 10.0  # lived that long: the next restart is at once again
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.25, 10.0
STOP_SECONDS = 15.0  # beyond server.grace_seconds, until a process that was told to end is killed
_LOOK_SECONDS = 0.05
STEWARD = "steward"

Load = Callable[[], Settings]


def delay_seconds(failures: int) -> float:
    """Return how long to wait before a restart after so many short lives in a row: none, then 0.25 s, doubled to 10."""
    return min(FIRST_DELAY_SECONDS * 2 ** (failures - 1), LONGEST_DELAY_SECONDS) if failures else 0.0


class Ended(Exception):
    """A process ended before it was ready at the start; it has said why. ``code`` is its exit code."""

    def __init__(self, code: int) -> None:
        self.code = code


class Post:
    """A place that one process fills at a time: the steward's, or that of the worker at one socket."""

    def __init__(self, at: socket.socket | None = None) -> None:
        self.at = at
        self.process: Process | None = None


class Supervisor:
    """All processes of one server.

    Args:
        settings: with ``server.workers`` above one.
        load: reads the settings anew.
        on_ready: called once with the base URL, when all of them serve.
    """

    def __init__(self, settings: Settings, load: Load, on_ready: Callable[[], None]) -> None:
        refuse_unfit(settings)
        self._settings, self._load, self._on_ready = settings, load, on_ready
        self._passphrase = _passphrase(settings)
        self._steward = Post()
        self._workers = [Post(each) for each in bind_all(settings.server.listen, settings.server.workers)]
        self._stop, self._renew = asyncio.Event(), asyncio.Event()
        self._lending = Lending(self._workers)
        self._alive: set[Process] = set()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns 0 when everything was closed in order."""
        logs.configure()
        return asyncio.run(self._live())

    async def _live(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._renew.set)
        stopping = loop.create_task(self._stop.wait())
        work = loop.create_task(self._serve())
        try:
            await asyncio.wait([stopping, work], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        except Ended as ended:
            return ended.code
        finally:
            work.cancel()
            stopping.cancel()
            await asyncio.gather(work, return_exceptions=True)
            orderly = await self._end_all()
        return 0 if orderly else 3

    async def _serve(self) -> None:
        posts = [self._steward, *self._workers]
        await self._first(self._steward)
        async with asyncio.TaskGroup() as starting:
            tasks = [starting.create_task(self._first_of(post)) for post in self._workers]
        codes = [code for code in (task.result() for task in tasks) if code is not None]
        if codes:
            raise Ended(codes[0])
        self._on_ready()
        async with asyncio.TaskGroup() as keeping:
            for post in posts:
                keeping.create_task(self._keep(post))
            keeping.create_task(self._renew_when_told())

    async def _first_of(self, post: Post) -> int | None:
        try:
            await self._first(post)
        except Ended as ended:
            return ended.code
        return None

    async def _first(self, post: Post) -> None:
        """Start it for the first time; raises Ended where it does not come up."""
        process = post.process = self._start(post, self._settings)
        if not await process.settled():
            raise Ended(process.code or 3)

    def _start(self, post: Post, settings: Settings) -> Process:
        if post is self._steward:
            process = Process.start(STEWARD, settings, Part("steward"), self._passphrase)
        else:
            assert post.at is not None  # noqa: S101  for the type checker
            name = self._free_name(settings)
            lent = tuple(each.at.fileno() if each.at and each is not post else -1 for each in self._workers)
            part = Part("worker", (post.at.fileno(),), lent=lent)
            process = Process.start(name, settings_of_worker(settings, name), part, self._passphrase)
        self._alive.add(process)
        _log.info("started", extra={"who": process.name, "pid": process.pid})
        return process

    def _free_name(self, settings: Settings) -> str:
        """Return the first name that no living process has: two never write one log."""
        self._alive = {each for each in self._alive if not each.exited.is_set()}
        taken = {each.name for each in self._alive} | {settings.site.worker, "admin"}
        return next(name for number in range(1, 10_000) if (name := f"w{number}") not in taken)

    async def _keep(self, post: Post) -> None:
        """Start a process again whenever it ends by itself, the sooner the longer it lived. Cancelled at the end."""
        failures = 0
        while True:
            process = post.process
            if process is None:  # it is being replaced
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            await process.exited.wait()
            if post.process is not process:  # it was replaced
                continue
            lived = time.monotonic() - process.began
            failures = 0 if lived > HEALTHY_SECONDS else failures + 1
            told = {"who": process.name, "code": process.code, "lived_seconds": round(lived, 1)}
            _log.error("ended by itself, and is started again", extra=told)
            self._lending.settle()
            await asyncio.sleep(delay_seconds(failures))
            if post.process is process:
                post.process = successor = await self._started(post)
                await successor.settled()
                self._lending.settle()

    async def _started(self, post: Post) -> Process:
        while True:
            try:
                return self._start(post, self._settings)
            except OSError as error:
                _log.error("no process can be started: %s", error)
                await asyncio.sleep(LONGEST_DELAY_SECONDS)

    async def _renew_when_told(self) -> None:
        while True:
            await self._renew.wait()
            self._renew.clear()
            try:
                settings = await asyncio.to_thread(self._load)
                refuse_unfit(settings)
                refuse_moved(self._settings, settings)
                await self._replace_all(settings)
            except (SetupError, OSError) as error:
                _log.error("nothing more is replaced, what runs goes on: %s", error)

    async def _replace_all(self, settings: Settings) -> None:
        """Replace the steward, then each worker. Raises SetupError where one does not come up."""
        if not await self._replaced_steward(settings):
            return
        self._settings = settings
        for post in self._workers:
            before = post.process
            process = self._start(post, settings)
            if not await process.settled():
                raise SetupError(
                    f"The new process {process.name} did not come up.", "Its own error stands before this."
                )
            post.process = process
            self._lending.settle()
            if before is not None:
                await self._end(before)
        _log.info("all processes were replaced")

    async def _replaced_steward(self, settings: Settings) -> bool:
        """Replace the steward, which has what can be had once: the one before ends first. No request needs it.

        Where the new settings do not let it start, one with those before is started.
        """
        before = self._steward.process
        self._steward.process = None  # nobody starts it again meanwhile
        if before is not None:
            await self._end(before)
        process = self._start(self._steward, settings)
        if await process.settled():
            self._steward.process = process
            return True
        _log.error("the steward does not start by the new settings; one with those before is started")
        self._steward.process = await self._started(self._steward)
        return False

    async def _end(self, process: Process) -> None:
        process.signal(signal.SIGTERM)
        if not await process.ended_within(self._settings.server.grace_seconds + STOP_SECONDS):
            _log.error("did not end in time, and is killed", extra={"who": process.name})
            process.signal(signal.SIGKILL)
            await process.exited.wait()

    async def _end_all(self) -> bool:
        """End the workers, then the steward: its heads are to cover theirs. Returns whether all closed in order."""
        for post in self._workers:
            if post.at is not None:
                post.at.close()
        alive = [each for each in self._alive if not each.exited.is_set()]
        steward = [each for each in alive if each.name == STEWARD]
        workers = [each for each in alive if each.name != STEWARD]
        for several in (workers, steward):
            await asyncio.gather(*(self._end(each) for each in several))
        return all(each.code in (0, -signal.SIGTERM) for each in alive)  # told to end before it could close in order


def bind_all(listen: str, count: int) -> list[socket.socket]:
    """Return so many sockets that are bound to one address, and do not listen yet.

    Raises:
        SetupError: the address is taken, by whomever, or is not this machine's.
    """
    bind(listen).close()  # SO_REUSEPORT alone would let a second server of the same user share the address
    return [bind(listen, shared=True) for _ in range(count)]


def refuse_moved(before: Settings, after: Settings) -> None:
    """Refuse settings that cannot change while processes are replaced one by one. Raises SetupError."""
    fixed = {
        "site": before.site == after.site,
        "server.listen": before.server.listen == after.server.listen,
        "server.workers": before.server.workers == after.server.workers,
        "data_dir": before.data == after.data,
        "run_dir": before.run == after.run,
        "keys": before.key_store == after.key_store,
        "limits.redis": before.limits.redis == after.limits.redis,
    }
    moved = [name for name, same in fixed.items() if not same]
    if moved:
        raise SetupError(f"{', '.join(moved)} cannot change while the server runs.", "Stop it, and start it again.")


def _passphrase(settings: Settings) -> bytes:
    """Return what the descriptor holds that opens the secrets: a pipe tells it once, and every process needs it."""
    if settings.key_store.passphrase_fd < 0:
        return b""
    with os.fdopen(os.dup(settings.key_store.passphrase_fd), "rb") as held:
        return held.read()
