"""JSON Schemas (draft 2020-12) of the documents about persons and of an item's head, made from their types."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.audit.content.seal import Head
from gateway.audit.persons.warrant import Reading, Warrant

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def persons_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each document by its version."""
    documents = {"sekisho.person-search/1": Warrant, "sekisho.content-reading/1": Reading, "sekisho.content/1": Head}
    return {version: {"$schema": DIALECT, **msgspec.json.schema(kind)} for version, kind in documents.items()}
