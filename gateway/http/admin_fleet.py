"""The admin API's routes for the models of this node, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET  fleet                how all models stand, and the memory they share
POST fleet/orders         {"model": NAME, "action": "load" | "unload" | "pin" | "unpin"}: answered when it is done;
                          with "node": NAME on that joined node
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, SetupError
from gateway.http.admin import body_of, json_response, operator_of

Action = Literal["load", "unload", "pin", "unpin"]
USED_WRONGLY = 2
"""As :class:`gateway.errors.SetupError` has it."""


class Office(Protocol):
    """What this needs of :class:`gateway.fleet.life.office.FleetOffice`."""

    def status(self) -> Mapping[str, Any]: ...

    def order(self, model: str, action: Action, by: str, node: str = "") -> Awaitable[Mapping[str, Any]]: ...


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST fleet/orders``."""

    model: str
    action: Action
    node: str = ""


def fleet_routes(office: Office) -> Sequence[Route]:
    """Return the routes, for :func:`gateway.http.admin.admin_app`."""

    async def status(request: Request) -> Response:
        return json_response(office.status())

    async def order(request: Request) -> Response:
        wish = await body_of(request, Order)
        try:
            done = await office.order(wish.model, wish.action, operator_of(request), wish.node)
        except SetupError as error:
            if error.exit_code != USED_WRONGLY:  # it could not: answered as such, and so the command line leaves with 3
                raise
            raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error
        return json_response(done)

    return [
        Route("/admin/v1/fleet", status, methods=["GET"]),
        Route("/admin/v1/fleet/orders", order, methods=["POST"]),
    ]
