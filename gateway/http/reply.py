"""What goes back to one caller: the one place where errors become responses."""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import LimitExceeded, SekishoError
from gateway.http.arrival import Send
from gateway.http.speech import Speech
from gateway.http.standing import standing_headers
from gateway.http.wire import OPENAI, decision_header, error_headers
from gateway.identity.door import Standing

Headers = list[tuple[bytes, bytes]]

JSON_TYPE: Headers = [(b"content-type", b"application/json")]
EVENT_STREAM: Headers = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


class Reply:
    """One HTTP response, not yet begun. Once begun, its status can no longer change.

    ``decision_id`` is asked when the response begins, so that it names the decision of the attempt that answers.
    """

    def __init__(self, send: Send, request_id: str, speech: Speech = OPENAI) -> None:
        self.begun = False
        self.decision_id: Callable[[], str] = str
        self.standing: Callable[[], Standing | None] = lambda: None
        self.dropped: tuple[str, ...] = ()  # parameters that the answer does not heed, since the caller let them be
        self.error_event: Callable[[SekishoError], bytes] = lambda error: speech.error_event(error, request_id)
        self._send = send
        self._speech = speech
        self._request_id = request_id
        self._id: Headers = [(name, request_id.encode()) for name in (b"x-request-id", speech.id_header) if name]
        self._streamed: Headers = [(b"content-type", speech.streamed_as), *EVENT_STREAM]

    async def whole(self, body: bytes, status: int = 200, headers: Headers = JSON_TYPE) -> None:
        """Send a complete response."""
        length = [(b"content-length", str(len(body)).encode())]
        await self._start(status, [*headers, *length])
        await self._send({"type": "http.response.body", "body": body})

    async def event(self, event: bytes) -> None:
        """Send one server-sent event, at once."""
        if not self.begun:
            await self._start(200, self._streamed)
        await self._send({"type": "http.response.body", "body": event, "more_body": True})

    async def end(self, last: bytes = b"") -> None:
        """End a stream of events."""
        if not self.begun:
            await self._start(200, self._streamed)
        await self._send({"type": "http.response.body", "body": last})

    async def refuse(self, error: SekishoError) -> None:
        """Send an error: as a response while the status is open, as a last event after."""
        error.decision_id = error.decision_id or self.decision_id()
        if isinstance(error, LimitExceeded) and isinstance(found := error.standing, Standing):
            self.standing = lambda: found
        if self.begun:
            await self.end(self.error_event(error))
        else:
            self.decision_id = str  # the error names its own
            body, status = self._speech.error(error, self._request_id), self._speech.status(error)
            await self.whole(body, status, [*JSON_TYPE, *error_headers(error)])

    async def _start(self, status: int, headers: Headers) -> None:
        self.begun = True
        if self.dropped:
            headers = [*headers, (b"x-sekisho-dropped-params", ", ".join(self.dropped).encode())]
        named = [*headers, *self._id, *decision_header(self.decision_id()), *standing_headers(self.standing())]
        await self._send({"type": "http.response.start", "status": status, "headers": named})
