"""JSON Schema of what a receipt states, ``sekisho.receipt/1``. Data; a test holds real receipts against it."""

from __future__ import annotations

from typing import Any

_WORD = {"type": "string", "maxLength": 256, "description": "in Unicode form NFC"}
_TARGET = {"type": "string", "maxLength": 512, "description": "site/node/worker:model, in form NFC"}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_DIGEST_OR_EMPTY = {"type": "string", "pattern": "^([0-9a-f]{64})?$"}

_STATES: dict[str, dict[str, Any]] = {
    "version": {"enum": ["sekisho.receipt/1"]},
    "decision": {**_WORD, "description": "id of the decision that the attempt was made under"},
    "request": {**_WORD, "description": "id of the request"},
    "time": {**_WORD, "format": "date-time", "description": "when the intent was written, UTC, before the prompt left"},
    "site": _WORD,
    "node": _WORD,
    "jurisdiction": {"type": "string", "maxLength": 2, "description": "ISO 3166-1 alpha-2; empty when not set"},
    "target": _TARGET,
    "device": {**_WORD, "description": "what computes there, as its engine tells; empty when it does not"},
    "model": _WORD,
    "model_digest": {**_DIGEST_OR_EMPTY, "description": "SHA-256 of the model's file; empty when others keep it"},
    "revision": {**_WORD, "description": "policy revision"},
    "bundle_digest": {**_WORD, "description": "SHA-256 of the bundle that decided"},
    "data_revision": {**_WORD, "description": "SHA-256 of all pushed facts"},
    "origin": {**_WORD, "description": "the log: site/node/worker"},
    "leaf_index": {"type": "integer", "minimum": 0, "description": "the record's place in the log"},
    "leaf_hash": {**_DIGEST, "description": "RFC 6962 leaf hash of the record's canonical bytes"},
}

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Receipt",
    "type": "object",
    "properties": _STATES,
    "required": list(_STATES),
    "additionalProperties": False,
}

ENVELOPE: dict[str, Any] = {
    "title": "Receipt in its envelope",
    "description": "DSSE over canonical JSON (RFC 8785), signed with the log's Ed25519 key, with the proof beside it",
    "type": "object",
    "properties": {
        "payload": {"type": "string", "contentEncoding": "base64", "description": "a receipt, sekisho.receipt/1"},
        "payloadType": {"enum": ["application/vnd.sekisho.receipt+json"]},
        "signatures": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "properties": {"keyid": {"type": "string"}, "sig": {"type": "string", "contentEncoding": "base64"}},
                "required": ["keyid", "sig"],
                "additionalProperties": False,
            },
        },
        "inclusion": {
            "type": "object",
            "properties": {
                "status": {"enum": ["pending", "included"]},
                "checkpoint": {"type": "string", "description": "signed head of the log, a C2SP signed note"},
                "hashes": {"type": "array", "maxItems": 64, "items": {"type": "string", "contentEncoding": "base64"}},
            },
            "required": ["status"],
            "additionalProperties": False,
        },
    },
    "required": ["payload", "payloadType", "signatures", "inclusion"],
    "additionalProperties": False,
}
