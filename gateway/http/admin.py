"""The admin API: changes to the running server, over a Unix socket that only its own user can open.

Routes, all JSON, all under ``/admin/v1``; errors have OpenAI's shape::

    GET    keys               all keys, as people may see them
    POST   keys               make one; the answer holds the key, once
    DELETE keys/{id or name}  revoke it
    POST   keys/{…}/rotate    {"overlap_seconds": …}: another text of it; the answer holds it, once
    DELETE keys/{…}/overlap   the text that it had before works no more
    GET    models             known models, and whether their bytes are there
    POST   models             make a model known by its manifest
    PUT    aliases/{alias}    let an alias stand for a model
    GET    status             what the server says of itself
    …      policy             the life of a policy: gateway.http.admin_policy
    …      audit              searching the audit log: gateway.http.admin_audit
    POST   audit/exports      sign the manifest of an export: gateway.http.admin_exports

Whoever may open the socket (mode 0600, in a folder of mode 0700) is the machine's own user, and may do everything; with
a key, there or at the server's own address, one may do what :mod:`gateway.identity.roles` says
(:mod:`gateway.http.admin_doors`). Every change is on record before it takes effect, and has taken effect when the
answer comes. ``x-sekisho-by`` names the machine's own user in that record; it is what the command line says, not a
proof.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, MethodNotAllowed, RouteNotFound, SekishoError, SetupError
from gateway.http.admin_doors import Doors, OnSocket, Records
from gateway.http.admin_json import MAX_BODY_BYTES, body_of, json_response, operator_of
from gateway.http.admin_roles import role_routes
from gateway.http.wire import error_headers
from gateway.identity.door import Identity
from gateway.identity.office import Events, KeyOffice, Register
from gateway.identity.record import NewKey

__all__ = ["MAX_BODY_BYTES", "admin_app", "admin_socket", "body_of", "json_response", "operator_of"]

USUAL_OVERLAP_SECONDS = 7 * 86_400
MOST_OVERLAP_SECONDS = 366 * 86_400
SOCKET_NAME = "admin.sock"
MAX_SOCKET_PATH_BYTES = 100


class Shelf(Protocol):
    """What this API needs of the model registry."""

    def describe(self) -> list[dict[str, object]]:
        """Return one plain object per model."""

    def register(self, manifest: dict[str, object]) -> None:
        """Make a model known, durably. Raises SetupError when the manifest is not valid or its name is taken."""

    def set_alias(self, alias: str, model: str) -> None:
        """Let ``alias`` stand for ``model``, durably. Raises SetupError when it may not."""


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PUT aliases/{alias}``."""

    model: str


class KeyRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST keys/{key}/rotate``."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=MOST_OVERLAP_SECONDS)] = USUAL_OVERLAP_SECONDS


class Admin:
    """The handlers. One instance per server."""

    def __init__(self, keys: KeyOffice, book: Events, status: Callable[[], Mapping[str, Any]], shelf: Shelf) -> None:
        self._keys = keys
        self._book = book
        self._status = status
        self._shelf = shelf

    async def keys(self, request: Request) -> Response:
        if request.method == "POST":
            wish = await body_of(request, NewKey)
            return json_response(await self._keys.create(wish, operator_of(request)), status=201)
        return json_response({"data": self._keys.show()})

    async def key(self, request: Request) -> Response:
        return json_response(await self._keys.revoke(request.path_params["key"], operator_of(request)))

    async def rotate(self, request: Request) -> Response:
        overlap = timedelta(seconds=(await body_of(request, KeyRotation)).overlap_seconds)
        view = await self._keys.rotate(request.path_params["key"], overlap, operator_of(request))
        return json_response(view, status=201)

    async def overlap(self, request: Request) -> Response:
        return json_response(await self._keys.end_overlap(request.path_params["key"], operator_of(request)))

    async def models(self, request: Request) -> Response:
        if request.method == "POST":
            manifest = await body_of(request, dict[str, object])
            await self._change("model.added", partial(self._shelf.register, manifest), operator_of(request), **manifest)
        return json_response({"data": await asyncio.to_thread(self._shelf.describe)})

    async def alias(self, request: Request) -> Response:
        alias, model = request.path_params["alias"], (await body_of(request, Alias)).model
        change = partial(self._shelf.set_alias, alias, model)
        await self._change("model.alias", change, operator_of(request), alias=alias, model=model)
        return json_response({"alias": alias, "model": model})

    async def status(self, request: Request) -> Response:
        return json_response(self._status())

    async def _change(self, what: str, change: Callable[[], None], by: str, **details: object) -> None:
        """Carry out a change of the shelf; what it refuses is on record too, as ``….refused``."""
        self._book.event(what, by=by, details=details)
        await self._book.durable()
        try:
            await asyncio.to_thread(change)
        except SetupError as error:
            self._book.event(f"{what}.refused", by=by, details=details)
            raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error


