"""The admin API's routes for models beyond :mod:`gateway.http.admin`'s own, under ``/admin/v1``::

DELETE models/{name}            take a model out of the store; refused while it is served
PUT    models/{name}/signature  keep a signature of it: {"bundle": the signature file's text}
GET    model-keys               the keys whose signatures of models count
POST   model-keys               let one count: {"name": …, "pem": …}
DELETE model-keys/{name}        let one count no more
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, SetupError
from gateway.http.admin import body_of, json_response, operator_of

MOST_SIGNATURE_BYTES = 2 * 1024 * 1024
T = TypeVar("T")


class Office(Protocol):
    """What this needs of :class:`gateway.registry.office.ModelOffice`."""

    async def remove(self, name: str, by: str) -> dict[str, Any]: ...

    async def sign(self, name: str, bundle: str, by: str) -> dict[str, Any]: ...

    def keys(self) -> Sequence[dict[str, Any]]: ...

    async def trust(self, name: str, pem: str, by: str) -> dict[str, Any]: ...

    async def distrust(self, name: str, by: str) -> dict[str, Any]: ...


class SignatureFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PUT models/{name}/signature``."""

    bundle: str


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST model-keys``. ``pem`` is a public key."""

    name: str
    pem: str


class AdminModels:
    """The handlers. One instance per server."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def model(self, request: Request) -> Response:
        return json_response(await _told(self._office.remove(request.path_params["name"], operator_of(request))))

    async def signature(self, request: Request) -> Response:
        brought = await body_of(request, SignatureFile, MOST_SIGNATURE_BYTES)
        signing = self._office.sign(request.path_params["name"], brought.bundle, operator_of(request))
        return json_response(await _told(signing))

    async def keys(self, request: Request) -> Response:
        if request.method == "POST":
            new = await body_of(request, NewKey)
            added = await _told(self._office.trust(new.name, new.pem, operator_of(request)))
            return json_response(added, status=201)
        return json_response({"data": self._office.keys()})

    async def key(self, request: Request) -> Response:
        return json_response(await _told(self._office.distrust(request.path_params["name"], operator_of(request))))


async def _told(change: Awaitable[T]) -> T:
    try:
        return await change
    except SetupError as error:
        raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error


def model_routes(office: Office) -> list[Route]:
    """Return the routes, to be given to :func:`gateway.http.admin.admin_app`."""
    admin = AdminModels(office)
    return [
        Route("/admin/v1/models/{name}/signature", admin.signature, methods=["PUT"]),
        Route("/admin/v1/models/{name}", admin.model, methods=["DELETE"]),
        Route("/admin/v1/model-keys", admin.keys, methods=["GET", "POST"]),
        Route("/admin/v1/model-keys/{name}", admin.key, methods=["DELETE"]),
    ]
