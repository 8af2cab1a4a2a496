"""The admin API's routes for secrets and their rotation, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    secrets                     what is in force for each purpose, by id, and what still counts beside it
POST   secrets/{purpose}/rotate    {"overlap_seconds": …}: let a new secret follow; null: the usual overlap
DELETE secrets/{purpose}/overlap   let the old one count no more

Purposes are ``log``, ``pepper`` and ``tenants``. No secret ever comes out of here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Annotated, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, RouteNotFound, SetupError
from gateway.http.admin import body_of, json_response, operator_of
from gateway.keys.generations import PURPOSES, Purpose
from gateway.keys.office import LONGEST_OVERLAP, RotationOffice

T = TypeVar("T")
_MOST_SECONDS = int(LONGEST_OVERLAP.total_seconds())


class Rotate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST secrets/{purpose}/rotate``."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=_MOST_SECONDS)] | None = None


class AdminSecrets:
    """The handlers. One instance per server."""

    def __init__(self, office: RotationOffice) -> None:
        self._office = office

    async def show(self, request: Request) -> Response:
        return json_response({"data": await _told(asyncio.to_thread(self._office.show))})

    async def rotate(self, request: Request) -> Response:
        wish = await body_of(request, Rotate)
        overlap = None if wish.overlap_seconds is None else timedelta(seconds=wish.overlap_seconds)
        view = await _told(self._office.rotate(_purpose(request), operator_of(request), overlap))
        return json_response(view, status=201)

    async def overlap(self, request: Request) -> Response:
        return json_response(await _told(self._office.end_overlap(_purpose(request), operator_of(request))))


def secret_routes(office: RotationOffice) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    secrets = AdminSecrets(office)
    return [
        Route("/admin/v1/secrets", secrets.show, methods=["GET"]),
        Route("/admin/v1/secrets/{purpose}/rotate", secrets.rotate, methods=["POST"]),
        Route("/admin/v1/secrets/{purpose}/overlap", secrets.overlap, methods=["DELETE"]),
    ]


def _purpose(request: Request) -> Purpose:
    found = next((purpose for purpose in PURPOSES if purpose == request.path_params["purpose"]), None)
    if found is None:
        raise RouteNotFound(f"A purpose is one of {', '.join(PURPOSES)}.", param="purpose")
    return found


async def _told(work: Awaitable[T]) -> T:
    """Tell what a rotation refuses as a refusal."""
    try:
        return await work
    except SetupError as error:
        raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error
