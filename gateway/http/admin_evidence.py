"""The admin API's route for evidence packs, under ``/admin/v1``; see :mod:`gateway.http.admin`::

POST   audit/evidence    {"manifest": base64}: put a pack on record and sign its manifest
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.audit.evidence.office import EvidenceOffice
from gateway.audit.export.manifest import ManifestError
from gateway.audit.export.office import MOST_BYTES
from gateway.errors import BadRequest
from gateway.http.admin import body_of, json_response, operator_of


class PackWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST audit/evidence``."""

    manifest: str


class AdminEvidence:
    """The handler. One instance per server."""

    def __init__(self, office: EvidenceOffice) -> None:
        self._office = office

    async def packs(self, request: Request) -> Response:
        wish = await body_of(request, PackWish, most_bytes=MOST_BYTES)
        try:
            signed = await self._office.sign(wish.manifest, operator_of(request))
        except ManifestError as error:
            raise BadRequest(f"The manifest is not signed: {error}.", code="admin.refused") from error
        return json_response(signed, status=201)


def evidence_routes(office: EvidenceOffice) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    return [Route("/admin/v1/audit/evidence", AdminEvidence(office).packs, methods=["POST"])]
