"""The admin API's routes for policies, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    policy                              what is in force, what else is on the shelf, what differs from the files
POST   policy/revisions                    build a revision of what the files say; {"from": PATH}: take one in
GET    policy/revisions/{id}               one of them
POST   policy/revisions/{id}/signatures    add a person's signature: {"keyid": …, "sig": …}
PUT    policy/in-force                     {"revision": ID or PATH}: put it in force
POST   policy/rollback                     put the one before in force again
GET    policy/signers                      whose signatures count
POST   policy/signers                      let a person's signatures count
DELETE policy/signers/{name}               let them count no more
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import BadRequest, SetupError
from gateway.http.admin import body_of, json_response, operator_of
from gateway.policy.life import dsse
from gateway.policy.life.activation import PolicyLife, signer_view
from gateway.policy.life.signers import Role, Signer

T = TypeVar("T")


class _Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"folder": "from"}):
    """Body of ``POST policy/revisions``."""

    folder: str = ""


class _NewSigner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST policy/signers``. ``approvals`` are approvers' signatures, once there are any."""

    name: str
    public_key: str
    roles: tuple[Role, ...]
    approvals: tuple[dsse.Signature, ...] = ()


class _Removal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``DELETE policy/signers/{name}``."""

    approvals: tuple[dsse.Signature, ...] = ()


class _Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PUT policy/in-force``."""

    revision: str


class AdminPolicy:
    """The handlers. One instance per server."""

    def __init__(self, life: PolicyLife) -> None:
        self._life = life

    async def policy(self, request: Request) -> Response:
        return json_response(await _told(asyncio.to_thread(self._life.status)))

    async def revisions(self, request: Request) -> Response:
        wish, by = await body_of(request, _Wish), operator_of(request)
        made = self._life.take(Path(wish.folder), by) if wish.folder else self._life.build(by)
        return json_response(await _told(made), status=201)

    async def revision(self, request: Request) -> Response:
        return json_response(await _told(asyncio.to_thread(self._life.show, request.path_params["revision"])))

    async def signatures(self, request: Request) -> Response:
        signature = await body_of(request, dsse.Signature)
        signed = self._life.sign(request.path_params["revision"], signature, operator_of(request))
        return json_response(await _told(signed), status=201)

    async def in_force(self, request: Request) -> Response:
        chosen = await body_of(request, _Chosen)
        return json_response(await _told(self._life.activate(chosen.revision, operator_of(request))))

    async def rollback(self, request: Request) -> Response:
        return json_response(await _told(self._life.rollback(operator_of(request))))

    async def signers(self, request: Request) -> Response:
        if request.method == "POST":
            new = await body_of(request, _NewSigner)
            signer = Signer(name=new.name, public_key=new.public_key, roles=new.roles)
            added = self._life.add_signer(signer, operator_of(request), new.approvals)
            return json_response(await _told(added), status=201)
        return json_response({"data": [signer_view(signer) for signer in self._life.signers.list()]})

    async def signer(self, request: Request) -> Response:
        approvals = (await body_of(request, _Removal)).approvals
        removed = self._life.remove_signer(request.path_params["name"], operator_of(request), approvals)
        return json_response(await _told(removed))


def policy_routes(life: PolicyLife) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    admin = AdminPolicy(life)
    return [
        Route("/admin/v1/policy", admin.policy, methods=["GET"]),
        Route("/admin/v1/policy/revisions", admin.revisions, methods=["POST"]),
        Route("/admin/v1/policy/revisions/{revision}", admin.revision, methods=["GET"]),
        Route("/admin/v1/policy/revisions/{revision}/signatures", admin.signatures, methods=["POST"]),
        Route("/admin/v1/policy/in-force", admin.in_force, methods=["PUT"]),
        Route("/admin/v1/policy/rollback", admin.rollback, methods=["POST"]),
        Route("/admin/v1/policy/signers", admin.signers, methods=["GET", "POST"]),
        Route("/admin/v1/policy/signers/{name}", admin.signer, methods=["DELETE"]),
    ]


async def _told(work: Awaitable[T]) -> T:
    """Return what the work does; what is wrong with a policy is for its author to mend, so it is told with 400."""
    try:
        return await work
    except SetupError as error:
        raise BadRequest(f"{error.problem} {error.mend}".strip(), code="policy.refused") from error
