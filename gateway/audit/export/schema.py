"""JSON Schema of what a manifest states, ``sekisho.export/1``. Data; a test holds real manifests against it."""

from __future__ import annotations

from typing import Any

from gateway.audit.export.kinds import NAMES
from gateway.audit.export.manifest import PAYLOAD_TYPE, VERSION

_WORD = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_HASH = {"type": "string", "contentEncoding": "base64", "minLength": 44, "maxLength": 44}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    closed = {"required": list(properties), "additionalProperties": False}
    return {"type": "object", "properties": properties, **closed, **more}


_RUN = {
    "type": "array",
    "prefixItems": [
        {**_COUNT, "description": "first leaf index"},
        {"type": "integer", "minimum": 1, "description": "how many leaves"},
        {"type": "array", "items": _HASH, "description": "roots of the largest perfect subtrees in it, in order"},
    ],
    "minItems": 3,
    "maxItems": 3,
}
_COSIGNATURE = {
    **_WORD,
    "description": "the witness's signature line (C2SP tlog-cosignature); empty: none",
}
_WITNESS = _object(
    {"kind": _WORD, "place": _WORD, "size": _COUNT, "root": _HASH, "time": _WORD, "cosignature": _COSIGNATURE}
)
_WITNESSED = _object(
    {
        "up_to": {**_COUNT, "description": "records below this are under a head that was seen elsewhere"},
        "unwitnessed": {**_COUNT, "description": "how many records of the head are not"},
        "ranges": {
            "type": "array",
            "items": _object({"first": _COUNT, "end": _COUNT, "by": {"type": "array", "items": _WITNESS}}),
        },
    }
)
_ROTATION = {
    "type": "object",
    "properties": {
        "old": {**_WORD, "description": "C2SP verifier key"},
        "new": {**_WORD, "description": "C2SP verifier key"},
        "old_signs": {**_WORD, "contentEncoding": "base64"},
        "new_signs": {**_WORD, "contentEncoding": "base64"},
    },
    "required": ["old", "new", "old_signs", "new_signs"],
}
_LOG = _object(
    {
        "origin": {**_WORD, "description": "the log: site/node/worker"},
        "class": {**_WORD, "description": "its retention class"},
        "range": {
            "type": "array",
            "items": _COUNT,
            "minItems": 2,
            "maxItems": 2,
            "description": "the first leaf in the file, and the size of the head; every leaf between is in the file or "
            "in omitted",
        },
        "rows": {**_COUNT, "description": "records of this log in the file"},
        "pruned": {**_COUNT, "description": "first record that the log still had; 0: all"},
        "before": {
            "type": "array",
            "items": _HASH,
            "description": "roots of the perfect subtrees over all leaves before the range, largest first",
        },
        "omitted": {"type": "array", "items": _RUN, "description": "runs of leaves that are not in the file"},
        "checkpoint": {**_WORD, "description": "the signed head, a whole C2SP signed note"},
        "witnessed": _WITNESSED,
        "keys": {"type": "array", "items": _ROTATION, "description": "how log keys followed each other, oldest first"},
    }
)

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Manifest of an export",
    **_object(
        {
            "version": {"enum": [VERSION]},
            "time": {**_WORD, "format": "date-time", "description": "when it was finished, UTC"},
            "program": {**_WORD, "description": "name and version"},
            "format": {"enum": list(NAMES)},
            "time_zone": {**_WORD, "description": "IANA name of the zone of site times"},
            "filter": {
                "type": "object",
                "additionalProperties": _WORD,
                "description": "what was asked for; empty: everything",
            },
            "rows": {**_COUNT, "description": "records in the file"},
            "file": _object({"name": _WORD, "bytes": _COUNT, "sha256": _DIGEST}),
            "logs": {
                "type": "array",
                "items": _LOG,
                "minItems": 1,
                "description": "in the order in which their records stand in the file",
            },
        }
    ),
}

ENVELOPE: dict[str, Any] = {
    "title": "Manifest in its envelope",
    "description": "DSSE over canonical JSON (RFC 8785), signed with the log's Ed25519 key",
    **_object(
        {
            "payload": {**_WORD, "contentEncoding": "base64", "description": "a manifest, sekisho.export/1"},
            "payloadType": {"enum": [PAYLOAD_TYPE]},
            "signatures": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": _object({"keyid": _WORD, "sig": {**_WORD, "contentEncoding": "base64"}}),
            },
        }
    ),
}
