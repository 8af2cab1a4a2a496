"""The gateway's listener for joined nodes: TLS 1.3 with the site's own authority, four routes, and nothing else::

GET  /nodes/v1/authority   the authority's certificate and the site; for everybody
POST /nodes/v1/join        a token, once, against a certificate
POST /nodes/v1/renew       the next certificate, over the one in use
POST /nodes/v1/confirm     the newest certificate is in use: the one before counts no more

Bodies are small and bounded in size and time. Who fails too often waits a minute. Refusals before anybody is known are
summed in the audit log, as everywhere; with a right token, or a node's certificate, each leaves its own record.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import (
    BadRequest,
    BodyTooLarge,
    LimitExceeded,
    MethodNotAllowed,
    RouteNotFound,
    SekishoError,
    SetupError,
)
from gateway.fleet.nodes.asking import RECORDED, Asking, Greeting, Papers
from gateway.fleet.nodes.contexts import fingerprint
from gateway.http.admin import json_response
from gateway.http.arrival import client_address
from gateway.http.peer import certificate_of

MOST_BODY_BYTES = 16 * 1024
_BODY_SECONDS = 10.0
_MINUTE = 60.0
MOST_FAILURES, MOST_FAILURES_OF_ALL = 10, 100
"""Failed calls in a minute: from one address, from all of them."""

T = TypeVar("T")


class Office(Protocol):
    """What this needs of :class:`gateway.fleet.nodes.enrol.Enrolment`."""

    def greeting(self) -> Greeting: ...

    async def join(self, asking: Asking, source: str) -> Papers: ...

    async def renew(self, shown: str, asking: Asking, source: str) -> Papers: ...

    async def confirm(self, shown: str) -> None: ...


class Book(Protocol):
    """What this needs of the book."""

    def denial(self, *, code: str, status: int, source: str) -> None: ...


class Failures:
    """How often calls failed in the last minute. Bounded in memory: it remembers failures, not addresses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, str]] = deque(maxlen=MOST_FAILURES_OF_ALL)

    def add(self, source: str) -> None:
        self._seen.append((self._clock(), source))

    def refuse_many(self, source: str) -> None:
        """Raise LimitExceeded where there were too many, from this address or from all."""
        begun = self._clock() - _MINUTE
        while self._seen and self._seen[0][0] <= begun:
            self._seen.popleft()
        own = sum(1 for _, each in self._seen if each == source)
        if own >= MOST_FAILURES or len(self._seen) >= MOST_FAILURES_OF_ALL:
            message = "Too many calls of nodes failed. Wait a minute, and try again."
            raise LimitExceeded(message, code="node.too_many", retry_after_seconds=_MINUTE)


class NodeDoor:
    """The handlers. One instance per server."""

    def __init__(self, office: Office, book: Book, failures: Failures | None = None) -> None:
        self._office, self._book = office, book
        self._failures = failures or Failures()

    async def authority(self, request: Request) -> Response:
        return json_response(self._office.greeting())

    async def join(self, request: Request) -> Response:
        source = client_address(request.scope)
        self._failures.refuse_many(source)
        return json_response(await self._office.join(await _body(request, Asking), source))

    async def renew(self, request: Request) -> Response:
        source = client_address(request.scope)
        self._failures.refuse_many(source)
        asking = await _body(request, Asking)
        papers = await self._office.renew(_shown(request), asking, source)
        return json_response(papers)

    async def confirm(self, request: Request) -> Response:
        self._failures.refuse_many(client_address(request.scope))
        await self._office.confirm(_shown(request))
        return json_response({"confirmed": "true"})

    async def refused(self, request: Request, error: Exception) -> Response:
        """Tell a refusal, count it, and sum it where nobody was known."""
        refusal = error if isinstance(error, SekishoError) else SekishoError()
        source = client_address(request.scope)
        if refusal.status < 500 and not isinstance(refusal, LimitExceeded):
            self._failures.add(source)
        if refusal.code not in RECORDED:
            self._book.denial(code=refusal.code, status=refusal.status, source=source)
        detail = {"message": refusal.message, "type": refusal.openai_type, "param": refusal.param, "code": refusal.code}
        answer = json_response({"error": detail}, refusal.status)
        if refusal.retry_after_seconds:
            answer.headers["retry-after"] = str(int(refusal.retry_after_seconds))
        return answer

    async def unknown(self, request: Request, error: Exception) -> Response:
        wrong_method = isinstance(error, HTTPException) and error.status_code == 405
        return await self.refused(request, MethodNotAllowed() if wrong_method else RouteNotFound())

    async def could_not(self, request: Request, error: Exception) -> Response:
        """Something of this installation is wrong: what, is for its operator alone."""
        return await self.refused(request, SekishoError())


def nodes_app(office: Office, book: Book, failures: Failures | None = None) -> Starlette:
    """Return the ASGI application, to be served with :class:`gateway.http.peer.PeerProtocol` and nothing else.

    Args:
        office: who decides.
        book: where refusals before identity are summed.
        failures: how many there were; a fresh count when not given.
    """
    door = NodeDoor(office, book, failures)
    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        SekishoError: door.refused,
        SetupError: door.could_not,
        HTTPException: door.unknown,
        Exception: door.could_not,
    }
    routes = [
        Route("/nodes/v1/authority", door.authority, methods=["GET"]),
        Route("/nodes/v1/join", door.join, methods=["POST"]),
        Route("/nodes/v1/renew", door.renew, methods=["POST"]),
        Route("/nodes/v1/confirm", door.confirm, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers=handlers)


def _shown(request: Request) -> str:
    """Return the fingerprint of the certificate that was shown; "" for none."""
    pem = certificate_of(request.scope)
    return fingerprint(pem) if pem else ""


async def _body(request: Request, wanted: type[T]) -> T:
    """Return the decoded body. Raises BadRequest, BodyTooLarge. No message quotes it: it may hold a token."""
    raw = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.stream():
                raw += part
                if len(raw) > MOST_BODY_BYTES:
                    raise BodyTooLarge
    except TimeoutError as error:
        raise BadRequest("The body did not come.", code="node.request") from error
    try:
        return msgspec.json.decode(bytes(raw), type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = "This is not what a node of this version says. Use the same version of Sekisho on both machines."
        raise BadRequest(message, code="node.request") from error
