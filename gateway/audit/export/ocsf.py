"""OCSF 1.9.0, class API Activity (6003), one event a line, with its profiles ``record_integrity`` and others.

What an event says follows from the record alone; the record itself is in ``raw_data``, so that its leaf hash can be
computed. ``attestation_list`` chains the events of one log in the order of the export: the fingerprint is SHA-256 over
the event in canonical JSON (RFC 8785) without ``fingerprint``, and the next event carries it in ``prev_event``. A
signature for each event is not made: the signed manifest covers all of them, and the log's head the records.

``docs/reference/exports.md`` has the mapping.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.audit.export.columns import Row, flat
from gateway.audit.export.forms import Lines, State
from gateway.audit.export.weight import Weight, weight
from gateway.audit.log.site import name_of

VERSION = "1.9.0"
CATEGORY, CLASS = 6, 6003
PROFILES = ["ai_operation", "datetime", "record_integrity", "security_control"]
SEVERITIES = {
    Weight.USUAL: (1, "Informational"),
    Weight.NOTICE: (2, "Low"),
    Weight.TROUBLE: (3, "Medium"),
    Weight.GRAVE: (4, "High"),
}

Event = dict[str, Any]

_CREATE, _READ, _UPDATE, _DELETE, _OTHER = 1, 2, 3, 4, 99
_ACTIVITIES = {_CREATE: "Create", _READ: "Read", _UPDATE: "Update", _DELETE: "Delete"}
_VERBS = {
    _CREATE: ("created", "added", "requested", "granted", "signed"),
    _READ: ("searched", "exported", "shown", "subject", "collected"),
    _DELETE: ("revoked", "removed", "ended", "erasure", "pruned"),
}
_CHANGES = ("key", "policy", "model", "admin", "config", "erasure")
_SUCCESS, _FAILURE, _OTHER_STATUS = (1, "Success"), (2, "Failure"), (99, "Other")
_ADMIN, _SYSTEM, _SERVICE_USER = (2, "Admin"), (3, "System"), (4, "Service")
_SHA256, _HEX, _JCS = (3, "SHA-256"), (1, "Hex"), (2, "JCS")
_PLACED = frozenset(
    "leaf_index time type request code tenant key source endpoint model target target_jurisdiction policy_revision "
    "prompt_tokens completion_tokens model_digest by".split()
)
"""Columns that have a place of their own in an event; the others stand in ``unmapped``."""

_encoder = msgspec.json.Encoder(order="sorted")  # canonical: names are ASCII, numbers whole


class Ocsf(Lines):
    def remember(self, memory: State) -> None:
        self._last: State = memory

    def memory(self) -> State:
        return self._last

    def line(self, row: Row) -> bytes:
        event = event_of(row, self.ways.program)
        log = str(event["metadata"]["log_name"])
        self._last = self._last | {log: attest(event, self._last.get(log))}
        return _encoder.encode(event) + b"\n"


def event_of(row: Row, program: str) -> Event:
    """Return the event, without its attestation. Raises ValueError when the record is none."""
    record, values = row.record, flat(row)
    activity, activity_name = _activity(str(record["type"]))
    severity, severity_name = SEVERITIES[weight(record)]
    event: Event = {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": CATEGORY,
        "category_name": "Application Activity",
        "class_uid": CLASS,
        "class_name": "API Activity",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"API Activity: {_ACTIVITIES.get(activity, 'Other')}",
        "severity_id": severity,
        "severity": severity_name,
        "time": int(row.when.timestamp() * 1000),
        "time_dt": record["time"],
        "timezone_offset": _offset_minutes(row),
        "message": _message(values),
        "metadata": _metadata(row, values, program),
        "actor": {"user": _user(values)},
        "api": _api(values),
        "src_endpoint": _source(values),
        "raw_data": row.data.decode(),
        "raw_data_size": len(row.data),
        "raw_data_hash": _fingerprint(row.data),
        "unmapped": _unmapped(values),
    }
    return event | _status(values) | _control(values) | _target(values) | _usage(record, values)


def attest(event: Event, previous: Event | None) -> Event:
    """Add the attestation to an event.

    Args:
        previous: what this returned for the event before of the same log.

    Returns:
        What the next event of that log refers to.
    """
    origin, leaf = event["api"]["service"]["uid"], event["unmapped"]["leaf_hash"]
    attested: Event = {"chain_uid": event["metadata"]["log_name"], "authority_uid": origin, "uid": leaf}
    event["attestation_list"] = [attested | ({"prev_event": previous} if previous else {})]
    fingerprint = _fingerprint(_encoder.encode(event), _JCS)
    event["attestation_list"][0]["fingerprint"] = fingerprint
    return {"uid": event["metadata"]["uid"], "type_uid": event["type_uid"], "fingerprint": fingerprint}


def _activity(kind: str) -> tuple[int, str]:
    """Return what was done. A prompt that passed, or did not, is none of OCSF's four: its name is the record's type."""
    if kind.partition(".")[0] not in _CHANGES:
        return _OTHER, kind
    verb = kind.rpartition(".")[2]
    activity = next((number for number, verbs in _VERBS.items() if verb in verbs), _UPDATE)
    return activity, _ACTIVITIES[activity]


def _metadata(row: Row, values: Event, program: str) -> Event:
    log = name_of(values["origin"], row.retention_class)
    said = {
        "version": VERSION,
        "product": {"name": "Sekisho", "vendor_name": "Sekisho", "version": program},
        "profiles": PROFILES,
        "uid": f"{log}/{row.index}",
        "original_event_uid": values["request"],
        "correlation_uid": values["request"],
        "event_code": values["type"],
        "log_name": log,
        "log_format": str(row.record.get("version", "")),
        "original_time": row.record["time"],
        "sequence": row.index,
        "tenant_uid": values["tenant"],
    }
    return _whole(said)


def _user(values: Event) -> Event:
    """Return who did it: an application by its key, an operator by the name that he gave, or the gateway itself."""
    if values["key"]:
        kind, uid, name = _SERVICE_USER, values["key"], values["project"]
        account = {"name": values["tenant"], "type_id": 99, "type": "Tenant"}
        return _whole({"uid": uid, "name": name, "type_id": kind[0], "type": kind[1], "account": account})
    kind, name = (_ADMIN, values["by"]) if values["by"] else (_SYSTEM, "sekisho")
    return {"name": str(name), "type_id": kind[0], "type": kind[1]}


def _api(values: Event) -> Event:
    said: Event = {
        "operation": values["endpoint"] or values["type"],
        "service": {"name": "sekisho", "uid": values["origin"]},
    }
    if values["request"]:
        said["request"] = {"uid": values["request"]}
    status = values["status"] or ""
    response = _whole({"code": int(status) if status.isdecimal() else None, "error": values["code"]})
    return said | ({"response": response} if response else {})


def _source(values: Event) -> Event:
    """Return where it came from: the address that a refusal has, else the API key, else the log's own process."""
    if values["source"]:
        return {"name": values["source"]}
    return {"uid": values["key"]} if values["key"] else {"name": values["origin"]}


