"""The admin API's routes for batches, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET  batches              all of them, newest first: ?tenant=…&unfinished=true&limit=…&after=ID
GET  batches/{id}         one: whose, how far; never what stands in it
POST batches/{id}/cancel  {"reason": …}: no line begins any more; those that run may end
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest
from gateway.http.admin import body_of, json_response, operator_of
from gateway.kept.batch_office import MOST_SHOWN, Wish

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+\Z")]


class Office(Protocol):
    """What this needs of :class:`gateway.kept.batch_office.BatchOffice`."""

    def page(self, wish: Wish) -> Awaitable[dict[str, Any]]: ...

    def find(self, batch_id: str) -> Awaitable[dict[str, Any]]: ...

    def cancel(self, batch_id: str, by: str, reason: str) -> Awaitable[dict[str, Any]]: ...


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST batches/{id}/cancel``: in one's own words, without anything of a prompt. It goes on record."""

    reason: Reason


def batch_routes(office: Office) -> list[Route]:
    """Return the routes, for :func:`gateway.http.admin.admin_app`."""

    async def page(request: Request) -> Response:
        return json_response(await office.page(wanted(request.query_params.multi_items())))

    async def one(request: Request) -> Response:
        return json_response(await office.find(request.path_params["batch"]))

    async def cancel(request: Request) -> Response:
        why = await body_of(request, Why)
        return json_response(await office.cancel(request.path_params["batch"], operator_of(request), why.reason))

    return [
        Route("/admin/v1/batches", page, methods=["GET"]),
        Route("/admin/v1/batches/{batch}", one, methods=["GET"]),
        Route("/admin/v1/batches/{batch}/cancel", cancel, methods=["POST"]),
    ]


def wanted(parameters: list[tuple[str, str]]) -> Wish:
    """Return what the parameters of a request ask for. Raises BadRequest: unknown, twice, or no such value."""
    said = dict(parameters)
    if len(said) != len(parameters) or said.keys() - set(Wish.__struct_fields__):
        raise BadRequest("The parameters are tenant, unfinished, limit and after, each once.", code="admin.refused")
    limit = said.get("limit", str(Wish().limit))
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 5 and 0 < int(limit) <= MOST_SHOWN):
        raise BadRequest(f"limit is 1 to {MOST_SHOWN}.", code="admin.refused", param="limit")
    unfinished = said.get("unfinished", "false")
    if unfinished not in ("true", "false"):
        raise BadRequest("unfinished is true or false.", code="admin.refused", param="unfinished")
    return Wish(said.get("tenant", ""), unfinished == "true", int(limit), said.get("after", ""))