def admin_app(
    keys: Register,
    book: Records,
    status: Callable[[], Mapping[str, Any]],
    shelf: Shelf,
    more: Sequence[Route] = (),
    identity: Identity | None = None,
) -> OnSocket:
    """Return the ASGI application, to be served on :func:`admin_socket`; its ``keyed`` may be served elsewhere.

    Args:
        keys: the server's own key register, so that a change takes effect at once.
        book: where changes are written before they take effect.
        status: what ``sekisho doctor`` shows of a running server; plain JSON, called for each request.
        shelf: the server's own model registry.
        more: routes of other files, such as :func:`gateway.http.admin_policy.policy_routes`.
        identity: who knows keys; without one, only the machine's own user comes in.

    Raises:
        KeyError: a route has no row in :mod:`gateway.identity.roles`.
    """
    doors = Doors(identity, book)
    admin = Admin(KeyOffice(keys, book), book, status, shelf)
    routes = [
        Route("/admin/v1/keys", admin.keys, methods=["GET", "POST"]),
        Route("/admin/v1/keys/{key}", admin.key, methods=["DELETE"]),
        Route("/admin/v1/keys/{key}/rotate", admin.rotate, methods=["POST"]),
        Route("/admin/v1/keys/{key}/overlap", admin.overlap, methods=["DELETE"]),
        Route("/admin/v1/models", admin.models, methods=["GET", "POST"]),
        Route("/admin/v1/aliases/{alias:path}", admin.alias, methods=["PUT"]),
        Route("/admin/v1/status", admin.status, methods=["GET"]),
        *role_routes(doors),
        *more,
    ]
    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        SekishoError: _refused,
        SetupError: _could_not,
        HTTPException: _unknown,
        Exception: _own_error,
    }
    return OnSocket(Starlette(routes=[doors.guarded(route) for route in routes], exception_handlers=handlers))


def admin_socket(run: Path, name: str = SOCKET_NAME) -> socket.socket:
    """Bind ``<run>/<name>``, mode 0600, and return it listening; one left by a dead server is replaced.

    Hand it to uvicorn as ``Server.serve(sockets=[...])``: uvicorn's own ``uds`` option makes a socket that everybody
    can open. Remove the file at the end.

    Raises:
        SetupError: the path is too long, or the folder cannot be used.
    """
    path = run / name
    if len(str(path).encode()) >= MAX_SOCKET_PATH_BYTES:
        raise SetupError(f"The socket path {path} is too long.", "Set run_dir in sekisho.yaml to a shorter one.")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        listener.close()
        raise SetupError(f"The socket {path} cannot be made.", "Check the owner of that folder.") from error
    listener.listen(16)
    return listener


def _error(error: SekishoError) -> Response:
    detail = {"message": error.message, "type": error.openai_type, "param": error.param, "code": error.code}
    answer = json_response({"error": detail}, error.status)
    answer.headers.update({name.decode(): value.decode() for name, value in error_headers(error)})
    return answer


async def _refused(request: Request, error: Exception) -> Response:
    return _error(error if isinstance(error, SekishoError) else SekishoError())


async def _could_not(request: Request, error: Exception) -> Response:
    return _error(SekishoError(str(error), code="admin.failed"))


async def _unknown(request: Request, error: Exception) -> Response:
    wrong_method = isinstance(error, HTTPException) and error.status_code == 405
    return _error(MethodNotAllowed() if wrong_method else RouteNotFound())


async def _own_error(request: Request, error: Exception) -> Response:
    return _error(SekishoError())
