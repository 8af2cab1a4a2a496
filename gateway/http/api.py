"""The HTTP surface: which address leads where, and OpenAI's error shape on every one of them.

FastAPI carries the routes and the OpenAPI page. The hot routes are raw ASGI endpoints, decoded by msgspec; their
schemas are msgspec's too, so the page cannot say something else than the code does. They are reached before FastAPI's
layers are (:mod:`gateway.http.front`), which cost a tenth of a request and do nothing for them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route
from ulid import ULID

from gateway import __version__
from gateway.console import api_docs, page
from gateway.domain import Caller
from gateway.errors import MethodNotAllowed, RouteNotFound, SekishoError
from gateway.http import (
    chat,
    completions,
    embeddings,
    messages,
    messages_speech,
    moderations,
    ollama,
    ollama_models,
    ollama_speech,
    rerank,
    responses,
    tokenize,
)
from gateway.http.arrival import client_address, shown_in
from gateway.http.batches import add_batches
from gateway.http.call import Api
from gateway.http.cors import Cors
from gateway.http.decisions import PREVIEW, PreviewEndpoint, add_decisions
from gateway.http.endpoint import Endpoint
from gateway.http.files import add_files
from gateway.http.front import Front
from gateway.http.gate import Gate
from gateway.http.models import Models, NoModels
from gateway.http.openapi import describe
from gateway.http.proxies import Proxies
from gateway.http.responses_endpoint import ResponsesEndpoint
from gateway.http.responses_kept import add_responses
from gateway.http.speech import Speech
from gateway.http.wire import OPENAI, error_headers
from gateway.inquiry import Inquiry
from gateway.kept.batches import KeptBatches
from gateway.kept.door import NoResponses, Responses
from gateway.pipeline import Checkpoint
from gateway.settings import ServerSettings

log = logging.getLogger("sekisho.http")

HTML = "text/html; charset=utf-8"
HOT = {
    "/v1/chat/completions": chat.API,
    "/v1/completions": completions.API,
    "/v1/embeddings": embeddings.API,
    "/v1/rerank": rerank.BY_RERANKER,
    "/v1/responses": responses.API,
    "/v1/responses/input_tokens": responses.COUNT,
    "/v1/messages": messages.API,
    "/v1/messages/count_tokens": messages.COUNT,
    "/api/chat": ollama.CHAT,
    "/api/generate": ollama.GENERATE,
    "/tokenize": tokenize.TOKENIZE,
    "/v1/tokenize": tokenize.TOKENIZE,
    "/detokenize": tokenize.DETOKENIZE,
    "/v1/detokenize": tokenize.DETOKENIZE,
}

_SPEECHES = (("/v1/messages", messages_speech.SPEECH), ("/api", ollama_speech.CHAT_SPEECH))


def apis(models: Models) -> dict[str, Api]:
    """Return the API at each hot route, for a house with these models."""
    return {
        **HOT,
        "/v1/completions": completions.api(models),
        "/v1/embeddings": embeddings.api(models),
        "/v1/rerank": rerank.api(models),
        "/api/embed": ollama.embed_api(models),
        "/detokenize": tokenize.detokenize(models),
        "/v1/detokenize": tokenize.detokenize(models),
    }


def build(
    checkpoint: Checkpoint,
    inquiry: Inquiry,
    gate: Gate,
    settings: ServerSettings,
    models: Models | None = None,
    kept: Responses | None = None,
    batches: KeptBatches | None = None,
) -> Front:
    """Return the ASGI application.

    Without ``models`` no token ids are read, and what ranks is taken for a reranker; without ``kept`` nothing is kept,
    without ``batches`` there are neither files nor batches.
    """
    app = FastAPI(title="Sekisho", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.router.redirect_slashes = False
    served = apis(models or NoModels())
    hot = {path: Endpoint(api, checkpoint, gate, settings) for path, api in served.items()}
    hot[PREVIEW] = PreviewEndpoint(served, checkpoint, gate, settings)
    kept = kept or NoResponses()
    for path in ("/v1/responses", "/v1/responses/input_tokens"):
        hot[path] = ResponsesEndpoint(kept, served[path], checkpoint, gate, settings)
    hot["/v1/moderations"] = Endpoint(moderations.API, checkpoint, gate, settings)
    for path, endpoint in hot.items():  # for other methods, and the OpenAPI page
        app.router.routes.insert(0, Route(path, endpoint, methods=["POST"]))
    _add_inquiries(app, inquiry, gate, kept)
    if batches is not None:
        _add_files(app, inquiry, batches, settings)
    _add_pages(app)
    _add_error_shape(app, checkpoint)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return Front(hot, app, Cors(settings.cors_origins), Proxies(settings))


def _add_files(app: FastAPI, inquiry: Inquiry, batches: KeptBatches, settings: ServerSettings) -> None:
    def identify(request: Request) -> Caller:
        request.state.caller = caller = inquiry.identify(_authorization(request), client_address(request.scope))
        return caller

    add_files(app, inquiry, identify, batches)
    add_batches(app, inquiry, identify, batches, settings)


def _add_inquiries(app: FastAPI, inquiry: Inquiry, gate: Gate, kept: Responses) -> None:
    def identify(request: Request) -> Caller:
        request.state.caller = caller = inquiry.identify(_authorization(request), client_address(request.scope))
        return caller

    @app.get("/v1/models", tags=["models"], summary="The models your key may use")
    async def list_models(request: Request) -> Response:
        caller = identify(request)
        return _json({"object": "list", "data": [msgspec.to_builtins(card) for card in inquiry.models(caller)]})

    @app.get("/v1/models/{name:path}", tags=["models"], summary="One model, by name or alias")
    async def get_model(request: Request, name: str) -> Response:
        caller = identify(request)
        return _json(msgspec.to_builtins(inquiry.model(name, caller)))

    add_decisions(app, inquiry, identify)
    ollama_models.add_ollama(app, inquiry, identify)
    add_responses(app, inquiry, identify, kept)

    @app.get("/health/live", tags=["health"], summary="Whether the process answers")
    async def live() -> Response:
        return _json({"status": "live"})

    @app.get("/health/ready", tags=["health"], summary="Whether a prompt would be taken now")
    async def ready() -> Response:
        state = inquiry.readiness()
        if not gate.open:
            state = {**state, "status": "closing"}
        return _json(state, 200 if state["status"] == "ready" else 503)

    @app.get("/metrics", tags=["health"], summary="Metrics in Prometheus' text format")
    async def metrics() -> Response:
        return Response(inquiry.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _authorization(request: Request) -> str | None:
    return shown_in(request.scope)


def _add_pages(app: FastAPI) -> None:
    """Pages for people; everything they load comes from here."""
    pages = {"/": (page.status_page(__version__), page.HEADERS), "/docs": (api_docs.docs_page(), api_docs.HEADERS)}
    files = [(page.ASSETS, page.HEADERS), (api_docs.ASSETS, api_docs.HEADERS)]
    for path, (content, headers) in pages.items():
        app.router.routes.append(Route(path, _static(content, HTML, headers), methods=["GET"]))
    for assets, headers in files:
        for path, (content, media_type) in assets.items():
            app.router.routes.append(Route(path, _static(content, media_type, headers), methods=["GET"]))


def _static(content: bytes, media_type: str, headers: Mapping[str, str]) -> Any:
    async def show(request: Request) -> Response:
        return Response(content, media_type=media_type, headers=dict(headers))

    return show


def _add_error_shape(app: FastAPI, checkpoint: Checkpoint) -> None:
    @app.exception_handler(SekishoError)
    async def refused(request: Request, error: SekishoError) -> Response:
        # A known caller's refusal is a record of its own; others are summed, so nobody outside can fill the disk.
        number = str(ULID())
        checkpoint.turn_away(error, client_address(request.scope), getattr(request.state, "caller", None), number)
        return _error(error, number, _speech(request))

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        allowed = {"allow": f"{(error.headers or {})['Allow']}, OPTIONS"} if error.status_code == 405 else {}
        if allowed and request.method == "OPTIONS":
            return Response(status_code=204, headers=allowed)
        answer = await refused(request, _as_sekisho(request, error))
        answer.headers.update(allowed)
        return answer

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        log.error("internal error", exc_info=error)
        return _error(SekishoError(), str(ULID()), _speech(request))


def _as_sekisho(request: Request, error: HTTPException) -> SekishoError:
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return MethodNotAllowed(f"{request.method} is not allowed here; use {allowed or 'another method'}.")
    return RouteNotFound(f"There is nothing at this address. This gateway serves {', '.join(HOT)} and /v1/models.")


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def _speech(request: Request) -> Speech:
    """Return how the API below whose address a request was made tells of errors."""
    path = request.url.path
    return next((speech for root, speech in _SPEECHES if path == root or path.startswith(root + "/")), OPENAI)


def _error(error: SekishoError, request_id: str, speech: Speech) -> Response:
    headers = {name.decode(): value.decode() for name, value in error_headers(error)} | {"x-request-id": request_id}
    if speech.id_header:
        headers[speech.id_header.decode()] = request_id
    return Response(speech.error(error, request_id), speech.status(error), headers, media_type="application/json")
