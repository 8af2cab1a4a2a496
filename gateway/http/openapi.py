"""The OpenAPI description: FastAPI's for the cold routes, msgspec's schemas for the hot ones."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.audit.receipt.schema import ENVELOPE
from gateway.http import ollama_types, openapi_kept
from gateway.http.batches import NewBatch
from gateway.http.chat import ChatRequest
from gateway.http.completions import CompletionRequest
from gateway.http.decisions import PREVIEW, RECEIPT, RECEIPT_TYPE, SHOW, PreviewRequest
from gateway.http.embeddings import EmbeddingRequest
from gateway.http.fields import Reading
from gateway.http.messages_types import CountRequest, MessagesRequest
from gateway.http.ollama_types import OllamaShow
from gateway.http.openapi_answers import ANSWERS, DELETED, ERROR, MESSAGES_ERROR, OLLAMA_ERROR, TEXT
from gateway.http.rerank import RerankRequest
from gateway.http.responses_types import InputTokensRequest, ResponsesRequest
from gateway.http.tokenize import DetokenizeRequest, TokenizeRequest
from gateway.http.verdict import DecisionShown, PreviewShown

REF = "#/components/schemas/{name}"

_HOT: dict[str, tuple[type[Any], str]] = {
    "/v1/chat/completions": (ChatRequest, "Answer a conversation"),
    "/v1/completions": (CompletionRequest, "Continue a text"),
    "/v1/embeddings": (EmbeddingRequest, "Turn texts into vectors"),
    "/v1/rerank": (RerankRequest, "Put documents in the order in which they fit a query"),
    "/v1/responses": (ResponsesRequest, "Answer a conversation, in items"),
    "/v1/responses/input_tokens": (InputTokensRequest, "Count a conversation's tokens, in items"),
    "/v1/messages": (MessagesRequest, "Answer a conversation, in Anthropic's form"),
    "/v1/messages/count_tokens": (CountRequest, "Count a conversation's tokens, in Anthropic's form"),
    "/api/chat": (ollama_types.OllamaChat, "Answer a conversation, in Ollama's form"),
    "/api/generate": (ollama_types.OllamaGenerate, "Answer a prompt, in Ollama's form"),
    "/api/embed": (ollama_types.OllamaEmbed, "Turn texts into vectors, in Ollama's form"),
    "/tokenize": (TokenizeRequest, "Turn a text into token ids, in llama.cpp's form"),
    "/v1/tokenize": (TokenizeRequest, "Turn a text into token ids, in llama.cpp's form"),
    "/detokenize": (DetokenizeRequest, "Turn token ids into text, in llama.cpp's form"),
    "/v1/detokenize": (DetokenizeRequest, "Turn token ids into text, in llama.cpp's form"),
}

_STATUSES = {
    400: "The request is wrong; `param` names the field",
    401: "No key, or not a valid one",
    403: "Policy or the key's role does not allow it",
    404: "No such model, response or decision, or nothing at this address",
    405: "Another method is to be used here",
    413: "The body is too large",
    415: "The body is not JSON, or is compressed",
    429: "Too many requests; see Retry-After",
    500: "A defect of this gateway's own",
    503: "Refused because something is not available: detector, policy, engine or audit log",
}
_WORDS = {**_STATUSES, 409: "An unfinished batch reads this file; the message says which"}
_REFUSED = ("/v1/responses/compact", "/v1/responses/{response_id}/cancel", "/v1/moderations")
"""What is there to say that it is not, and never answers otherwise."""

_WITH_BODY = (("post", "/v1/files"), ("post", "/v1/batches"))
_LOOKED_UP: tuple[int, ...] = (400, 401, 403, 404, 405, 429, 500, 503)
_OVERLOADED = "As 503 elsewhere: what is needed is not available"

_JSON = "application/json"
_ORDER = {"enum": ["asc", "desc"]}
_DECISION = {"x-sekisho-decision": {"description": "Id of the decision behind it", "schema": {"type": "string"}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the whole description, made once."""
    if app.openapi_schema is None:
        description = get_openapi(title=app.title, version=app.version, routes=app.routes, description=_ABOUT)
        kinds = [
            *(kind for kind, _ in _HOT.values()),
            OllamaShow,
            PreviewRequest,
            PreviewShown,
            DecisionShown,
            NewBatch,
        ]
        schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
        *hot, show, preview, previewed, decision, batch = schemas
        paths = description["paths"]
        _describe_cold(paths)
        openapi_kept.describe_bodies(paths, batch, components)
        for (path, (kind, summary)), schema in zip(_HOT.items(), hot, strict=True):
            paths[path] = {"post": _operation(path, summary, schema, streams=not issubclass(kind, Reading))}
        paths[PREVIEW] = {"post": _preview(preview, previewed)}
        paths["/v1/moderations"] = {"post": _moderation()}
        paths["/api/show"]["post"]["requestBody"] = {"required": True, "content": {_JSON: {"schema": show}}}
        _describe_answer(paths[SHOW]["get"], "get", SHOW, {_JSON: {"schema": decision}})
        _describe_answer(paths[RECEIPT]["get"], "get", RECEIPT, {RECEIPT_TYPE: {"schema": _ref("Receipt")}})
        parts = description.setdefault("components", {})
        errors = {"Error": ERROR, "MessagesError": MESSAGES_ERROR, "OllamaError": OLLAMA_ERROR}
        parts["schemas"] = {**components, **errors, **openapi_kept.COMPONENTS, "Receipt": ENVELOPE}
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "sk-sekisho-…"}}
        app.openapi_schema = description
    return app.openapi_schema


