"""JSON Schema (draft 2020-12) of ``sekisho.record/1``, made from the types that write records.

A record of a request (intent, outcome, denial, preview, sums of denials) has its own fields; every other one is an
administrative record: its type is one of :data:`gateway.audit.events.EVENTS`, its details are an object without
fractions.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.audit.events import EVENTS
from gateway.audit.record import Denial, DenialSums, Event, Intent, OutcomeRecord, Preview, Record

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OF_ALL = ("type", *Record.__struct_fields__)
OF_REQUESTS = (Intent, OutcomeRecord, Denial, Preview, DenialSums)
_TYPE = rf"^({'|'.join(name.replace('.', chr(92) + '.') for name in sorted(EVENTS))})(\.failed|\.refused)?$"


def record_schema() -> dict[str, Any]:
    """Return the schema of one record."""
    (*found, event), parts = msgspec.json.schema_components((*OF_REQUESTS, Event), ref_template="#/$defs/{name}")
    parts["Event"]["properties"]["type"] = {"type": "string", "pattern": _TYPE}
    for kind in (*OF_REQUESTS, Event):
        part = parts[kind.__name__]
        part["required"] = sorted({*part.get("required", ()), *_OF_ALL})
        part["additionalProperties"] = False
    return {"$schema": DIALECT, "oneOf": [*found, event], "$defs": parts}
