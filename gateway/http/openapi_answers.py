"""What answers look like, as JSON Schema: every field that is always there, for the OpenAPI description.

Other fields may stand beside them: what an API adds to an answer breaks no client that keeps what it does not know.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {"type": "object"}


def const(value: str) -> Schema:
    return {"type": "string", "const": value}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def items(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def fields(optional: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """Return an object that has these, but for the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


_READ = fields(prompt_tokens=WHOLE, total_tokens=WHOLE)
_USAGE = fields(prompt_tokens=WHOLE, completion_tokens=WHOLE, total_tokens=WHOLE)
_MODEL = fields(id=TEXT, object=const("model"), created=WHOLE, owned_by=TEXT)
_SAID = fields(role=const("assistant"), content=or_null(TEXT))
_CHOICE = fields(index=WHOLE, message=_SAID, finish_reason=or_null(TEXT))
_TEXT_CHOICE = fields(index=WHOLE, text=TEXT, finish_reason=or_null(TEXT))
_VECTOR = {"oneOf": [items({"type": "number"}), TEXT]}
_EMBEDDING = fields(object=const("embedding"), index=WHOLE, embedding=_VECTOR)
_RESULT = fields(("document",), index=WHOLE, relevance_score={"type": "number"}, document=fields(text=TEXT))
_DONE = {"model": TEXT, "created_at": TEXT, "done": FLAG}
_PIECE = fields(id=WHOLE, piece={"oneOf": [TEXT, items({"type": "integer", "minimum": 0, "maximum": 255})]})
_TOKENS = {"anyOf": [items(WHOLE), items(_PIECE)]}  # both fit an empty list
_RESPONSE = fields(id=TEXT, object=const("response"), created_at=WHOLE, model=TEXT, output=items(ANY), status=TEXT)
_ROOM = fields(ready=FLAG, detail=TEXT)
_TAGGED = fields(name=TEXT, model=TEXT, modified_at=TEXT, digest=TEXT, details=ANY)

ANSWERS: dict[str, Schema] = {
    "/v1/chat/completions": fields(
        ("usage",),
        **{"id": TEXT, "object": const("chat.completion"), "created": WHOLE, "model": TEXT},
        choices=items(_CHOICE),
        usage=_USAGE,
    ),
    "/v1/completions": fields(
        ("usage",),
        **{"id": TEXT, "object": const("text_completion"), "created": WHOLE, "model": TEXT},
        choices=items(_TEXT_CHOICE),
        usage=_USAGE,
    ),
    "/v1/embeddings": fields(object=const("list"), data=items(_EMBEDDING), model=TEXT, usage=_READ),
    "/v1/rerank": fields(
        **{"id": TEXT, "object": const("list"), "model": TEXT},
        scored_by={"enum": ["reranker", "embeddings"]},
        results=items(_RESULT),
        usage=_READ,
    ),
    "/v1/responses": _RESPONSE,
    "/v1/responses/input_tokens": fields(object=const("response.input_tokens"), input_tokens=WHOLE),
    "/v1/messages": fields(
        **{"id": TEXT, "type": const("message"), "role": const("assistant"), "model": TEXT},
        content=items(ANY),
        stop_reason=or_null(TEXT),
        usage=fields(input_tokens=WHOLE, output_tokens=WHOLE),
    ),
    "/v1/messages/count_tokens": fields(input_tokens=WHOLE),
    "/api/chat": fields(**_DONE, message=ANY),
    "/api/generate": fields(**_DONE, response=TEXT),
    "/api/embed": fields(model=TEXT, embeddings=items(items({"type": "number"})), prompt_eval_count=WHOLE),
    "/tokenize": fields(tokens=_TOKENS),
    "/v1/tokenize": fields(tokens=_TOKENS),
    "/detokenize": fields(content=TEXT),
    "/v1/detokenize": fields(content=TEXT),
    "/v1/models": fields(object=const("list"), data=items(_MODEL)),
    "/v1/models/{name}": _MODEL,
    "/v1/responses/{response_id}": _RESPONSE,
    "/v1/responses/{response_id}/input_items": fields(
        **{"object": const("list"), "data": items(ANY), "has_more": FLAG},
        first_id=or_null(TEXT),
        last_id=or_null(TEXT),
    ),
    "/api/version": fields(version=TEXT),
    "/api/tags": fields(models=items(_TAGGED)),
    "/api/show": fields(modified_at=TEXT, details=ANY, model_info=ANY, capabilities=items(TEXT)),
    "/health/live": fields(status=const("live")),
    "/health/ready": fields(
        status={"enum": ["ready", "not ready", "closing"]},
        version=TEXT,
        rooms={"type": "object", "additionalProperties": _ROOM},
        models=items(TEXT),
    ),
}
DELETED = fields(id=TEXT, object=const("response"), deleted={"const": True})

_DETAIL = {
    "type": "object",
    "description": "Of a refusal by policy: reasons, and where findings stand; never a value",
    "properties": {
        "decision": TEXT,
        "reasons": {"type": "array", "maxItems": 16, "items": ANY},
        "findings": {"type": "array", "maxItems": 32, "items": ANY},
    },
}
ERROR = fields(
    error=fields(
        ("decision_id", "sekisho"),
        message=TEXT,
        type=TEXT,
        param=or_null(TEXT),
        code={"type": "string", "description": "`sekisho doctor CODE` explains it"},
        decision_id=TEXT,
        sekisho=_DETAIL,
    )
)
MESSAGES_ERROR = fields(type=const("error"), error=fields(type=TEXT, message=TEXT), request_id=TEXT)
OLLAMA_ERROR = fields(error=TEXT)
