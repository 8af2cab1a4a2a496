"""The OpenAPI description: FastAPI's for the cold routes, msgspec's schemas for the hot ones."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.audit.receipt.schema import ENVELOPE
from gateway.http import ollama_types
from gateway.http.chat import ChatRequest
from gateway.http.completions import CompletionRequest
from gateway.http.decisions import PREVIEW, RECEIPT, RECEIPT_TYPE, SHOW, PreviewRequest
from gateway.http.embeddings import EmbeddingRequest
from gateway.http.fields import Reading
from gateway.http.messages_types import CountRequest, MessagesRequest
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
                "sekisho": {
                    "type": "object",
                    "description": "Of a refusal by policy: reasons, and where findings stand; never a value",
                    "properties": {
                        "decision": {"type": "string"},
                        "reasons": {"type": "array", "maxItems": 16, "items": {"type": "object"}},
                        "findings": {"type": "array", "maxItems": 32, "items": {"type": "object"}},
                    },
                },
            },
        }
    },
}

_STATUSES = {
    400: "The request is wrong; `param` names the field",
    401: "No key, or not a valid one",
    403: "Policy does not allow it",
    404: "No such model or decision",
    413: "The body is too large",
    429: "Too many requests; see Retry-After",
    503: "Refused because something is not available: detector, policy, engine or audit log",
}


_JSON = "application/json"
_DECISION = {"x-sekisho-decision": {"description": "Id of the decision behind it", "schema": {"type": "string"}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the whole description, made once."""
    if app.openapi_schema is None:
        description = get_openapi(title=app.title, version=app.version, routes=app.routes, description=_ABOUT)
        kinds = [*(kind for kind, _ in _HOT.values()), PreviewRequest, PreviewShown, DecisionShown]
        schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
        *hot, preview, previewed, decision = schemas
        for (path, (kind, summary)), schema in zip(_HOT.items(), hot, strict=True):
            description["paths"][path] = {"post": _operation(summary, schema, streams=not issubclass(kind, Reading))}
        description["paths"][PREVIEW] = {"post": _preview(preview, previewed)}
        _describe_answer(description["paths"][SHOW]["get"], {_JSON: {"schema": decision}})
        _describe_answer(description["paths"][RECEIPT]["get"], {RECEIPT_TYPE: {"schema": _ref("Receipt")}})
        parts = description.setdefault("components", {})
        parts.setdefault("schemas", {}).update({**components, "Error": _ERROR, "Receipt": ENVELOPE})
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "sk-sekisho-…"}}
        app.openapi_schema = description
    return app.openapi_schema


_ABOUT = "Point your OpenAI client at `/v1` with a key from `sekisho keys create`. Nothing else changes."


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(name=name)}


def _errors(*statuses: int) -> dict[str, Any]:
    content = {_JSON: {"schema": _ref("Error")}}
    return {str(status): {"description": _STATUSES[status], "content": content} for status in statuses}


def _operation(summary: str, schema: dict[str, Any], *, streams: bool = False) -> dict[str, Any]:
    events = {"text/event-stream": {"schema": {"type": "string"}}} if streams else {}
    content = {**events, _JSON: {"schema": {"type": "object"}}}
    answer = {"description": "The answer", "content": content, "headers": _DECISION}
    return {
        "tags": ["inference"],
        "summary": summary,
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {_JSON: {"schema": schema}}},
        "responses": {"200": answer, **_errors(*_STATUSES)},
    }


def _preview(schema: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    described = _operation("What would be decided about a request, without running it", schema)
    described["responses"]["200"]["content"] = {_JSON: {"schema": answer}}
    return {**described, "tags": ["decisions"]}


def _describe_answer(operation: dict[str, Any], content: dict[str, Any]) -> None:
    answer = {"description": "The answer", "content": content}
    operation["security"] = [{"key": []}]
    operation["responses"] = {"200": answer, **_errors(401, 404, 429, 503)}
