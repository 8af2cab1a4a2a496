"""The OpenAPI description: FastAPI's for the cold routes, msgspec's schemas for the hot ones."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.http.chat import ChatRequest
from gateway.http.completions import CompletionRequest

REF = "#/components/schemas/{name}"

_HOT: dict[str, tuple[type[Any], str]] = {
    "/v1/chat/completions": (ChatRequest, "Answer a conversation"),
    "/v1/completions": (CompletionRequest, "Continue a text"),
}

_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string", "description": "`sekisho doctor CODE` explains it"},
                "decision_id": {"type": "string"},
            },
        }
    },
}

_STATUSES = {
    400: "The request is wrong; `param` names the field",
    401: "No key, or not a valid one",
    403: "Policy does not allow it",
    404: "No such model",
    413: "The body is too large",
    429: "Too many requests; see Retry-After",
    503: "Refused because something is not available: detector, policy, engine or audit log",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the whole description, made once."""
    if app.openapi_schema is None:
        description = get_openapi(title=app.title, version=app.version, routes=app.routes, description=_ABOUT)
        schemas, components = msgspec.json.schema_components([kind for kind, _ in _HOT.values()], ref_template=REF)
        for (path, (_, summary)), schema in zip(_HOT.items(), schemas, strict=True):
            description["paths"][path] = {"post": _operation(summary, schema)}
        parts = description.setdefault("components", {})
        parts.setdefault("schemas", {}).update({**components, "Error": _ERROR})
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "sk-sekisho-…"}}
        app.openapi_schema = description
    return app.openapi_schema


_ABOUT = "Point your OpenAI client at `/v1` with a key from `sekisho keys create`. Nothing else changes."


def _operation(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": REF.format(name="Error")}}}
    answers = {str(status): {"description": text, "content": error} for status, text in _STATUSES.items()}
    events = {"text/event-stream": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}}
    return {
        "tags": ["inference"],
        "summary": summary,
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "The answer", "content": events}, **answers},
    }
