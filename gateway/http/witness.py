"""The HTTP side of a witness (C2SP ``tlog-witness``): ``POST /add-checkpoint``, and nothing else.

Whoever can reach it may ask: a checkpoint that no trusted key signed is refused, and a cosignature is no secret. See
:mod:`gateway.audit.anchor.witness` for the rules.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.audit.anchor.witness import MOST_BODY_BYTES, Answer, WitnessOffice
from gateway.audit.log.note import NoteError

_log = logging.getLogger("sekisho.witness")


def witness_app(office: WitnessOffice) -> Starlette:
    """Return the ASGI application of a witness."""

    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BODY_BYTES:
                return Response("too large\n", 413)
        answer = await asyncio.to_thread(_answered, office, bytes(body))
        return Response(answer.body, answer.status, {"content-type": answer.media_type})  # no charset is added so

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])


def _answered(office: WitnessOffice, body: bytes) -> Answer:
    """Return the witness's answer; where it cannot remember, it does not cosign."""
    try:
        answer = office.add_checkpoint(body)
    except (OSError, NoteError) as error:
        _log.error("the witness's memory cannot be used (%s): nothing is cosigned", error)
        return Answer(500, "the witness's memory cannot be used\n")
    if answer.status not in (200, 409):
        _log.warning("refused with %d: %s", answer.status, answer.body.rstrip())
    return answer
