"""The admin API's routes for break-glass grants, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    policy/break-glass                    all grants that are in force, wait, or were over less than 30 days ago
POST   policy/break-glass                    ask for one; it opens nothing yet
POST   policy/break-glass/{id}/signatures    add an approver's signature: {"keyid": …, "sig": …}
DELETE policy/break-glass/{id}               end it

What was changed is in force at OPA when the answer comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, SetupError
from gateway.http.admin import body_of, json_response, operator_of
from gateway.policy.glass.grant import Wish
from gateway.policy.glass.office import BreakGlassOffice
from gateway.policy.life.dsse import Signature

T = TypeVar("T")


class AdminBreakGlass:
    """The handlers. One instance per server."""

    def __init__(self, office: BreakGlassOffice) -> None:
        self._office = office

    async def grants(self, request: Request) -> Response:
        if request.method == "POST":
            wish = await body_of(request, Wish)
            return json_response(await _told(self._office.request(wish, operator_of(request))), status=201)
        return json_response({"data": await _told(asyncio.to_thread(self._office.show))})

    async def signatures(self, request: Request) -> Response:
        signature = await body_of(request, Signature)
        signed = self._office.sign(request.path_params["grant"], signature, operator_of(request))
        return json_response(await _told(signed), status=201)

    async def grant(self, request: Request) -> Response:
        return json_response(await _told(self._office.end(request.path_params["grant"], operator_of(request))))


def break_glass_routes(office: BreakGlassOffice) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    admin = AdminBreakGlass(office)
    return [
        Route("/admin/v1/policy/break-glass", admin.grants, methods=["GET", "POST"]),
        Route("/admin/v1/policy/break-glass/{grant}", admin.grant, methods=["DELETE"]),
        Route("/admin/v1/policy/break-glass/{grant}/signatures", admin.signatures, methods=["POST"]),
    ]


async def _told(work: Awaitable[T]) -> T:
    """Return what the work does; what is wrong with a wish is for its author to mend, so it is told with 400."""
    try:
        return await work
    except SetupError as error:
        raise BadRequest(f"{error.problem} {error.mend}".strip(), code="policy.refused") from error
