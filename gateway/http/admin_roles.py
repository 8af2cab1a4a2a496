"""The admin API's routes about roles, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    roles          the table of who may do what, and the roles of who asks; null: the machine's own user
POST   roles/verbs    {"verb": "keys create"}: 200 where who asks may run that verb, else 403, on record
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest
from gateway.http.admin_doors import Doors, caller_of
from gateway.http.admin_json import body_of, json_response
from gateway.identity.roles import BY_VERB, TABLE


class Verb(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST roles/verbs``."""

    verb: str


class AdminRoles:
    """The handlers. One instance per server."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def show(self, request: Request) -> Response:
        caller = caller_of(request)
        return json_response({"data": [row._asdict() for row in TABLE], "roles": caller.roles if caller else None})

    async def verbs(self, request: Request) -> Response:
        action = BY_VERB.get((await body_of(request, Verb)).verb)
        if action is None:
            raise BadRequest("There is no such verb; one is `keys list`.", param="verb")
        await self._doors.ask(request, action)
        return json_response({"action": action.name})


def role_routes(doors: Doors) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    admin = AdminRoles(doors)
    return [
        Route("/admin/v1/roles", admin.show, methods=["GET"]),
        Route("/admin/v1/roles/verbs", admin.verbs, methods=["POST"]),
    ]
