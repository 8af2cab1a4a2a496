"""``GET /api/tags``, ``POST /api/show`` and ``GET /api/version``: which models there are, as Ollama tells it.

Told is what this gateway knows of a model that the caller may use, and nothing of its file beyond the hash: neither
licence nor template. What a size would be is not said where it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from gateway import __version__
from gateway.domain import Caller, Capability, Target
from gateway.errors import BodyTooLarge
from gateway.http.body import convert, parse_object
from gateway.http.ollama_types import OllamaShow
from gateway.inquiry import Inquiry

_LARGEST_BYTES = 4096
_ABILITIES = {
    Capability.CHAT: ("completion", "tools"),
    Capability.COMPLETE: ("completion",),
    Capability.EMBED: ("embedding",),
    Capability.VISION: ("vision",),
}


def add_ollama(app: FastAPI, inquiry: Inquiry, identify: Callable[[Request], Caller]) -> None:
    """Add the routes that look models up."""

    @app.get("/api/version", tags=["ollama"], summary="This gateway's version")
    async def version() -> Response:
        return _json({"version": __version__})

    @app.get("/api/tags", tags=["ollama"], summary="The models your key may use, in Ollama's form")
    async def tags(request: Request) -> Response:
        caller = identify(request)
        cards = inquiry.models(caller)
        return _json({"models": [_card(card.id, card.created, inquiry.targets(card.id, caller)) for card in cards]})

    @app.post("/api/show", tags=["ollama"], summary="One model, in Ollama's form")
    async def show(request: Request) -> Response:
        caller = identify(request)
        asked = convert(parse_object(await _short(request), 4), OllamaShow)
        card = inquiry.model(asked.model.removesuffix(":latest"), caller)
        targets = inquiry.targets(card.id, caller)
        known = {"general.name": targets[0].model} if targets else {}
        abilities = sorted(
            {word for target in targets for of in target.capabilities for word in _ABILITIES.get(of, ())}
        )
        shown = {"modified_at": _time(card.created), "details": {}, "model_info": known, "capabilities": abilities}
        return _json(shown)


async def _short(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BYTES:
            raise BodyTooLarge(f"The request body is larger than {_LARGEST_BYTES} bytes.")
    return body


def _card(name: str, created: int, targets: Iterable[Target]) -> dict[str, Any]:
    digest = next((target.digest for target in targets if target.digest), "")
    return {"name": name, "model": name, "modified_at": _time(created), "digest": digest, "details": {}}


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
