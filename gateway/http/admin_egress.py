"""The admin API's route for looks at who talks to whom, under ``/admin/v1``; see :mod:`gateway.http.admin`::

POST   egress         {"milliseconds", "processes", "sockets", "control_caught", "findings"}: put a look on record
POST   egress/proofs  {"report_sha256", "made_at", "proven", …}: put the maker's proof on record, which was checked
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.admin import body_of, json_response, operator_of
from gateway.identity.office import Events

EVENT = "admin.egress_looked"
PROVEN = "admin.egress_proven"
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Words = Annotated[str, msgspec.Meta(max_length=300)]


class Looked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST egress``. ``findings``: what no setting names, each in words; addresses and ports, no content."""

    milliseconds: Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]
    processes: _Count
    sockets: _Count
    control_caught: bool
    findings: Annotated[tuple[_Words, ...], msgspec.Meta(max_length=50)] = ()


_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Names = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=100)], ...], msgspec.Meta(max_length=50)]


class Proven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST egress/proofs``: what a report says that the command line has checked. ``keys`` signed it."""

    report_sha256: _Digest
    made_at: Annotated[str, msgspec.Meta(pattern="^[0-9TZ:-]{20}$")]
    proven: bool
    bundle_sha256: _Digest
    root_sha256: _Digest
    seen: _Count
    controls: _Count
    controls_missed: _Names
    endpoints: _Count
    commands: _Count
    keys: _Names


class AdminEgress:
    """The handlers. One instance per server."""

    def __init__(self, book: Events) -> None:
        self._book = book

    async def looked(self, request: Request) -> Response:
        said = await body_of(request, Looked)
        told = {**msgspec.to_builtins(said), "findings": list(said.findings)}
        self._book.event(EVENT, by=operator_of(request), **told)
        await self._book.durable()
        return json_response({"event": EVENT, **told}, status=201)

    async def proven(self, request: Request) -> Response:
        said = await body_of(request, Proven)
        told = {**msgspec.to_builtins(said), "controls_missed": list(said.controls_missed), "keys": list(said.keys)}
        self._book.event(PROVEN, by=operator_of(request), **told)
        await self._book.durable()
        return json_response({"event": PROVEN, **told}, status=201)


def egress_routes(book: Events) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    desk = AdminEgress(book)
    return [
        Route("/admin/v1/egress", desk.looked, methods=["POST"]),
        Route("/admin/v1/egress/proofs", desk.proven, methods=["POST"]),
    ]
