"""The admin API's routes for searching the audit log, under ``/admin/v1``; see :mod:`gateway.http.admin`::

GET    audit             records that match, newest first, a page at a time
POST   audit/searches    put a search on record that was made beside the server

``GET audit`` takes the fields of the index (:data:`gateway.audit.index.words.FIELDS`), each more than once: one of its
words must be the record's. Further ``since`` and ``until`` (RFC 3339), ``request``, ``decision_id``, ``text``,
``order`` (``newest`` or ``oldest``), ``limit`` (1 to 1000) and ``after``, the ``next`` of the page before. The answer::

    {"data": [record, …], "next": "…", "found": 1200, "by": "index", "note": ""}

``next`` is empty at the end; it holds while the log grows. A page may have no record and yet a next one. ``found`` is
``null`` where counting would take reading. Who may open the socket may search, and each search is on record.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.audit.index.office import MOST_ROWS, Searched
from gateway.audit.index.query import Query, WrongQuery, moment
from gateway.audit.index.search import Page
from gateway.audit.index.words import FIELDS
from gateway.errors import BadRequest
from gateway.http.admin import body_of, json_response, operator_of

DEFAULT_ROWS = 100
OTHERS = ("since", "until", "request", "decision_id", "text", "order", "limit", "after")
"""Parameters that are no fields; each at most once."""


class Office(Protocol):
    """Who searches, and puts it on record."""

    async def page(self, query: Query, limit: int, after: str, by: str) -> Page: ...

    async def tell(self, searched: Searched, by: str) -> None: ...


class AdminAudit:
    """The handlers. One instance per server."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def audit(self, request: Request) -> Response:
        try:
            query, limit, after = wanted(request.query_params.multi_items())
            page = await self._office.page(query, limit, after, operator_of(request))
        except WrongQuery as error:
            raise BadRequest(f"The search is not valid: {error}.", code="admin.refused") from error
        return _answer(page)

    async def searches(self, request: Request) -> Response:
        searched = await body_of(request, Searched)
        await self._office.tell(searched, operator_of(request))
        return json_response({}, status=201)


def wanted(parameters: list[tuple[str, str]]) -> tuple[Query, int, str]:
    """Return what a search asks for: query, rows, cursor. Raises WrongQuery."""
    words: dict[str, tuple[str, ...]] = {}
    others: dict[str, str] = {}
    for name, value in parameters:
        if name in FIELDS:
            words[name] = (*words.get(name, ()), value)
        elif name not in OTHERS or name in others:
            raise WrongQuery(f"{name[:40]} is no parameter, or is given twice")
        else:
            others[name] = value
    since, until = (moment(others[name]) if name in others else None for name in ("since", "until"))
    ids = (others.get("request", ""), others.get("decision_id", ""))
    query = Query(words, since, until, *ids, others.get("text", ""), _is_oldest_first(others.get("order", "newest")))
    return query, _limit(others.get("limit", str(DEFAULT_ROWS))), others.get("after", "")


def _is_oldest_first(order: str) -> bool:
    if order not in ("newest", "oldest"):
        raise WrongQuery("order is newest or oldest")
    return order == "oldest"


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 0 < int(text) <= MOST_ROWS):
        raise WrongQuery(f"limit is 1 to {MOST_ROWS}")
    return int(text)


def _answer(page: Page) -> Response:
    """Return a page. Its records are canonical bytes, as they come."""
    rest = msgspec.json.encode({"next": page.next, "found": page.found, "by": page.by, "note": page.note})
    content = b'{"data":[' + b",".join(page.records) + b"]," + rest[1:]
    return Response(content, 200, {"cache-control": "no-store"}, media_type="application/json")


def audit_routes(office: Office) -> list[Route]:
    """Return the routes, to be added to the admin application."""
    admin = AdminAudit(office)
    return [
        Route("/admin/v1/audit", admin.audit, methods=["GET"]),
        Route("/admin/v1/audit/searches", admin.searches, methods=["POST"]),
    ]
