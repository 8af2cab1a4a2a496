"""``/v1/responses/{id}``: a caller comes back to an answer that was kept for it.

Each is identified, counted by the key's limits, and on record. Of an id that is not the caller's nothing can be
learnt: everywhere it is the 404 of one that never was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from gateway.domain import Caller
from gateway.errors import BadRequest, RouteNotFound
from gateway.inquiry import Inquiry
from gateway.kept.door import Item, Responses

_ONE = "/v1/responses/{response_id}"
_KEPT_NOWHERE = {"cache-control": "no-store"}
_MOST_ITEMS, _ITEMS = 100, 20
_STREAMING = "Only answers that are made behind a caller's back can be streamed again, and none is here."


def add_responses(app: FastAPI, inquiry: Inquiry, identify: Callable[[Request], Caller], responses: Responses) -> None:
    """Add the routes of single responses. Without a key they are 401 first, as everything is."""

    @app.post("/v1/responses/compact", tags=["inference"], summary="404: no conversation is compacted here")
    async def compact(request: Request) -> Response:
        identify(request)
        raise RouteNotFound

    @app.get(_ONE, tags=["inference"], summary="An answer that was kept for you")
    async def get_response(request: Request, response_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            _check_query(request, "stream", "starting_after", "include_obfuscation", "include", "include[]")
            return _json(await responses.find(caller, response_id))

    @app.delete(_ONE, tags=["inference"], summary="Destroy an answer that was kept for you")
    async def delete_response(request: Request, response_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            await responses.delete(caller, response_id)
        return _json({"id": response_id, "object": "response", "deleted": True})

    @app.get(f"{_ONE}/input_items", tags=["inference"], summary="What such an answer was made from")
    async def list_input_items(request: Request, response_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            _check_query(request, "after", "limit", "order", "include", "include[]")
            order, limit = _order(request), _limit(request)
            items = await responses.items(caller, response_id)
        return _json(page_of(items, request.query_params.get("after"), limit, newest_first=order == "desc"))

    @app.post(f"{_ONE}/cancel", tags=["inference"], summary="400: nothing runs behind a caller's back")
    async def cancel_response(request: Request, response_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            await responses.find(caller, response_id)
        raise BadRequest("Cannot cancel a synchronous response.")


def page_of(items: Sequence[Item], after: str | None, limit: int, *, newest_first: bool) -> dict[str, Any]:
    """Return a page of a list, as OpenAI's API has it. Raises BadRequest: ``after`` is none of the items."""
    ordered = list(reversed(items)) if newest_first else list(items)
    if after is not None:
        places = [number for number, item in enumerate(ordered) if item["id"] == after]
        if not places:
            raise _wrong("after", "`after` is the id of none of these items.")
        ordered = ordered[places[-1] + 1 :]
    page = ordered[:limit]
    ends = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    more = len(ordered) > len(page)
    return {"object": "list", "data": page, "first_id": ends[0], "last_id": ends[1], "has_more": more}


def _check_query(request: Request, *known: str) -> None:
    """Refuse what is not known, and what has no honest meaning here. Raises BadRequest."""
    query = request.query_params
    for name in query:
        if name not in known:
            raise BadRequest(f"Unknown parameter: `{name}`.", code="unknown_parameter", param=name)
    if query.get("stream", "false") != "false" or "starting_after" in query:
        raise _unsupported("stream", _STREAMING)
    if query.get("include_obfuscation", "false") not in ("false", "true"):
        raise _wrong("include_obfuscation", "`include_obfuscation` is true or false.")
    if "include" in query or "include[]" in query:
        raise _unsupported("include", "Nothing of it is there to include.")


def _order(request: Request) -> str:
    said = request.query_params.get("order", "desc")
    if said not in ("asc", "desc"):
        raise _wrong("order", "`order` is asc or desc.")
    return said


def _limit(request: Request) -> int:
    said = request.query_params.get("limit", str(_ITEMS))
    if not (said.isascii() and said.isdigit() and len(said) <= len(str(_MOST_ITEMS)) and 1 <= int(said) <= _MOST_ITEMS):
        raise _wrong("limit", f"`limit` is a number from 1 to {_MOST_ITEMS}.")
    return int(said)


def _wrong(param: str, problem: str) -> BadRequest:
    return BadRequest(problem, code="invalid_value", param=param)


def _unsupported(param: str, problem: str) -> BadRequest:
    return BadRequest(problem, code="unsupported_parameter", param=param)


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), headers=_KEPT_NOWHERE, media_type="application/json")
