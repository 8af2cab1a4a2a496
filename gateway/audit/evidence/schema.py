"""The JSON Schema of a pack's manifest, ``sekisho.evidence/1`` (draft 2020-12)."""

from __future__ import annotations

from typing import Any

from gateway.audit.evidence.manifest import VERSION
from gateway.audit.evidence.words import LANGUAGES

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TIME = {"type": "string", "pattern": "^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}T.*Z$"}


def _object(description: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


LOG = _object(
    "one log of the pack",
    origin=_TEXT | {"description": "site/node/worker"},
    **{"class": _TEXT | {"description": "retention class"}},
    path=_TEXT | {"description": "of its records; .manifest.json and .vkey lie beside it"},
    records=_COUNT | {"description": "how many of its records are in the pack"},
    tree_size=_COUNT | {"description": "how many lie under its signed head"},
    root=_DIGEST | {"description": "that head's root"},
    checkpoint=_TEXT | {"description": "that head, the whole signed note"},
    pruned=_COUNT | {"description": "the first record that was kept"},
    witnessed=_COUNT | {"description": "records below this lie under a head that was seen outside the machine"},
    unwitnessed=_COUNT | {"description": "how many of the records in the pack do not"},
)
FILE = _object(
    "one file of the pack; all but manifest.json are here",
    path=_TEXT,
    sha256=_DIGEST,
    bytes=_COUNT,
)
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        "what an evidence pack says of itself",
        version={"const": VERSION},
        site=_TEXT,
        language={"enum": list(LANGUAGES)},
        since=_TIME | {"description": "of the period, included; empty: from the first record"},
        until=_TIME | {"description": "of the period, not included; empty: to the signed heads"},
        filter={
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "what else was asked of records, by the words of --filter; empty: nothing",
        },
        as_of=_TIME | {"description": "time of the last record in the pack; empty: there is none"},
        program=_TEXT,
        logs={"type": "array", "items": LOG},
        files={"type": "array", "items": FILE, "description": "sorted by path"},
        left_out={"type": "array", "items": _TEXT, "description": "what belongs here and is no longer kept, and why"},
    ),
}
