"""The admin API's routes for the shadow of the policy in force, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    policy/shadow    what it found since its start
POST   policy/shadow    {"bundle": …, "rules": …}: start one
DELETE policy/shadow    stop it; the answer holds what it found
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, SetupError
from gateway.http.admin import body_of, json_response, operator_of
from gateway.policy.trials.shadow_office import ShadowOffice, ShadowWish

T = TypeVar("T")


class AdminShadow:
    """The handlers. One instance per server."""

    def __init__(self, office: ShadowOffice) -> None:
        self._office = office

    async def shadow(self, request: Request) -> Response:
        if request.method == "POST":
            wish = await body_of(request, ShadowWish)
            return json_response(await _told(self._office.start(wish, operator_of(request))), status=201)
        if request.method == "DELETE":
            return json_response(await _told(self._office.stop(operator_of(request))))
        return json_response(self._office.status())


def shadow_routes(office: ShadowOffice) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    return [Route("/admin/v1/policy/shadow", AdminShadow(office).shadow, methods=["GET", "POST", "DELETE"])]


async def _told(work: Awaitable[T]) -> T:
    """Tell what a start or a stop refuses as a refusal."""
    try:
        return await work
    except SetupError as error:
        raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error
