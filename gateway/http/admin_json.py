"""What handlers of the admin API share: bodies in, JSON out, and who it is that asks."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, BodyTooLarge
from gateway.http.admin_doors import caller_of

MAX_BODY_BYTES = 64 * 1024
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._@-]")

T = TypeVar("T")


async def body_of(request: Request, wanted: type[T], most_bytes: int = MAX_BODY_BYTES) -> T:
    """Return the decoded body. Raises BadRequest, BodyTooLarge."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > most_bytes:
            raise BodyTooLarge
    try:
        return msgspec.json.decode(bytes(raw), type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec's own text, which may quote a value: the one who reads it is the operator who sent it
        raise BadRequest(f"The body is not valid: {error}.") from error


def operator_of(request: Request) -> str:
    """Return the id of the key that does this; without one, what the machine's own user says of itself."""
    caller = caller_of(request)
    if caller is not None:
        return caller.key_id
    return _NOT_IN_A_NAME.sub("", request.headers.get("x-sekisho-by", ""))[:64] or "unknown"


def json_response(content: object, status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
