"""The admin API's routes for anchors, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    audit/anchors     where heads go, and how that goes
POST   audit/carried     {"event", "kind", "place"}: put on record that a person carries heads away, or back
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.admin import body_of, json_response, operator_of
from gateway.identity.office import Events


class Anchors(Protocol):
    """What this API needs of the anchors."""

    def view(self) -> list[dict[str, Any]]:
        """Return one plain object per anchor."""


class _Carried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST audit/carried``."""

    event: Literal["admin.heads_carried", "admin.heads_accepted"]
    kind: Literal["media", "paper", "node", "file"]
    place: Annotated[str, msgspec.Meta(max_length=500)]


class AdminAnchor:
    """The handlers. One instance per server."""

    def __init__(self, anchors: Anchors, book: Events) -> None:
        self._anchors = anchors
        self._book = book

    async def anchors(self, request: Request) -> Response:
        return json_response({"data": self._anchors.view()})

    async def carried(self, request: Request) -> Response:
        said = await body_of(request, _Carried)
        self._book.event(said.event, by=operator_of(request), kind=said.kind, place=said.place)
        await self._book.durable()
        return json_response({"event": said.event, "kind": said.kind, "place": said.place}, status=201)


def anchor_routes(anchors: Anchors, book: Events) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    admin = AdminAnchor(anchors, book)
    return [
        Route("/admin/v1/audit/anchors", admin.anchors, methods=["GET"]),
        Route("/admin/v1/audit/carried", admin.carried, methods=["POST"]),
    ]
