"""Engines that were built here, in the admin API: put into use, and removed. On record before it happens::

POST   engines           {"digest": …}: give a folder that waits its name
DELETE engines/{digest}  remove one
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, SetupError
from gateway.http.admin import body_of, json_response, operator_of
from gateway.identity.office import Events


class Built(Protocol):
    """What this API needs of :class:`gateway.engines.shelf.EngineShelf`."""

    def take_in(self, digest: str) -> None: ...

    def remove(self, digest: str) -> None: ...

    def details(self, digest: str) -> dict[str, object]:
        """Return what a record says of one, in use or waiting. Raises SetupError when there is none."""


class _Taken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    digest: str


def engine_routes(shelf: Built, book: Events) -> Sequence[Route]:
    """Return the routes, for :func:`gateway.http.admin.admin_app`."""

    async def change(what: str, digest: str, action: Callable[[], None], by: str) -> Response:
        try:
            details = await asyncio.to_thread(shelf.details, digest)
            book.event(what, by=by, details=details)
            await book.durable()
            await asyncio.to_thread(action)
        except SetupError as error:
            raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error
        return json_response(details)

    async def add(request: Request) -> Response:
        digest = (await body_of(request, _Taken)).digest
        return await change("engine.built", digest, partial(shelf.take_in, digest), operator_of(request))

    async def remove(request: Request) -> Response:
        digest = request.path_params["digest"]
        return await change("engine.removed", digest, partial(shelf.remove, digest), operator_of(request))

    return [
        Route("/admin/v1/engines", add, methods=["POST"]),
        Route("/admin/v1/engines/{digest}", remove, methods=["DELETE"]),
    ]
