"""The admin API's routes about persons and what is kept of them, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    persons/searches                    warrants to search for one person that are not long over
POST   persons/searches                    ask for one; it opens nothing yet
POST   persons/searches/{id}/signatures    add an officer's signature: {"keyid": …, "sig": …}
POST   persons/searches/{id}/result        use it: {"subject": …}, with a privacy officer's claim for values
POST   persons/erasures                    erase a person
POST   content/{item}                      one item, on a privacy officer's claim
POST   content-ends                        destroy what has ended, as is done each hour

A person's name comes in and never goes out or into a record; what is wrong with a wish is told with 400.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.audit.persons.office import EraseWish, PersonsOffice, SearchWish, ShowWish
from gateway.audit.persons.officers import Signature
from gateway.audit.persons.warrant import Claim
from gateway.errors import BadRequest, SetupError
from gateway.http.admin import body_of, json_response, operator_of

T = TypeVar("T")


class AdminPersons:
    """The handlers. One instance per server."""

    def __init__(self, office: PersonsOffice) -> None:
        self._office = office

    async def searches(self, request: Request) -> Response:
        if request.method == "POST":
            wish = await body_of(request, SearchWish)
            return json_response(await _told(self._office.request(wish, operator_of(request))), status=201)
        return json_response({"data": await _told(asyncio.to_thread(self._office.show))})

    async def signatures(self, request: Request) -> Response:
        signature = await body_of(request, Signature)
        signed = self._office.sign(request.path_params["search"], signature, operator_of(request))
        return json_response(await _told(signed), status=201)

    async def result(self, request: Request) -> Response:
        wish = await body_of(request, ShowWish)
        found = self._office.collect(request.path_params["search"], wish, operator_of(request))
        return json_response(await _told(found))

    async def erasures(self, request: Request) -> Response:
        wish = await body_of(request, EraseWish)
        return json_response(await _told(self._office.erase(wish, operator_of(request))), status=201)

    async def content(self, request: Request) -> Response:
        claim = await body_of(request, Claim)
        return json_response(await _told(self._office.read(request.path_params["item"], claim, operator_of(request))))

    async def ends(self, request: Request) -> Response:
        return json_response(await _told(self._office.prune(operator_of(request))), status=201)


def persons_routes(office: PersonsOffice) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    admin = AdminPersons(office)
    return [
        Route("/admin/v1/persons/searches", admin.searches, methods=["GET", "POST"]),
        Route("/admin/v1/persons/searches/{search}/signatures", admin.signatures, methods=["POST"]),
        Route("/admin/v1/persons/searches/{search}/result", admin.result, methods=["POST"]),
        Route("/admin/v1/persons/erasures", admin.erasures, methods=["POST"]),
        Route("/admin/v1/content/{item}", admin.content, methods=["POST"]),
        Route("/admin/v1/content-ends", admin.ends, methods=["POST"]),
    ]


async def _told(work: Awaitable[T]) -> T:
    try:
        return await work
    except SetupError as error:
        raise BadRequest(f"{error.problem} {error.mend}".strip(), code="admin.refused") from error
