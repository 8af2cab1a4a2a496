"""What goes back to one caller: the one place where errors become responses."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from gateway.errors import SekishoError
from gateway.http.arrival import Send
from gateway.http.wire import decision_header, error_body, error_event, error_headers

Headers = list[tuple[bytes, bytes]]

JSON_TYPE: Headers = [(b"content-type", b"application/json")]
EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Reply:
    """One HTTP response, not yet begun. Once begun, its status can no longer change.

    ``decision_id`` is asked when the response begins, so that it names the decision of the attempt that answers.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self.begun = False
        self.decision_id: Callable[[], str] = str
        self._send = send
        self._id: Headers = [(b"x-request-id", request_id.encode())]

    async def whole(self, body: bytes, status: int = 200, headers: Headers = JSON_TYPE) -> None:
        """Send a complete response."""
        length = [(b"content-length", str(len(body)).encode())]
        await self._start(status, [*headers, *length])
        await self._send({"type": "http.response.body", "body": body})

    async def event(self, event: bytes) -> None:
        """Send one server-sent event, at once."""
        if not self.begun:
            await self._start(200, EVENT_STREAM)
        await self._send({"type": "http.response.body", "body": event, "more_body": True})

    async def end(self, last: bytes = b"") -> None:
        """End a stream of events."""
        if not self.begun:
            await self._start(200, EVENT_STREAM)
        await self._send({"type": "http.response.body", "body": last})

    async def refuse(self, error: SekishoError) -> None:
        """Send an error: as a response while the status is open, as a last event after."""
        error.decision_id = error.decision_id or self.decision_id()
        if self.begun:
            await self.end(error_event(error))
        else:
            self.decision_id = str  # the error names its own
            await self.whole(orjson.dumps(error_body(error)), error.status, [*JSON_TYPE, *error_headers(error)])

    async def _start(self, status: int, headers: Headers) -> None:
        self.begun = True
        named = [*headers, *self._id, *decision_header(self.decision_id())]
        await self._send({"type": "http.response.start", "status": status, "headers": named})
