"""The flat view of a record: the columns of CSV and Parquet, and where each one's value stands in the record.

One table for all forms that have columns (:data:`COLUMNS`), so that they say the same; ``docs/reference/exports.md``
repeats it, and a test compares them. A record that has no such value has an empty cell.

::

    row = Row(7, leaf_hash(data), data, "default", ZoneInfo("Europe/Berlin"))
    flat(row)["site_time"]              # "2026-07-01T10:00:00.000000+02:00"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

import msgspec

Kind = Literal["text", "integer", "boolean", "time"]
Part = Literal["record", "caller", "request", "data", "decision", "target", "usage", "details"]


class Row:
    """One record on its way out. ``data`` are its bytes in the log, ``leaf`` their RFC 6962 leaf hash."""

    __slots__ = ("_parts", "_record", "_when", "data", "index", "leaf", "retention_class", "zone")

    def __init__(self, index: int, leaf: bytes, data: bytes, retention_class: str, zone: tzinfo) -> None:
        self.index, self.leaf, self.data = index, leaf, data
        self.retention_class, self.zone = retention_class, zone
        self._record: dict[str, Any] | None = None
        self._parts: dict[str, Any] | None = None
        self._when: datetime | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The record, decoded at its first use. Raises ValueError when it is none."""
        if self._record is None:
            record = msgspec.json.decode(self.data)  # its errors are ValueErrors
            if not isinstance(record, dict) or not {"type", "time", "origin"} <= record.keys():
                raise ValueError("not a record")
            self._record = record
        return self._record

    @property
    def parts(self) -> dict[str, Any]:
        """The objects in the record that columns read, by :data:`Part`; empty ones where it has none."""
        if self._parts is None:
            record = self.record
            asked = record.get("input") or {}
            self._parts = {
                "record": record,
                "caller": record.get("caller") or {},
                "request": asked.get("request") or {},
                "data": asked.get("data") or {},
                "decision": record.get("decision") or {},
                "target": record.get("target") or {},
                "usage": record.get("usage") or {},
                "details": record.get("details") or {},
            }
        return self._parts

    @property
    def when(self) -> datetime:
        """When it was written, UTC. Raises ValueError."""
        if self._when is None:
            self._when = datetime.fromisoformat(self.record["time"]).astimezone(UTC)
        return self._when


@dataclass(frozen=True, slots=True)
class Column:
    """``value`` says where it stands, or works it out."""

    name: str
    kind: Kind
    value: tuple[Part, str] | Callable[[Row], Any]
    meaning: str


def flat(row: Row) -> dict[str, Any]:
    """Return the row's values by column, see :func:`cells`."""
    return dict(zip(NAMES, cells(row), strict=True))


def cells(row: Row) -> list[Any]:
    """Return the row's values in the order of the columns: text, whole numbers, booleans, datetimes, ``None``.

    Raises:
        ValueError, AttributeError: the record is none.
    """
    parts = row.parts
    return [parts[part].get(name) if work_out is None else work_out(row) for part, name, work_out in _PLAN]


def site_time(row: Row) -> str:
    """Return the time at the site, RFC 3339 with its offset."""
    return row.when.astimezone(row.zone).isoformat(timespec="microseconds")


def _decision_id(row: Row) -> str | None:
    return row.parts["decision"].get("id") or row.record.get("decision_id") or None


def _reasons(row: Row) -> str | None:
    reasons = row.parts["decision"].get("reasons") or ()
    return " ".join(str(reason.get("code", "")) for reason in reasons) or None


def _rules(row: Row) -> str | None:
    reasons = row.parts["decision"].get("reasons") or ()
    return " ".join(dict.fromkeys(str(reason.get("rule", "")) for reason in reasons)) or None


def _counts(part: Part, name: str) -> Callable[[Row], str | None]:
    """Return what writes counts by type as ``EMAIL_ADDRESS:2-4 PERSON:1``."""

    def counts(row: Row) -> str | None:
        found = row.parts[part].get(name) or {}
        return " ".join(f"{kind}:{found[kind]}" for kind in sorted(found)) or None

    return counts


