"""The admin API's routes for joined nodes, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    nodes                 those that are joined; ?removed=true: and those that were
POST   nodes/tokens          {"name": …, "site": …, "jurisdiction": …, "seconds": …}: a token, shown once
DELETE nodes/{name}          its certificate counts no more
POST   nodes/{name}/drain    no new prompts go there
DELETE nodes/{name}/drain    some go there again
POST   nodes/{name}/trust    {"reason": …}: one that lied about a model serves again
POST   nodes/{name}/update   {"file": …}: a bundle, as this machine has it, is brought there and installed by the node
GET    nodes/{name}/update   where that stands
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, RouteNotFound, SetupError
from gateway.fleet.nodes.asking import NewToken
from gateway.http.admin import body_of, json_response, operator_of

T = TypeVar("T")
View = dict[str, Any]


class Office(Protocol):
    """What this needs of :class:`gateway.fleet.nodes.enrol.Enrolment`."""

    def show(self, *, removed: bool = False) -> Sequence[View]: ...

    async def make_token(self, wish: NewToken, by: str) -> View: ...

    async def remove(self, name: str, by: str) -> View: ...

    async def drain(self, name: str, by: str, *, back: bool = False) -> View: ...

    async def trust(self, name: str, by: str, reason: str) -> View: ...


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST nodes/{name}/trust``: what stands in the record."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class Updates(Protocol):
    """What this needs of :class:`gateway.fleet.nodes.updating.Updating`."""

    def shown(self, name: str) -> msgspec.Struct: ...

    async def begin(self, name: str, file: Path, by: str) -> msgspec.Struct: ...


class UpdateWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST nodes/{name}/update``: an absolute path on this machine."""

    file: Annotated[str, msgspec.Meta(pattern="^/", max_length=4096)]


Facts = Callable[[str], View]
"""What is known now of a node by name, beside the roster: plain JSON."""


def nothing_more(name: str) -> View:
    """Nobody watches the nodes."""
    return {}


class AdminNodes:
    """The handlers. One instance per server."""

    def __init__(self, office: Office, facts: Facts, updates: Updates | None) -> None:
        self._office, self._facts, self._updates = office, facts, updates

    async def nodes(self, request: Request) -> Response:
        shown = self._office.show(removed=request.query_params.get("removed") == "true")
        return json_response({"data": [{**node, **self._facts(str(node["name"]))} for node in shown]})

    async def tokens(self, request: Request) -> Response:
        wish = await body_of(request, NewToken)
        return json_response(await _told(self._office.make_token(wish, operator_of(request))), status=201)

    async def node(self, request: Request) -> Response:
        return json_response(await _told(self._office.remove(request.path_params["name"], operator_of(request))))

    async def drain(self, request: Request) -> Response:
        name, back = request.path_params["name"], request.method == "DELETE"
        return json_response(await _told(self._office.drain(name, operator_of(request), back=back)))

    async def trust(self, request: Request) -> Response:
        said, name = await body_of(request, Reason), request.path_params["name"]
        return json_response(await _told(self._office.trust(name, operator_of(request), said.reason)))

    async def update(self, request: Request) -> Response:
        name, updates = request.path_params["name"], self._updates
        if updates is None:
            raise RouteNotFound
        if request.method == "GET":
            return json_response(msgspec.to_builtins(updates.shown(name)))
        wish = await body_of(request, UpdateWish)
        begun = await _told(updates.begin(name, Path(wish.file), operator_of(request)))
        return json_response(msgspec.to_builtins(begun), status=202)


def node_routes(office: Office, facts: Facts = nothing_more, updates: Updates | None = None) -> list[Route]:
    """Return the routes, to be given to :func:`gateway.http.admin.admin_app`.

    Args:
        office: who decides.
        facts: what is known of a node now, such as whether it answers.
        updates: who updates nodes; ``None``: nobody does here.
    """
    admin = AdminNodes(office, facts, updates)
    return [
        Route("/admin/v1/nodes", admin.nodes, methods=["GET"]),
        Route("/admin/v1/nodes/tokens", admin.tokens, methods=["POST"]),
        Route("/admin/v1/nodes/{name}", admin.node, methods=["DELETE"]),
        Route("/admin/v1/nodes/{name}/drain", admin.drain, methods=["POST", "DELETE"]),
        Route("/admin/v1/nodes/{name}/trust", admin.trust, methods=["POST"]),
        Route("/admin/v1/nodes/{name}/update", admin.update, methods=["GET", "POST"]),
    ]


async def _told(change: Awaitable[T]) -> T:
    try:
        return await change
    except SetupError as error:
        raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error
