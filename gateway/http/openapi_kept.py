"""Files and batches in the OpenAPI description: what is sent there, and what is answered, in every state of a batch."""

from __future__ import annotations

from typing import Any

from gateway.http.files import LONGEST_SECONDS, MOST_NAME_CHARS, MOST_PAGE, SHORTEST_SECONDS
from gateway.http.openapi_answers import FLAG, TEXT, WHOLE, Schema, const, fields, items, or_null
from gateway.kept.files_door import ENDPOINTS, MOMENTS

FILE: Schema = fields(
    **{"id": TEXT, "object": const("file"), "bytes": WHOLE, "created_at": WHOLE, "expires_at": WHOLE},
    filename={"type": "string", "maxLength": MOST_NAME_CHARS},
    purpose={"enum": ["batch", "batch_output"]},
    status=const("processed"),
    status_details=or_null(TEXT),
)
_STATUSES = ("validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled")
_FAULT = fields(code=TEXT, message=TEXT, param=or_null(TEXT), line=or_null(WHOLE))
_SECONDS: Schema = {"type": "integer", "minimum": SHORTEST_SECONDS, "maximum": LONGEST_SECONDS}


def _while(status: str, **known: Schema) -> Schema:
    """Return what is known while a batch has that status."""
    said = {"properties": {"status": {"const": status}}, "required": ["status"]}
    return {"if": said, "then": {"properties": known}}


BATCH: Schema = {
    **fields(
        **{"id": TEXT, "object": const("batch"), "endpoint": {"enum": list(ENDPOINTS)}, "model": or_null(TEXT)},
        errors=or_null(fields(object=const("list"), data=items(_FAULT))),
        input_file_id=TEXT,
        completion_window=TEXT,
        status={"enum": list(_STATUSES)},
        output_file_id=or_null(TEXT),
        error_file_id=or_null(TEXT),
        created_at=WHOLE,
        expires_at=WHOLE,
        **{f"{moment}_at": or_null(WHOLE) for moment in MOMENTS},
        request_counts=fields(total=WHOLE, completed=WHOLE, failed=WHOLE),
        metadata=or_null({"type": "object", "additionalProperties": TEXT}),
    ),
    "allOf": [
        *(_while(moment, **{f"{moment}_at": WHOLE}) for moment in MOMENTS if moment != "failed"),
        _while("failed", failed_at=WHOLE, errors={"type": "object"}),
        _while("cancelled", cancelling_at=WHOLE),
    ],
}


def _listed(of: str) -> Schema:
    listed = items({"$ref": f"#/components/schemas/{of}"})
    pages = {"first_id": or_null(TEXT), "last_id": or_null(TEXT), "has_more": FLAG}
    return fields(object=const("list"), data=listed, **pages)


_ONE_FILE, _ONE_BATCH = ({"$ref": f"#/components/schemas/{name}"} for name in ("File", "Batch"))

COMPONENTS: dict[str, Schema] = {
    "File": FILE,
    "Batch": BATCH,
    "FileList": _listed("File"),
    "BatchList": _listed("Batch"),
}
"""Schemas that the answers refer to by name."""

ANSWERS: dict[tuple[str, str], Schema] = {
    ("post", "/v1/files"): _ONE_FILE,
    ("get", "/v1/files"): {"$ref": "#/components/schemas/FileList"},
    ("get", "/v1/files/{file_id}"): _ONE_FILE,
    ("delete", "/v1/files/{file_id}"): fields(id=TEXT, object=const("file"), deleted={"const": True}),
    ("get", "/v1/files/{file_id}/content"): {"type": "string", "format": "binary"},
    ("post", "/v1/batches"): _ONE_BATCH,
    ("get", "/v1/batches"): {"$ref": "#/components/schemas/BatchList"},
    ("get", "/v1/batches/{batch_id}"): _ONE_BATCH,
    ("post", "/v1/batches/{batch_id}/cancel"): _ONE_BATCH,
}

UPLOAD: Schema = {
    **fields(
        ("expires_after[anchor]", "expires_after[seconds]"),
        file={"type": "string", "format": "binary", "description": "JSONL: a request for each line. With a filename"},
        purpose=const("batch"),
        **{"expires_after[anchor]": const("created_at"), "expires_after[seconds]": _SECONDS},
    ),
    "additionalProperties": False,
    "dependentRequired": {
        "expires_after[anchor]": ["expires_after[seconds]"],
        "expires_after[seconds]": ["expires_after[anchor]"],
    },
}

MOST_ON_PAGE = {"/v1/files": MOST_PAGE, "/v1/batches": 100}


def describe_bodies(paths: dict[str, Any], new_batch: Schema, components: dict[str, Any]) -> None:
    """Say what is sent to make a file and a batch.

    Args:
        paths: of the description; where files are not served, nothing is added.
        components: of the description, with those that ``new_batch`` refers to.
    """
    if "/v1/files" not in paths:
        return
    body = {"multipart/form-data": {"schema": UPLOAD}}
    paths["/v1/files"]["post"]["requestBody"] = {"required": True, "content": body}
    paths["/v1/batches"]["post"]["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": new_batch}},
    }
    asked, after = components["NewBatch"]["properties"], components["After"]["properties"]
    asked["endpoint"] = {"enum": list(ENDPOINTS)}
    asked["completion_window"] = {
        "type": "string",
        "pattern": "^([1-9][0-9]?|1[0-5][0-9]|16[0-8])h$",
        "description": "Hours, at most 168h",
    }
    after["anchor"], after["seconds"] = const("created_at"), _SECONDS
