"""The admin API's routes for limits, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    limits             every account that has bounds of its own or used something this month
GET    limits/{account}   one: key:ID, project:TENANT/PROJECT, tenant:NAME, model:NAME
PUT    limits/{account}   {"tokens_per_day": …, …}: put bounds over those of the settings; 0: no bound
DELETE limits/{account}   go back to those of the settings
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.admin import body_of, json_response, operator_of
from gateway.identity.bounds import Change
from gateway.identity.limits_office import LimitsOffice, account_named


class AdminLimits:
    """The handlers. One instance per server."""

    def __init__(self, office: LimitsOffice) -> None:
        self._office = office

    async def all(self, request: Request) -> Response:
        return json_response({"data": await self._office.show()})

    async def one(self, request: Request) -> Response:
        account = account_named(request.path_params["account"])
        if request.method == "GET":
            return json_response((await self._office.show(account))[0])
        change = None if request.method == "DELETE" else await body_of(request, Change)
        return json_response(await self._office.change(account, change, operator_of(request)))


def limit_routes(office: LimitsOffice) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    admin = AdminLimits(office)
    return [
        Route("/admin/v1/limits", admin.all, methods=["GET"]),
        Route("/admin/v1/limits/{account:path}", admin.one, methods=["GET", "PUT", "DELETE"]),
    ]
