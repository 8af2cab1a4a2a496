"""The admin API's route for exports, under ``/admin/v1``; see :mod:`gateway.http.admin`::

POST   audit/exports    {"manifest": base64}: put an export on record and sign its manifest

The command line reads the log and writes the file; only the signature is the server's, since the log's key is.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.audit.export.manifest import ManifestError
from gateway.audit.export.office import MOST_BYTES, ExportOffice
from gateway.errors import BadRequest
from gateway.http.admin import body_of, json_response, operator_of


class ExportWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST audit/exports``."""

    manifest: str


class AdminExports:
    """The handler. One instance per server."""

    def __init__(self, office: ExportOffice) -> None:
        self._office = office

    async def exports(self, request: Request) -> Response:
        wish = await body_of(request, ExportWish, most_bytes=MOST_BYTES)
        try:
            signed = await self._office.sign(wish.manifest, operator_of(request))
        except ManifestError as error:
            raise BadRequest(f"The manifest is not signed: {error}.", code="admin.refused") from error
        return json_response(signed, status=201)


def export_routes(office: ExportOffice) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    return [Route("/admin/v1/audit/exports", AdminExports(office).exports, methods=["POST"])]