def _describe_cold(paths: dict[str, Any]) -> None:
    """Describe what the other routes answer: FastAPI knows their addresses and no more."""
    for path in [path for path in paths if path.startswith("/admin/")]:
        del paths[path]
    for path, operations in paths.items():
        for method, operation in operations.items():
            answer = DELETED if method == "delete" and path in ANSWERS else ANSWERS.get(path, {"type": "object"})
            answer = openapi_kept.ANSWERS.get((method, path), answer)
            kind = "application/octet-stream" if path.endswith("/content") else _JSON
            _describe_answer(operation, method, path, None if path in _REFUSED else {kind: {"schema": answer}})
    for path in ("/health/live", "/health/ready", "/metrics", "/api/version"):
        operation = paths[path]["get"]
        operation.pop("security", None)
        content = {_JSON: {"schema": ANSWERS[path]}} if path in ANSWERS else {"text/plain": {"schema": TEXT}}
        operation["responses"] = {"200": _answered(content), **_errors(path, 405, 500)}
    ready = paths["/health/ready"]["get"]["responses"]
    ready["503"] = {**ready["200"], "description": "No prompt would be taken now; `rooms` says why"}
    paths["/v1/responses/{response_id}/input_items"]["get"]["parameters"] += [
        _query("after", TEXT),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 100}),
        _query("order", _ORDER),
    ]
    for path, most in openapi_kept.MOST_ON_PAGE.items():
        if path in paths:
            more = [_query("purpose", TEXT)] if path == "/v1/files" else []
            paging = [_query("after", TEXT), _query("limit", {"type": "integer", "minimum": 1, "maximum": most})]
            paths[path]["get"]["parameters"] = [*paging, _query("order", _ORDER), *more]


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


_ABOUT = "Point your OpenAI client at `/v1` with a key from `sekisho keys create`. Nothing else changes."


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(name=name)}


def _errors(path: str, *statuses: int) -> dict[str, Any]:
    """Return the refusals of an address, each in the form of the API that it belongs to."""
    kind = (
        "MessagesError" if path.startswith("/v1/messages") else "OllamaError" if path.startswith("/api/") else "Error"
    )
    content = {_JSON: {"schema": _ref(kind)}}
    said = {status: _WORDS[status] for status in statuses}
    if kind == "MessagesError" and 503 in said:
        said[529] = _OVERLOADED
        del said[503]
    return {str(status): {"description": words, "content": content} for status, words in said.items()}


def _answered(content: dict[str, Any], headers: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"description": "The answer", "content": content, **({"headers": headers} if headers else {})}


def _operation(path: str, summary: str, schema: dict[str, Any], *, streams: bool = False) -> dict[str, Any]:
    streamed = "application/x-ndjson" if path.startswith("/api/") else "text/event-stream"
    events = {streamed: {"schema": TEXT}} if streams else {}
    content = {**events, _JSON: {"schema": ANSWERS[path]}}
    return {
        "tags": ["inference"],
        "summary": summary,
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {_JSON: {"schema": schema}}},
        "responses": {"200": _answered(content, _DECISION), **_errors(path, *_STATUSES)},
    }


def _preview(schema: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    summary = "What would be decided about a request, without running it"
    return {
        "tags": ["decisions"],
        "summary": summary,
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {_JSON: {"schema": schema}}},
        "responses": {"200": _answered({_JSON: {"schema": answer}}, _DECISION), **_errors(PREVIEW, *_STATUSES)},
    }


def _moderation() -> dict[str, Any]:
    return {
        "tags": ["inference"],
        "summary": "404: no moderation model is configured here",
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {_JSON: {"schema": {"type": "object"}}}},
        "responses": _errors("/v1/moderations", *_STATUSES),
    }


def _describe_answer(operation: dict[str, Any], method: str, path: str, content: dict[str, Any] | None) -> None:
    """Say what a route answers; without ``content`` it only refuses."""
    answered = {"200": _answered(content)} if content else {}
    statuses = tuple(_STATUSES) if path == "/api/show" or (method, path) in _WITH_BODY else _LOOKED_UP
    if (method, path) == ("delete", "/v1/files/{file_id}"):
        statuses = (*statuses, 409)
    operation["security"] = [{"key": []}]
    operation["responses"] = {**answered, **_errors(path, *statuses)}