def _status(values: Event) -> Event:
    status = values["status"] or ""
    if values["type"] == "denial" or status == "failed":
        number, name = _FAILURE
    elif values["type"] == "outcome" and status != "done":
        number, name = _OTHER_STATUS
    else:
        number, name = _SUCCESS
    return _whole({"status_id": number, "status": name, "status_code": values["code"], "status_detail": status})


def _control(values: Event) -> Event:
    """Return what policy answered (profile ``security_control``)."""
    if values["allowed"] is None:
        return {"action_id": 3, "action": "Observed", "disposition_id": 17, "disposition": "Logged"}
    action = (1, "Allowed") if values["allowed"] else (2, "Denied")
    disposition = (1, "Allowed") if values["allowed"] else (2, "Blocked")
    said: Event = {"action_id": action[0], "action": action[1]}
    said |= {"disposition_id": disposition[0], "disposition": disposition[1]}
    if values["policy_revision"]:
        said["policy"] = _whole({"uid": values["policy_revision"], "name": values["rules"], "is_applied": True})
    return said


def _target(values: Event) -> Event:
    """Return the engine and the model (profile ``ai_operation``)."""
    said: Event = {}
    if values["target"]:
        said["dst_endpoint"] = _whole({"uid": values["target"], "zone": values["target_site"]})
        if values["target_jurisdiction"]:
            said["dst_endpoint"]["location"] = {"country": values["target_jurisdiction"]}
    if values["model"]:
        provider = values["target_site"] or values["origin"]
        said["ai_model"] = _whole({"name": values["model"], "ai_provider": provider, "uid": values["model_digest"]})
    return said


def _usage(record: Mapping[str, Any], values: Event) -> Event:
    if values["prompt_tokens"] is None or values["completion_tokens"] is None:
        return {}
    prompt, completion = values["prompt_tokens"], values["completion_tokens"]
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    told = {"ai_role_id": 2, "ai_role": "Assistant", "service": {"name": "sekisho"}, **tokens}
    ended = _whole({"duration": None if values["total_us"] is None else values["total_us"] // 1000})
    return {"message_context": told, **ended}


def _unmapped(values: Event) -> Event:
    left = {name: value for name, value in values.items() if name not in _PLACED}
    return _whole(left | {"leaf_index": values["leaf_index"]})


def _message(values: Event) -> str:
    words = (values["type"], values["code"], values["model"], values["target"])
    return " ".join(str(word) for word in words if word)


def _offset_minutes(row: Row) -> int:
    offset = row.when.astimezone(row.zone).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


def _fingerprint(data: bytes, serialization: tuple[int, str] | None = None) -> Event:
    said: Event = {"algorithm_id": _SHA256[0], "algorithm": _SHA256[1], "value": hashlib.sha256(data).hexdigest()}
    said |= {"encoding_id": _HEX[0], "encoding": _HEX[1]}
    if serialization:
        said |= {"serialization_id": serialization[0], "serialization": serialization[1]}
    return said


def _whole(said: Event) -> Event:
    """Return what has a value."""
    return {name: value for name, value in said.items() if value not in (None, "")}
