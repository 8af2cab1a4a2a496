"""The ASGI application: which way a request goes, and what every answer carries.

Rules:

1. A POST to a hot route goes straight to its endpoint; everything else goes to FastAPI, whose layers cost a tenth of a
   request.
2. Every answer has ``x-request-id``, and in ``openai-processing-ms`` how long it took until it began.
3. HEAD is GET without the body (RFC 9110, 9.3.2).
4. Pages of listed origins may read answers (:mod:`gateway.http.cors`).
5. An answer to a wrong key may be held back (:mod:`gateway.http.guard`). Whose address it is, trusted proxies say
   (:mod:`gateway.http.proxies`).
6. What lies under ``/admin/v1`` is the admin API's, where it is served here; else there is nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from ulid import ULID

from gateway.http.arrival import Scope, Send
from gateway.http.body import Receive
from gateway.http.cors import Cors, Headers
from gateway.http.endpoint import Endpoint
from gateway.http.guard import Guard
from gateway.http.proxies import Proxies
from gateway.settings import ServerSettings

_ID = b"x-request-id"
ADMIN = "/admin/v1/"
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front:
    """See the module."""

    def __init__(self, hot: Mapping[str, Endpoint], app: FastAPI, cors: Cors, proxies: Proxies | None = None) -> None:
        self._proxies = proxies or Proxies(ServerSettings())
        self.guard = Guard()
        self._hot = hot
        self._app = app
        self._cors = cors
        self._admin: Asgi | None = None

    def open_admin(self, admin: Asgi) -> None:
        """Serve the admin API too: ``keyed`` of :class:`gateway.http.admin_doors.OnSocket`."""
        self._admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = self._proxies.seen(scope)
        send = self.guard.watching(scope, send)
        method = scope["method"]
        endpoint = self._hot.get(scope["path"]) if method == "POST" else None
        cross = dict(scope["headers"]) if self._cors else {}
        telling = _telling(send, self._cors.headers(cross.get(b"origin")))
        if endpoint is not None:
            await endpoint(scope, receive, telling)
            return
        if self._admin is not None and scope["path"].startswith(ADMIN):
            await self._admin(scope, receive, _telling(send, []))  # no page of another origin may read answers here
            return
        preflight = self._cors.preflight(cross) if method == "OPTIONS" and self._cors else None
        if preflight is not None:
            await _allow(send, preflight)
            return
        await self._app({**scope, "method": "GET"} if method == "HEAD" else scope, receive, telling)


def _telling(send: Send, more: Headers) -> Send:
    """Return a way to send that adds what every answer carries."""
    began = perf_counter()

    async def tell(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            took = (b"openai-processing-ms", b"%d" % (1000 * (perf_counter() - began)))
            headers = [*message["headers"], took, *more]
            if all(name != _ID for name, _ in headers):
                headers.append((_ID, str(ULID()).encode()))
            message = {**message, "headers": headers}
        await send(message)

    return tell


async def _allow(send: Send, headers: Headers) -> None:
    named = [*headers, (_ID, str(ULID()).encode())]
    await send({"type": "http.response.start", "status": 204, "headers": named})
    await send({"type": "http.response.body", "body": b""})
