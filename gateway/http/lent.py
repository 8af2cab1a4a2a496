"""Takes connections at sockets of other processes of this server, while those cannot: told so, line by line."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import suppress

from gateway.http.listener import Listener

log = logging.getLogger("sekisho.http")

_MOST_BYTES = 4096


class LentSockets:
    """What a worker does with the sockets of the others.

    Args:
        listener: this process's, which then takes from them, too.
        sockets: descriptors of the sockets of all workers, by number; -1: its own.
        orders: descriptor on which ``take NUMBER`` and ``leave NUMBER`` come, a line each.
    """

    def __init__(self, listener: Listener, sockets: Sequence[int], orders: int) -> None:
        self._listener, self._sockets, self._orders = listener, list(sockets), orders
        self._taken: dict[int, asyncio.Server] = {}
        self._said, self._news = bytearray(), asyncio.Event()

    async def run(self) -> None:
        """Do as told until cancelled; then every descriptor is closed, so that no connection waits for this process."""
        loop = asyncio.get_running_loop()
        os.set_blocking(self._orders, False)
        loop.add_reader(self._orders, self._read)
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while (end := self._said.find(b"\n")) >= 0:
                    order, number = self._said[:end].decode().split(" ")
                    del self._said[: end + 1]
                    try:
                        await self._do(order, int(number))
                    except OSError as error:  # no descriptor is left: what is answered here goes on
                        log.error("the socket of another worker cannot be taken: %s", error.strerror)
        finally:
            loop.remove_reader(self._orders)
            for each in self._sockets:
                if each >= 0:
                    os.close(each)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            said = os.read(self._orders, _MOST_BYTES)
            if not said:  # nobody is there any more who would say something
                asyncio.get_running_loop().remove_reader(self._orders)
            self._said += said
            self._news.set()

    async def _do(self, order: str, number: int) -> None:
        if order == "take" and number not in self._taken:
            bound = socket.socket(fileno=os.dup(self._sockets[number]))
            self._taken[number] = await self._listener.take(bound)
        elif order == "leave" and number in self._taken:
            self._listener.leave(self._taken.pop(number))
