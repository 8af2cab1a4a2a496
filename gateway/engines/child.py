"""One child process: started with its configuration on a descriptor, watched, and ended without leaving an orphan."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.engines.config import Status

_ROOT = Path(__file__).resolve().parent.parent.parent
_LOG_BYTES = 4096
_ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "GOMP_SPINCOUNT": "1000"}
"""All that the child's environment holds: no proxies, no secrets, no switches of llama.cpp's.

The last makes OpenMP's threads spin briefly, and then sleep, while they wait for each other. Left to itself it spins
for milliseconds, and whatever else wants a core (the gateway itself) then stops them all: measured on two cores shared
with ten other processes, 0.7 tokens/s against 9; on idle cores there is no difference. Never spinning costs a quarter.
"""


class Child:
    """A running worker. Make it with :meth:`spawn`, from the loop's own thread: the child dies with that thread.

    ``exited`` is set when the process has ended and was collected.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: int) -> None:
        self._process = process
        self._log = log
        self._status = asyncio.StreamReader()
        self._pidfd = os.pidfd_open(process.pid)
        self._loop = asyncio.get_running_loop()
        self.exited = asyncio.Event()
        self._loop.add_reader(self._pidfd, self._collect)

    @classmethod
    async def spawn(
        cls, configure: Callable[[int], msgspec.Struct], program: Sequence[str], environment: Mapping[str, str]
    ) -> Child:
        """Start the process. Its secret goes through a pipe: never on its command line, nor in its environment.

        ``configure`` is given this process's id and returns the configuration. ``program`` gets two descriptors as its
        last words; ``environment`` comes on top of what every child has.

        Raises:
            OSError: no process, descriptor or memory is left.
        """
        config_read, config_write = os.pipe()
        status_read, status_write = os.pipe()
        try:
            child = cls._started(program, environment, config_read, status_write)
            os.write(config_write, msgspec.json.encode(configure(os.getpid())))
        finally:
            for descriptor in (config_read, config_write, status_write):
                os.close(descriptor)
        pipe = os.fdopen(status_read, "rb", buffering=0)
        try:
            await child._loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(child._status), pipe)
        except BaseException:
            child._process.kill()
            raise
        return child

    @classmethod
    def _started(cls, program: Sequence[str], environment: Mapping[str, str], config: int, status: int) -> Child:
        log = os.memfd_create("engine-log", os.MFD_CLOEXEC)
        process = subprocess.Popen(  # noqa: S603 - our own program, and two numbers
            [*program, str(config), str(status)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(config, status),
            cwd=_ROOT,
            env={**_ENVIRONMENT, **environment},
            start_new_session=True,  # a Ctrl-C is for the gateway, which ends this one itself
        )
        return cls(process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    def _collect(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._process.wait()
        self.exited.set()

    async def next_status(self) -> Status | None:
        """Return the next state that the child reports, ``None`` when it ended instead."""
        line = await self._status.readline()
        return msgspec.json.decode(line, type=Status) if line else None

    def log_tail(self) -> str:
        """Return the end of what the child printed before it could receive a prompt."""
        size = os.fstat(self._log).st_size
        return os.pread(self._log, _LOG_BYTES, max(0, size - _LOG_BYTES)).decode("utf-8", "replace")

    def silence(self) -> None:
        """Tell the child to print nothing from now on."""
        if not self.exited.is_set():
            self._process.send_signal(signal.SIGUSR1)

    async def ended_within(self, seconds: float) -> bool:
        """Return whether the process has ended, waiting up to ``seconds`` for that."""
        try:
            async with asyncio.timeout(seconds):
                await self.exited.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self, grace_seconds: float) -> None:
        """End the process: SIGTERM, and after ``grace_seconds`` SIGKILL. Returns once it is gone."""
        if not self.exited.is_set():
            self._process.send_signal(signal.SIGTERM)
            if not await self.ended_within(grace_seconds):
                self._process.kill()
            await self.exited.wait()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1
