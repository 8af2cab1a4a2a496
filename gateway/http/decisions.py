"""``/v1/decisions``: a caller's own decisions in words, receipts of where its prompts went, and previews.

A decision is shown to keys of the tenant and project that it was made for; to everybody else it does not exist. A
preview is a request that stops at the decision: it is read, searched and decided by the code that real ones pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from gateway.domain import Caller
from gateway.errors import BadRequest, DecisionNotFound
from gateway.http.arrival import HttpArrival, Scope
from gateway.http.body import Receive, convert, parse_object
from gateway.http.call import Api
from gateway.http.endpoint import Endpoint
from gateway.http.fields import Strict
from gateway.http.hangup import HangUp
from gateway.http.reply import JSON_TYPE, Reply
from gateway.http.verdict import decision_shown, language_of, plain, preview_shown
from gateway.inquiry import Inquiry
from gateway.preview import preview

PREVIEW = "/v1/decisions/preview"
SHOW = "/v1/decisions/{decision_id}"
RECEIPT = f"{SHOW}/receipt"
RECEIPT_TYPE = "application/vnd.dsse.envelope.v1+json"
_TWO_FIELDS = "A preview has two fields: `endpoint`, such as /v1/chat/completions, and `body`, the request to it."
_ID = re.compile(r"[0-9A-Za-z]{1,64}")
_KEPT_NOWHERE = {"cache-control": "no-store", "vary": "accept-language"}


class PreviewRequest(Strict):
    """Body of ``POST /v1/decisions/preview``: where a request would be sent, and the request."""

    endpoint: str
    body: dict[str, Any]


class PreviewArrival(HttpArrival):
    """A request inside a request. Headers that choose or raise count for it as for a real one."""

    def __init__(self, apis: dict[str, Api], *arguments: Any) -> None:
        super().__init__(next(iter(apis.values())), *arguments)
        self.endpoint = "decisions.preview"
        self._apis = apis

    def _open(self, raw: bytes, max_depth: int) -> tuple[Api, dict[str, Any]]:
        given = parse_object(raw, max_depth + 1)
        if given.keys().isdisjoint(PreviewRequest.__struct_fields__):  # most likely the request itself
            raise BadRequest(_TWO_FIELDS, param="endpoint")
        wish = convert(given, PreviewRequest)
        api = self._apis.get(wish.endpoint)
        if api is None:
            raise BadRequest(f"`endpoint` is one of {', '.join(self._apis)}.", param="endpoint")
        return api, wish.body


class PreviewEndpoint(Endpoint):
    """``POST /v1/decisions/preview``, as an ASGI application."""

    def __init__(self, apis: dict[str, Api], *arguments: Any) -> None:
        super().__init__(next(iter(apis.values())), *arguments)
        self._apis = apis

    def _arrive(self, scope: Scope, receive: Receive, hang_up: HangUp) -> PreviewArrival:
        return PreviewArrival(self._apis, self._settings, scope, receive, hang_up.watch)

    async def _serve(self, arrival: HttpArrival, reply: Reply) -> None:
        language = arrival.language
        async with self._checkpoint.passage(arrival) as passage:
            reply.decision_id = lambda: passage.decision_id
            seen = await preview(self._checkpoint.rooms, passage)
        spoken = [(b"content-language", language.encode()), (b"cache-control", b"no-store")]
        await reply.whole(orjson.dumps(plain(preview_shown(seen, language))), headers=[*JSON_TYPE, *spoken])


def add_decisions(app: FastAPI, inquiry: Inquiry, identify: Callable[[Request], Caller]) -> None:
    """Add the routes that look decisions up."""

    @app.get(SHOW, tags=["decisions"], summary="A decision about your request, in words")
    async def get_decision(request: Request, decision_id: str) -> Response:
        caller = identify(request)
        language = language_of(request.headers.get("accept-language", ""))
        judged = await inquiry.decision(_checked(decision_id), caller)
        shown = plain(decision_shown(judged, inquiry.sites(), language))
        headers = {**_KEPT_NOWHERE, "content-language": language}
        return Response(orjson.dumps(shown), headers=headers, media_type="application/json")

    @app.get(RECEIPT, tags=["decisions"], summary="Where your prompt went, signed")
    async def get_receipt(request: Request, decision_id: str) -> Response:
        caller = identify(request)
        receipt = await inquiry.receipt(_checked(decision_id), caller)
        return Response(receipt, headers={"cache-control": "no-store"}, media_type=RECEIPT_TYPE)


def _checked(decision_id: str) -> str:
    """Return the id if it can be one. Raises DecisionNotFound."""
    if not _ID.fullmatch(decision_id):
        raise DecisionNotFound
    return decision_id
