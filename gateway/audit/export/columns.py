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


class Row:
    """One record on its way out. ``data`` are its bytes in the log, ``leaf`` their RFC 6962 leaf hash."""

    __slots__ = ("_record", "data", "index", "leaf", "retention_class", "zone")

    def __init__(self, index: int, leaf: bytes, data: bytes, retention_class: str, zone: tzinfo) -> None:
        self.index, self.leaf, self.data = index, leaf, data
        self.retention_class, self.zone = retention_class, zone
        self._record: dict[str, Any] | None = None

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
    def when(self) -> datetime:
        """When it was written, UTC. Raises ValueError."""
        return datetime.fromisoformat(self.record["time"]).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    value: Callable[[Row], Any]
    meaning: str


def flat(row: Row) -> dict[str, Any]:
    """Return the row's values by column; text, whole numbers, booleans, datetimes, ``None``."""
    return {column.name: column.value(row) for column in COLUMNS}


def site_time(row: Row) -> str:
    """Return the time at the site, RFC 3339 with its offset."""
    return row.when.astimezone(row.zone).isoformat(timespec="microseconds")


def _at(*path: str) -> Callable[[Row], Any]:
    """Return what reads the value at that path of the record; ``None`` where there is none."""

    def read(row: Row) -> Any:
        value: Any = row.record
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return read


def _first(*paths: tuple[str, ...]) -> Callable[[Row], Any]:
    """Return what reads the first of the values that is there and not empty."""
    readers = [_at(*path) for path in paths]

    def read(row: Row) -> Any:
        return next((value for value in (reader(row) for reader in readers) if value not in (None, "")), None)

    return read


def _reasons(row: Row) -> str | None:
    reasons = _at("decision", "reasons")(row) or ()
    return " ".join(str(reason.get("code", "")) for reason in reasons) or None


def _rules(row: Row) -> str | None:
    reasons = _at("decision", "reasons")(row) or ()
    return " ".join(dict.fromkeys(str(reason.get("rule", "")) for reason in reasons)) or None


def _counts(*path: str) -> Callable[[Row], str | None]:
    """Return what writes counts by type as ``EMAIL_ADDRESS:2-4 PERSON:1``."""
    read = _at(*path)

    def counts(row: Row) -> str | None:
        found = read(row) or {}
        return " ".join(f"{name}:{found[name]}" for name in sorted(found)) or None

    return counts


def _status(row: Row) -> str | None:
    status = row.record.get("status")
    return None if status is None else str(status)


def _allowed(row: Row) -> bool | None:
    """An intent was allowed, a denial was not; a preview tells what would have been. Nothing else was decided."""
    if row.record["type"] in ("intent", "denial"):
        return bool(row.record["type"] == "intent")
    return _boolean("decision", "allow")(row)


def _integer(*path: str) -> Callable[[Row], int | None]:
    read = _at(*path)

    def integer(row: Row) -> int | None:
        value = read(row)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    return integer


def _boolean(*path: str) -> Callable[[Row], bool | None]:
    read = _at(*path)

    def boolean(row: Row) -> bool | None:
        value = read(row)
        return value if isinstance(value, bool) else None

    return boolean


_REQUEST, _CALLER, _DATA, _TARGET = ("input", "request"), ("caller",), ("input", "data"), ("target",)

COLUMNS: tuple[Column, ...] = (
    Column("leaf_index", "integer", lambda row: row.index, "place of the record in its log, from 0"),
    Column("leaf_hash", "text", lambda row: row.leaf.hex(), "RFC 6962 leaf hash of the record's bytes, hex"),
    Column("origin", "text", _at("origin"), "the log: site/node/worker"),
    Column("retention_class", "text", lambda row: row.retention_class, "retention class of the log"),
    Column("time", "time", lambda row: row.when, "when it was written, UTC"),
    Column("site_time", "text", site_time, "the same moment at the site, RFC 3339 with offset"),
    Column("clock", "text", _at("clock"), "whether something kept the clock right"),
    Column("type", "text", _at("type"), "intent, outcome, denial, key.created, …"),
    Column("request", "text", _at("request"), "id of the request"),
    Column("intent", "integer", _integer("intent"), "of an outcome: leaf index of its intent"),
    Column("decision", "text", _first(("decision", "id"), ("decision_id",)), "id of the decision"),
    Column("allowed", "boolean", _allowed, "whether policy allowed it; of a refusal: false"),
    Column("code", "text", _at("code"), "stable code of a refusal or failure"),
    Column("status", "text", _status, "of a refusal: HTTP status; of an outcome: done, failed, …"),
    Column("reasons", "text", _reasons, "codes of the decision's reasons, a space between"),
    Column("rules", "text", _rules, "the rules that gave them"),
    Column("tenant", "text", _at(*_CALLER, "tenant"), "whose key it was"),
    Column("project", "text", _at(*_CALLER, "project"), "the key's project"),
    Column("key", "text", _at(*_CALLER, "key_id"), "id of the API key"),
    Column("source", "text", _at("source"), "of a refusal: address it came from"),
    Column("endpoint", "text", _at(*_REQUEST, "endpoint"), "the API that was called"),
    Column("model", "text", _at(*_REQUEST, "model"), "the model that was asked for"),
    Column("purpose", "text", _at(*_REQUEST, "purpose"), "the purpose that was given"),
    Column("data_class", "text", _at(*_DATA, "class"), "class of the data"),
    Column("collected_in", "text", _at(*_DATA, "collected_in"), "country that the data come from, ISO 3166-1"),
    Column("entities", "text", _counts(*_DATA, "entities"), "kinds of personal data and how many, in steps"),
    Column("redactions", "text", _counts("redactions"), "what was taken out, by kind"),
    Column("target", "text", _at(*_TARGET, "id"), "the engine that it went to"),
    Column("target_site", "text", _at(*_TARGET, "site"), "that engine's site"),
    Column("target_jurisdiction", "text", _at(*_TARGET, "jurisdiction"), "that engine's country, ISO 3166-1"),
    Column("target_external", "boolean", _boolean(*_TARGET, "external"), "whether somebody else operates it"),
    Column("model_digest", "text", _at(*_TARGET, "digest"), "SHA-256 of the model's file, hex"),
    Column("policy_revision", "text", _at("decision", "revision"), "policy revision that decided"),
    Column("prompt_tokens", "integer", _integer("usage", "prompt_tokens"), "the engine's own count"),
    Column("completion_tokens", "integer", _integer("usage", "completion_tokens"), "the engine's own count"),
    Column("first_byte_us", "integer", _integer("first_byte_us"), "until the first byte of the answer, microseconds"),
    Column("total_us", "integer", _integer("total_us"), "until the end, microseconds"),
    Column("by", "text", _at("details", "by"), "of an administrative record: who, as the command line said"),
)
