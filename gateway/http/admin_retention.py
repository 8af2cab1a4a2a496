"""The admin API's routes for how long records are kept, under ``/admin/v1``; see :mod:`gateway.http.admin`::

POST   audit/prune    cut the beginning off every log that may lose it: {"before": TIME, "dry_run": BOOL}, both optional
GET    audit/holds    all legal holds
POST   audit/holds    hold a log, or all: {"reason": …, "log": …}
DELETE audit/holds    end the hold on a log, or all of them: {"reason": …, "log": …}
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, SetupError
from gateway.http.admin import body_of, json_response, operator_of

T = TypeVar("T")


class Office(Protocol):
    """What this needs of :class:`gateway.audit.retention.RetentionOffice`."""

    async def prune(self, by: str, before: str = "", *, asked: bool = True, dry_run: bool = False) -> Sequence[Any]: ...

    def held(self) -> Sequence[Any]: ...

    async def hold(self, by: str, reason: str, log: str = "") -> Sequence[Any]: ...

    async def release(self, by: str, reason: str, log: str = "") -> Sequence[Any]: ...


class PruneWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST audit/prune``. ``before`` is RFC 3339 in UTC."""

    before: str = ""
    dry_run: bool = False


class HoldWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST`` and ``DELETE audit/holds``. ``log`` is ``site/node/worker/class``; empty: all."""

    reason: str
    log: str = ""


class AdminRetention:
    """The handlers. One instance per server."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def prune(self, request: Request) -> Response:
        wish = await body_of(request, PruneWish)
        done = self._office.prune(operator_of(request), wish.before, dry_run=wish.dry_run)
        return json_response({"data": await done})

    async def holds(self, request: Request) -> Response:
        if request.method == "GET":
            return json_response({"data": await asyncio.to_thread(self._office.held)})
        wish = await body_of(request, HoldWish)
        change = self._office.hold if request.method == "POST" else self._office.release
        return json_response({"data": await _told(change(operator_of(request), wish.reason, wish.log))})


async def _told(change: Awaitable[T]) -> T:
    try:
        return await change
    except SetupError as error:
        raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error


def retention_routes(office: Office) -> list[Route]:
    """Return the routes, to be given to :func:`gateway.http.admin.admin_app`."""
    admin = AdminRetention(office)
    return [
        Route("/admin/v1/audit/prune", admin.prune, methods=["POST"]),
        Route("/admin/v1/audit/holds", admin.holds, methods=["GET", "POST", "DELETE"]),
    ]
