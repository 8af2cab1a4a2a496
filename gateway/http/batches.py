"""``/v1/batches``: many requests in one file, which run while nobody else wants the engines."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Request, Response

from gateway.errors import BadRequest, ClientGone
from gateway.http.body import convert, parse_object, read_body
from gateway.http.files import Identify, seconds_after
from gateway.http.pages import json_of, page, wrong
from gateway.inquiry import Inquiry
from gateway.kept.batches import KeptBatches
from gateway.kept.files_door import ENDPOINTS, Wanted
from gateway.settings import ServerSettings

LONGEST_HOURS = 7 * 24
HEADERS = ("x-sekisho-class", "x-sekisho-purpose", "x-sekisho-project", "x-sekisho-drop-params", "accept-language")
MOST_HEADER_CHARS = 512
_WINDOW = re.compile(r"([1-9][0-9]{0,2})h")
_MOST_PAGE, _PAGE = 100, 20

Text = Annotated[str, msgspec.Meta(max_length=512)]


class After(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    anchor: str
    seconds: int


class NewBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /v1/batches``."""

    input_file_id: Text
    endpoint: Text
    completion_window: Text
    metadata: Annotated[dict[Annotated[str, msgspec.Meta(max_length=64)], Text], msgspec.Meta(max_length=16)] | None = (
        None
    )
    output_expires_after: After | None = None


def add_batches(
    app: FastAPI, inquiry: Inquiry, identify: Identify, batches: KeptBatches, settings: ServerSettings
) -> None:
    """Add the routes of batches. Without a key they are 401 first, as everything is."""

    @app.post("/v1/batches", tags=["batches"], summary="Have the requests of a file run")
    async def make(request: Request) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            length = request.headers.get("content-length", "").encode("latin-1")
            try:
                raw = await read_body(request.receive, length, settings.max_body_bytes)
            except ClientGone as error:
                raise BadRequest("The connection closed before the body was whole.", param="body") from error
            asked = convert(parse_object(raw, settings.max_depth), NewBatch)
            return json_of(await batches.make(caller, _wanted(asked, request)))

    @app.get("/v1/batches", tags=["batches"], summary="Your batches")
    async def list_batches(request: Request) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            return json_of(page(request, await batches.listed(caller), most=_MOST_PAGE, usual=_PAGE))

    @app.get("/v1/batches/{batch_id}", tags=["batches"], summary="How far one of your batches is")
    async def get_batch(request: Request, batch_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            return json_of(await batches.find(caller, batch_id))

    @app.post("/v1/batches/{batch_id}/cancel", tags=["batches"], summary="End one of your batches")
    async def cancel(request: Request, batch_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            return json_of(await batches.cancel(caller, batch_id))


def _wanted(asked: NewBatch, request: Request) -> Wanted:
    """Check what is asked for. Raises BadRequest."""
    if asked.endpoint not in ENDPOINTS:
        raise wrong("endpoint", f"`endpoint` is one of {', '.join(ENDPOINTS)}.")
    window = _WINDOW.fullmatch(asked.completion_window)
    if window is None or int(window[1]) > LONGEST_HOURS:
        raise wrong("completion_window", f"`completion_window` is a number of hours up to {LONGEST_HOURS}h: 24h.")
    after, headers = asked.output_expires_after, {}
    for name in HEADERS:
        said = request.headers.get(name)
        if said is not None:
            if len(said) > MOST_HEADER_CHARS:
                raise wrong(name, f"{name} is too long.")
            headers[name] = said
    return Wanted(
        input_file_id=asked.input_file_id,
        endpoint=asked.endpoint,
        window_seconds=int(window[1]) * 3600,
        completion_window=asked.completion_window,
        metadata=asked.metadata,
        headers=headers,
        output_seconds=seconds_after(after.anchor, after.seconds, "output_expires_after") if after else 0,
    )


def parse_line(raw: bytes, most_bytes: int, max_depth: int) -> dict[str, Any]:
    """Read one line of a file. Raises ValueError: it is no JSON object, or too long."""
    if len(raw) > most_bytes:
        raise ValueError(f"A line holds at most {most_bytes} bytes.")
    try:
        return parse_object(raw, max_depth)
    except BadRequest as error:
        raise ValueError(error.message) from error
