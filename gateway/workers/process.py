"""One process of several, as its supervisor sees it: started, ready, ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import suppress

import msgspec

from gateway.house.crew import Part
from gateway.settings import Settings, with_passphrase_from
from gateway.workers.child import Orders

_PROGRAM = (sys.executable, "-P", "-m", "gateway.workers.child")


class Process:
    """A running process. Start it with :meth:`start`, inside the loop of the main thread: it dies with that thread.

    ``ready`` is set once it serves; ``exited`` once it has ended and was collected.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], ready: int, orders: int) -> None:
        self.name, self.began = name, time.monotonic()
        self._orders = orders
        self.ready, self.exited = asyncio.Event(), asyncio.Event()
        self._process, self._ready = process, ready
        self._pidfd = os.pidfd_open(process.pid)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ready, self._told)
        self._loop.add_reader(self._pidfd, self._collect)

    @classmethod
    def start(cls, name: str, settings: Settings, part: Part, passphrase: bytes) -> Process:
        """Start one with its settings. ``passphrase`` is what opens the secrets, where a descriptor held it.

        Raises:
            OSError: no process, descriptor or memory is left.
        """
        told_read, told_write = os.pipe()
        orders_read, orders_write = os.pipe()
        os.set_blocking(orders_write, False)
        held = [told_write, orders_read]
        try:
            if passphrase:
                held.append(_memory(passphrase))
                settings = with_passphrase_from(settings, held[-1])
            part = msgspec.structs.replace(part, ready=told_write, orders=orders_read)
            held.append(_memory(msgspec.json.encode(Orders(settings, part, os.getpid()))))
            process = subprocess.Popen(  # noqa: S603 - our own program, and a number
                [*_PROGRAM, str(held[-1])],
                stdin=subprocess.DEVNULL,
                pass_fds=(*held, *part.sockets, *(each for each in part.lent if each >= 0)),
                start_new_session=True,  # a Ctrl-C is for the supervisor, which ends this one itself
            )
        except BaseException:
            os.close(told_read)
            os.close(orders_write)
            raise
        finally:
            for descriptor in held:
                os.close(descriptor)
        return cls(name, process, told_read, orders_write)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._process.returncode

    @property
    def serves(self) -> bool:
        return self.ready.is_set() and not self.exited.is_set()

    def tell(self, order: str) -> None:
        """Send a worker one line: :mod:`gateway.workers.lending`. One that has ended, or reads nothing, misses it."""
        if not self.exited.is_set():
            with suppress(BrokenPipeError, BlockingIOError):
                os.write(self._orders, order.encode() + b"\n")

    def signal(self, number: int) -> None:
        if not self.exited.is_set():
            self._process.send_signal(number)

    async def settled(self) -> bool:
        """Wait until it is ready or has ended; return whether it is ready."""
        waits = [asyncio.ensure_future(each.wait()) for each in (self.ready, self.exited)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        return self.serves

    async def ended_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.exited.wait()
        except TimeoutError:
            return False
        return True

    def _told(self) -> None:
        if os.read(self._ready, 16):
            self.ready.set()
        self._loop.remove_reader(self._ready)
        os.close(self._ready)

    def _collect(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        os.close(self._orders)
        self._process.wait()
        self.exited.set()


def _memory(content: bytes) -> int:
    """Return a descriptor that holds this, in memory alone, to be read from its beginning."""
    descriptor = os.memfd_create("sekisho", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
