"""An engine's own process, kept up: started, proved by a real answer, watched, started again when it ends.

Life of a process::

    start() -> spawn -> locked -> listening -> one real answer -> ready
                 ^                                                 |
                 +------- at once; then slower and slower <------- process ended

While it is not ready, prompts are refused with ``engine.restarting``; those in flight when it ends get
``engine.crashed``. What kind of engine it is, a subclass says: which program, told what, proved how. The child's lock
report stays in :attr:`Supervised.locks`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

import msgspec

from gateway.domain import Chunk, Prompt
from gateway.engines.child import Child
from gateway.engines.config import Status
from gateway.engines.openai_http import Exchange
from gateway.engines.openai_wire import interrupted
from gateway.engines.patience import patience, starved_seconds
from gateway.errors import EngineUnavailable, SetupError

_SOCKET_PATH_BYTES = 100
_GRACE_SECONDS = 3.0
_LOADED_LOOK_SECONDS = 0.05
_EXIT_SEEN_SECONDS = 0.2  # a killed process drops its connections a moment before it counts as ended
_HEALTHY_SECONDS = 10.0  # lived that long: the next restarts are at once again
_AT_ONCE = 3  # short lives in a row after each of which it is started at once
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.25, 5.0

_log = logging.getLogger(__name__)


def _unavailable(code: str, message: str) -> EngineUnavailable:
    return EngineUnavailable(message, code=code, retry_after_seconds=2.0)


def _delay_seconds(failures: int) -> float:
    """Return how long to wait before a restart, after so many short lives in a row."""
    more = failures - _AT_ONCE
    return 0.0 if more < 0 else float(min(_FIRST_DELAY_SECONDS * 2**more, _LONGEST_DELAY_SECONDS))


class Supervised(ABC):
    """What engines in processes of their own have in common.

    Args:
        name: what tells this engine from others below ``run_dir``.
        run_dir: folder for sockets; the child may write to a folder of its own inside, and nowhere else.
        start_seconds: longest wait until it answers, without the time in which others kept it from running.
        on_change: called whenever :meth:`ready` may have changed.
    """

    _program = "gateway.engines.worker"
    _python = sys.executable
    _environment: Mapping[str, str] = {}

    def __init__(self, name: str, run_dir: Path, start_seconds: float, on_change: Callable[[], None] | None) -> None:
        folder = hashlib.sha256(name.encode()).hexdigest()[:12]
        self._socket = run_dir / f"engine-{folder}" / "e.sock"  # llama.cpp knows a Unix socket by its ending
        self._start_seconds = start_seconds
        self._on_change = on_change or (lambda: None)
        self._secret = secrets.token_urlsafe(32)
        self._child: Child | None = None
        self._exchange: Exchange | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._ready = False
        self._device = self._build = ""
        self.locks: dict[str, str] = {}

    @abstractmethod
    def _opened(self) -> Exchange:
        """Return what speaks to the child on its socket."""

    @abstractmethod
    def _configuration(self, parent: int) -> msgspec.Struct:
        """Return what a child of the process ``parent`` is told."""

    @abstractmethod
    def _first_prompt(self) -> Prompt | None:
        """Return what it must answer before it counts as ready; ``None`` where listening is enough."""

    @property
    def device(self) -> str:
        return self._device

    @property
    def build(self) -> str:
        return self._build

    @property
    def pid(self) -> int | None:
        """Process id of the child, ``None`` while there is none."""
        return self._child.pid if self._child else None

    def ready(self) -> bool:
        return self._ready

    async def start(self) -> None:
        """Bring the worker up and keep it up from then on.

        Raises:
            EngineUnavailable: it did not answer in time (``engine.start_failed``), or cannot be locked in
                (``engine.sandbox``).
            SetupError: the socket's path would be too long.
        """
        self._prepare_folder()
        self._exchange = self._opened()
        try:
            await self._bring_up()
        except BaseException:
            await self.stop()
            raise
        self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    async def stop(self) -> None:
        """End the child and everything that belongs to it. Safe to call twice."""
        self._set_ready(False)
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            self._supervisor = None
        if self._exchange is not None:
            await self._exchange.close()
            self._exchange = None
        await self._end_child()
        self._socket.unlink(missing_ok=True)

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`."""
        if not self._ready or self._exchange is None:
            raise _unavailable("engine.restarting", "The model's engine is starting again.")
        async with aclosing(self._exchange.answer(prompt, self._explain)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _explain(self) -> EngineUnavailable:
        """Say what a lost connection means: did the process end, or only the answer?"""
        child = self._child
        if child is None or await child.ended_within(_EXIT_SEEN_SECONDS):
            return _unavailable("engine.crashed", "The model's engine crashed and is starting again.")
        return interrupted()

    def _prepare_folder(self) -> None:
        if len(str(self._socket).encode()) >= _SOCKET_PATH_BYTES:
            raise SetupError(f"The socket path {self._socket} is too long.", "Set run_dir to a shorter path.")
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket.parent.chmod(0o700)

    async def _bring_up(self) -> None:
        """Start a child and wait until it has made one token. Raises EngineUnavailable; then no child is left."""
        self._socket.unlink(missing_ok=True)
        try:
            self._child = child = await Child.spawn(
                self._configuration, [self._python, "-m", self._program], self._environment
            )
        except OSError as error:
            raise _unavailable("engine.start_failed", "The model's engine could not be started.") from error
        try:
            async with patience(self._start_seconds, lambda: starved_seconds(child.pid)):
                await self._await_listening(child)
                await self._prove()
        except TimeoutError as error:
            await self._end_child()
            raise _unavailable("engine.start_failed", "The model's engine did not start in time.") from error
        except EngineUnavailable:
            await self._end_child()
            raise
        self._set_ready(True)

    async def _await_listening(self, child: Child) -> None:
        while (status := await child.next_status()) is not None:
            self.locks = status.locks or self.locks
            if status.state == "listening":
                self._device, self._build = status.device, status.build
                return
            if status.state == "loading":
                await self._await_loaded(child)
            elif status.state != "locked":
                break
        raise self._failure(status, child)

    async def _await_loaded(self, child: Child) -> None:
        """Wait until a child that listens has loaded its model, or has ended; then let it fall silent."""
        assert self._exchange is not None  # noqa: S101 - set by start
        while not child.exited.is_set():
            if await self._exchange.healthy():
                child.silence()
                return
            await child.ended_within(_LOADED_LOOK_SECONDS)

    def _failure(self, status: Status | None, child: Child) -> EngineUnavailable:
        if status is not None and status.state == "refused":
            mend = "Set engine.sandbox to best-effort to accept that."
            return _unavailable("engine.sandbox", f"The engine cannot be locked in here. {status.problem} {mend}")
        _log.error("engine did not start: %s %s", status.problem if status else "process ended.", child.log_tail())
        return _unavailable("engine.start_failed", "The model's engine did not start; the log says why.")

    async def _prove(self) -> None:
        prompt = self._first_prompt()
        if prompt is None:
            return
        assert self._exchange is not None  # noqa: S101 - set by start
        async with aclosing(self._exchange.answer(prompt, self._explain)) as chunks:
            async for _ in chunks:
                pass

    async def _supervise(self) -> None:
        """Start the child again whenever it ends. Cancelled by :meth:`stop`."""
        failures = 0
        while True:
            began = time.monotonic()
            if self._child is not None:
                await self._child.exited.wait()
                _log.warning("engine process ended after %.1f s", time.monotonic() - began)
                await self._end_child()
            self._set_ready(False)
            failures = 0 if time.monotonic() - began > _HEALTHY_SECONDS else failures
            await asyncio.sleep(_delay_seconds(failures))
            failures += 1
            try:
                await self._bring_up()
            except EngineUnavailable as error:
                _log.error("engine restart %d failed: %s", failures, error.code)

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.stop(_GRACE_SECONDS)

    def _set_ready(self, ready: bool) -> None:
        if ready != self._ready:
            self._ready = ready
            self._on_change()
