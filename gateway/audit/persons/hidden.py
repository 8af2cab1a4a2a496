"""Pseudonyms of persons are taken out of what a search shows: who follows one person takes two officers.

A pseudonym names nobody, but records that have the same one are about the same person, and a works agreement may not
want anybody to count them. The log itself, its exports and proofs are as they were written.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "(hidden)"
_FIELD = b'"person":"'
_PSEUDONYM = re.compile(rb'"person":"[0-9a-f]{32}"')
_WITHOUT = _FIELD + HIDDEN.encode() + b'"'


def hidden(data: bytes) -> bytes:
    """Return a record's bytes for showing."""
    return _PSEUDONYM.sub(_WITHOUT, data) if _FIELD in data else data


def hidden_in(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record for showing."""
    caller = record.get("caller")
    if not isinstance(caller, dict) or "person" not in caller:
        return record
    return {**record, "caller": {**caller, "person": HIDDEN}}
