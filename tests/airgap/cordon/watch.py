"""The two instruments that listen: every packet on an interface, every question to a resolver. Linux only."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from cordon.frames import read_frame
from cordon.names import answer, read_question
from cordon.sighting import Sighting

_ALL_PROTOCOLS = 0x0003  # ETH_P_ALL, packet(7)
_OUTGOING = 4  # PACKET_OUTGOING: what this side of the wire sends itself
_ROOM_BYTES = 32 << 20


class _Watch:
    """A socket and a thread that reads it until :meth:`stop`."""

    def __init__(self, watched: socket.socket) -> None:
        self.seen: list[Sighting] = []
        self._socket = watched
        self._socket.settimeout(0.2)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                self._read()

    def _read(self) -> None:
        raise NotImplementedError

    def stop(self) -> list[Sighting]:
        """Stop listening and return what was seen, each destination once."""
        self._stopping.set()
        self._thread.join()
        self._socket.close()
        return list(dict.fromkeys(self.seen))


class PacketWatch(_Watch):
    """Counts packets that arrive at `interface` and that `counts` says yes to."""

    def __init__(self, interface: str, counts: Callable[[Sighting], bool] = lambda _: True) -> None:
        self._counts = counts
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM_BYTES)
        wire.bind((interface, 0))
        super().__init__(wire)

    def _read(self) -> None:
        frame, where = self._socket.recvfrom(65535)
        sighting = read_frame(frame)
        if where[2] != _OUTGOING and sighting and self._counts(sighting):
            self.seen.append(sighting)


class NameWatch(_Watch):
    """A resolver: writes down every name that is asked for, and answers."""

    def __init__(self, address: str) -> None:
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        door.bind((address, 53))
        super().__init__(door)

    def _read(self) -> None:
        message, sender = self._socket.recvfrom(65535)
        try:
            name, kind, _ = read_question(message)
            reply = answer(message)
        except ValueError:
            self.seen.append(Sighting("resolver", "unreadable question", sender[0], 53))
            return
        self.seen.append(Sighting("resolver", kind, name, 53))
        self._socket.sendto(reply, sender)