def _status(row: Row) -> str | None:
    status = row.record.get("status")
    return None if status is None else str(status)


def _allowed(row: Row) -> bool | None:
    """An intent was allowed, a denial was not; a preview tells what would have been. Nothing else was decided."""
    kind = row.record["type"]
    if kind == "intent":
        return True
    return False if kind == "denial" else row.parts["decision"].get("allow")


COLUMNS: tuple[Column, ...] = (
    Column("leaf_index", "integer", lambda row: row.index, "place of the record in its log, from 0"),
    Column("leaf_hash", "text", lambda row: row.leaf.hex(), "RFC 6962 leaf hash of the record's bytes, hex"),
    Column("origin", "text", ("record", "origin"), "the log: site/node/worker"),
    Column("retention_class", "text", lambda row: row.retention_class, "retention class of the log"),
    Column("time", "time", lambda row: row.when, "when it was written, UTC"),
    Column("site_time", "text", site_time, "the same moment at the site, RFC 3339 with offset"),
    Column("clock", "text", ("record", "clock"), "whether something kept the clock right"),
    Column("type", "text", ("record", "type"), "intent, outcome, denial, key.created, …"),
    Column("request", "text", ("record", "request"), "id of the request"),
    Column("intent", "integer", ("record", "intent"), "of an outcome: leaf index of its intent"),
    Column("decision", "text", _decision_id, "id of the decision"),
    Column("allowed", "boolean", _allowed, "whether policy allowed it; of a refusal: false"),
    Column("code", "text", ("record", "code"), "stable code of a refusal or failure"),
    Column("status", "text", _status, "of a refusal: HTTP status; of an outcome: done, failed, …"),
    Column("reasons", "text", _reasons, "codes of the decision's reasons, a space between"),
    Column("rules", "text", _rules, "the rules that gave them"),
    Column("tenant", "text", ("caller", "tenant"), "whose key it was"),
    Column("project", "text", ("caller", "project"), "the key's project"),
    Column("key", "text", ("caller", "key_id"), "id of the API key"),
    Column("source", "text", ("record", "source"), "of a refusal: address it came from"),
    Column("endpoint", "text", ("request", "endpoint"), "the API that was called"),
    Column("model", "text", ("request", "model"), "the model that was asked for"),
    Column("purpose", "text", ("request", "purpose"), "the purpose that was given"),
    Column("data_class", "text", ("data", "class"), "class of the data"),
    Column("collected_in", "text", ("data", "collected_in"), "country that the data come from, ISO 3166-1"),
    Column("entities", "text", _counts("data", "entities"), "kinds of personal data and how many, in steps"),
    Column("redactions", "text", _counts("record", "redactions"), "what was taken out, by kind"),
    Column("target", "text", ("target", "id"), "the engine that it went to"),
    Column("target_site", "text", ("target", "site"), "that engine's site"),
    Column("target_jurisdiction", "text", ("target", "jurisdiction"), "that engine's country, ISO 3166-1"),
    Column("target_external", "boolean", ("target", "external"), "whether somebody else operates it"),
    Column("model_digest", "text", ("target", "digest"), "SHA-256 of the model's file, hex"),
    Column("policy_revision", "text", ("decision", "revision"), "policy revision that decided"),
    Column("prompt_tokens", "integer", ("usage", "prompt_tokens"), "the engine's own count"),
    Column("completion_tokens", "integer", ("usage", "completion_tokens"), "the engine's own count"),
    Column("first_byte_us", "integer", ("record", "first_byte_us"), "until the first byte of the answer, microseconds"),
    Column("total_us", "integer", ("record", "total_us"), "until the end, microseconds"),
    Column("by", "text", ("details", "by"), "of an administrative record: who, as the command line said"),
)

NAMES = tuple(column.name for column in COLUMNS)

_PLAN = [(*c.value, None) if isinstance(c.value, tuple) else ("record", "", c.value) for c in COLUMNS]
