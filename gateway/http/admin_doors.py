"""Who may pass the admin API's doors, each by its row in :mod:`gateway.identity.roles`.

There are two ways in:

1. The Unix socket (mode 0600). Who opens it is the server's own user, and may do everything; but who shows a key there
   is held to that key's roles. That is how ``sekisho --key-fd`` works.
2. The server's own address, where ``server.admin_api`` is on: a key, token or certificate MUST be shown.

Guarantees: a route that has no row is not served at all; a refusal is 403 ``identity.role`` with who may instead, and
on record as ``admin.forbidden`` before the answer; a wrong key is 401 and counted as at every other address. In records
of changes stands the key that made them: ``x-sekisho-by`` is what the machine's own user says, and nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.domain import Caller
from gateway.errors import Forbidden, Unauthenticated
from gateway.http.arrival import client_address, shown_in
from gateway.identity.door import Identity
from gateway.identity.roles import BY_ROUTE, Action, may, sentence

Handler = Callable[[Request], Awaitable[Response]]
_MACHINE, _CALLER = "sekisho.machine", "sekisho.caller"


class Records(Protocol):
    """What the doors need of the book: see :class:`gateway.audit.door.Book`."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...

    def denial(self, *, code: str, status: int, source: str = "") -> None: ...


class Doors:
    """Asks who comes, and the table whether they may.

    Args:
        identity: who knows keys; ``None``: nobody but the machine's own user comes in.
        book: where refusals are written.
    """

    def __init__(self, identity: Identity | None, book: Records) -> None:
        self._identity, self._book = identity, book

    def guarded(self, route: Route) -> Route:
        """Return the route behind its door. Raises KeyError: it has no row in the table."""
        rows = {method: BY_ROUTE[method, route.path] for method in route.methods or () if method != "HEAD"}
        handler: Handler = route.endpoint

        async def enter(request: Request) -> Response:
            await self.ask(request, rows["GET" if request.method == "HEAD" else request.method])
            return await handler(request)

        return Route(route.path, enter, methods=sorted(rows))

    async def ask(self, request: Request, action: Action) -> None:
        """Return where who asks may do it.

        Raises:
            Unauthenticated: nobody is known by what was shown, or nothing was.
            Forbidden: their roles do not let them (``identity.role``).
            AuditUnavailable: that could not be put on record.
        """
        caller = self._caller(request)
        if caller is None or may(caller.roles, action):
            return
        said = {"action": action.name, "roles": sorted(caller.roles), "tenant": caller.tenant}
        self._book.event("admin.forbidden", by=caller.key_id, details=said)
        await self._book.durable()
        raise Forbidden(sentence(caller.roles, action), code="identity.role")

    def _caller(self, request: Request) -> Caller | None:
        """Return who asks; ``None``: the machine's own user. Raises Unauthenticated."""
        shown = shown_in(request.scope)
        if shown is None and request.scope.get(_MACHINE):
            return None
        try:
            if self._identity is None:
                raise Unauthenticated
            caller = self._identity.identify(shown)
        except Unauthenticated as error:
            self._book.denial(code=error.code, status=error.status, source=client_address(request.scope))
            raise
        request.scope[_CALLER] = caller
        return caller


class OnSocket:
    """The admin API as it is on the socket. ``keyed`` is the same where only keys open it."""

    def __init__(self, keyed: ASGIApp) -> None:
        self.keyed = keyed

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await self.keyed({**scope, _MACHINE: True}, receive, send)


def caller_of(request: Request) -> Caller | None:
    """Return who passed the door by a key; ``None``: the machine's own user."""
    found: Caller | None = request.scope.get(_CALLER)
    return found
