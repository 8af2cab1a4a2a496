"""Lists of what a caller keeps here, page by page, as OpenAI's API has them: ``after``, ``limit``, ``order``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import Request, Response

from gateway.errors import BadRequest
from gateway.http.responses_kept import page_of

KEPT_NOWHERE = {"cache-control": "no-store"}


def page(
    request: Request, items: Sequence[dict[str, Any]], *, most: int, usual: int, more: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the page that a query asks for. Raises BadRequest: naming the parameter.

    Args:
        items: oldest first, each with an ``id``.
        more: parameters that the route reads itself.
    """
    query = request.query_params
    for name in query:
        if name not in ("after", "limit", "order", *more):
            raise BadRequest(f"Unknown parameter: `{name}`.", code="unknown_parameter", param=name)
    order, said = query.get("order", "desc"), query.get("limit", str(usual))
    if order not in ("asc", "desc"):
        raise wrong("order", "`order` is asc or desc.")
    if not (said.isascii() and said.isdigit() and len(said) <= len(str(most)) and 1 <= int(said) <= most):
        raise wrong("limit", f"`limit` is a number from 1 to {most}.")
    return page_of(items, query.get("after"), int(said), newest_first=order == "desc")


def wrong(param: str, problem: str, code: str = "invalid_value") -> BadRequest:
    return BadRequest(problem, code=code, param=param)


def json_of(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), headers=KEPT_NOWHERE, media_type="application/json")
