"""The rules that records keep among themselves: form, sequence, one outcome per intent. No files, no signatures."""

from __future__ import annotations

import json
from typing import Any

from gateway.audit.canonical import canonical

VERSION = "sekisho.record/1"
_HEAD = ("monotonic_ns", "origin", "time", "type", "version")


class RecordRules:
    """Reads records in order and says what is wrong with each.

    Args:
        origin: of the log; empty: not known.
        first: the first record that is here; an intent before it may have its outcome after it.
    """

    def __init__(self, origin: str, first: int = 0) -> None:
        self.origin = origin
        self._first = first
        self.open_intents: dict[int, str] = {}
        self._unread = False

    def skip(self) -> None:
        """A record could not be read: what refers to it is not its fault."""
        self._unread = True

    def check(self, data: bytes, sequence: int) -> str:
        """Return what is wrong with the record at ``sequence``, or ``""``."""
        record, problem = parse(data)
        if record is None:
            self.skip()
            return problem
        problem = self._head(record, sequence)
        if problem:
            self.skip()
            return problem
        return self._pair(record, sequence)

    def _head(self, record: dict[str, Any], sequence: int) -> str:
        if record.get("version") != VERSION:
            return f"its version is not {VERSION}"
        if record.get("sequence") != sequence:
            return f"it says that it is another record than number {sequence}"
        if not all(isinstance(record.get(name), str) for name in _HEAD):
            return "a field that every record has is missing"
        if self.origin and record["origin"] != self.origin:
            return "it belongs to another log"
        return ""

    def _pair(self, record: dict[str, Any], sequence: int) -> str:
        if record["type"] == "intent":
            self.open_intents[sequence] = str(record.get("request"))
        elif record["type"] == "outcome":
            intent = record.get("intent")
            request = self.open_intents.pop(intent, None) if isinstance(intent, int) else None
            if self._unread or (isinstance(intent, int) and 0 <= intent < self._first):
                return ""
            if request is None:
                return f"an outcome for {intent}, which is no intent without outcome"
            if request != record.get("request"):
                return f"its request is not that of intent {intent}"
        return ""


def parse(data: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the record, or ``None`` and why it is not one: not JSON, or not in its one canonical form."""
    try:
        record = json.loads(data, parse_float=_no_float, parse_constant=_no_float)
        same = canonical(record) == data
    except (ValueError, TypeError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        return None, "not a JSON record"
    if not isinstance(record, dict):
        return None, "not a JSON object"
    return (record, "") if same else (None, "not in canonical form (RFC 8785)")


def _no_float(text: str) -> float:
    raise ValueError("a record holds no fractions")
