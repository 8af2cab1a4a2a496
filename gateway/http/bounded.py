"""uvicorn's HTTP/1.1, bounded: how large a request's head and framing may be, and how long it may take to come.

What breaks a bound, or is not HTTP, gets one answer in OpenAI's error shape, and the connection is closed: nothing that
follows on it is read as another request (RFC 9112, 11.2). ::

    a connection above the most that there may be     503
    a head above MOST_HEAD_BYTES                      431
    a head or a body that is not whole in time        408
    more framing around chunks than body              400
    anything else that the parser does not take       400
"""

from __future__ import annotations

import http
from asyncio import TimerHandle
from collections import Counter
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 65_536
HEAD_SECONDS = 30.0
BODY_SECONDS = 120.0
_FRAMING_BYTES = 65_536
_FRAMING_EACH = 16  # bytes of framing for one of body: chunks of one byte, and a short extension of each

_INVALID = "Invalid HTTP request received."


class Doorstep:
    """What came to an address of this process: connections that are open, and those refused there, by status.

    A refusal here is before anybody knows whose request it would have been, so it is no record, and is counted.
    """

    def __init__(self) -> None:
        self.open = 0
        self.refused = Counter[int]()


class _TooLarge(Exception):
    """A bound is broken; raised inside the parser, which ends with that."""


class BoundedProtocol(HttpToolsProtocol):
    """Give it to uvicorn as ``http=``.

    Args:
        most_connections: of this process at once; one more is told so and closed before a byte of it is read.
        doorstep: where they are counted.
    """

    def __init__(
        self, *args: Any, most_connections: int | None = None, doorstep: Doorstep | None = None, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self._most_connections = most_connections
        self._doorstep = doorstep or Doorstep()

    _timer: TimerHandle | None = None
    _in_head = _in_body = False
    _head_bytes = _fields_bytes = _framing_bytes = _body_bytes = 0
    _refusal = (400, _INVALID)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._doorstep.open += 1
        if self._most_connections is not None and len(self.connections) > self._most_connections:
            self._doorstep.refused[503] += 1
            transport.write(_FULL)
            transport.close()
            return
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self._doorstep.open -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand over to the parser. The bytes in which a head begins are counted by its fields instead."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
        if self._in_body:
            self._framing_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(431, "The request's headers are too large.")
            return
        super().data_received(data)
        if self._framing_bytes - self._body_bytes > _FRAMING_BYTES + _FRAMING_EACH * self._body_bytes:
            self._refuse(400, "The chunks of the request's body carry too much beside it.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._fields_bytes = self._framing_bytes = self._body_bytes = 0
        if self._timer is None:
            self._wait(HEAD_SECONDS)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body, self._head_bytes = False, True, 0
        self._wait(BODY_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._framing_bytes = self._body_bytes = 0
        self._wait(None)
        super().on_message_complete()

    def _count(self, size: int) -> None:
        """Count what of a head, or of trailers, was parsed. Raises _TooLarge."""
        self._fields_bytes += size
        if self._fields_bytes > MOST_HEAD_BYTES:
            self._refusal = (431, "The request's headers are too large.")
            raise _TooLarge

    def _wait(self, seconds: float | None) -> None:
        """Wait so long for what is to come, and no longer for what was to come before; ``None``: for nothing."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        self._refuse(408, "The request did not come in time.")

    def _refuse(self, status: int, message: str) -> None:
        self._refusal = (status, message)
        self.send_400_response(message)

    def send_400_response(self, msg: str) -> None:
        """Refuse and close; where an answer has begun, close alone. What the parser objects to comes here, too."""
        self._wait(None)
        if self.transport.is_closing():
            return
        self._doorstep.refused[self._refusal[0]] += 1
        answered = self.cycle is not None and self.cycle.response_started
        if not answered or (self.cycle.response_complete and not self._in_body):  # that answer was to the one before
            self.transport.write(_answer(*self._refusal))
        self.transport.close()


def _answer(status: int, message: str, code: str = "request.invalid", more: str = "x-should-retry: false\r\n") -> bytes:
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{more}connection: close\r\n\r\n"
    )
    return head.encode() + body


_RETRY = "x-should-retry: true\r\nretry-after: 1\r\n"
_FULL = _answer(503, "The gateway has as many connections as it may.", "server.connections", _RETRY)
