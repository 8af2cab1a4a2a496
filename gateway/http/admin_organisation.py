"""The admin API's routes for tenants and projects, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    tenants             all that are declared or that keys name, and what depends on each
GET    tenants/{name}      one
POST   tenants/{name}      {"how": "add" | "change" | "remove", "fields": {…}, "dry_run": BOOL}
…      projects            the same, by TENANT/PROJECT
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.admin_json import body_of, json_response, operator_of
from gateway.organising import OrganisationOffice, Wish
from gateway.policy.organisation_edit import Section


class AdminOrganisation:
    """The handlers of one section. Two instances per server."""

    def __init__(self, office: OrganisationOffice, section: Section) -> None:
        self._office, self._section = office, section

    async def all(self, request: Request) -> Response:
        return json_response({"data": await asyncio.to_thread(self._office.show, self._section)})

    async def one(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method != "POST":
            return json_response(await asyncio.to_thread(self._office.one, self._section, name))
        wish = await body_of(request, Wish)
        return json_response(await self._office.change(self._section, name, wish, operator_of(request)))


def organisation_routes(office: OrganisationOffice) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    tenants, projects = AdminOrganisation(office, "tenants"), AdminOrganisation(office, "projects")
    return [
        Route("/admin/v1/tenants", tenants.all, methods=["GET"]),
        Route("/admin/v1/tenants/{name}", tenants.one, methods=["GET", "POST"]),
        Route("/admin/v1/projects", projects.all, methods=["GET"]),
        Route("/admin/v1/projects/{name:path}", projects.one, methods=["GET", "POST"]),
    ]
