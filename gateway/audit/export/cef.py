"""ArcSight Common Event Format, version 0: one line a record, ``CEF:0|vendor|product|version|class|name|severity|…``.

In the head a backslash and a pipe are escaped, in values a backslash and an equals sign; line breaks become ``\\n`` and
``\\r``, other control characters the pictures of Unicode's block U+2400. So no value can begin another field, or
another line. What has no key of its own in CEF stands in ``cs1`` to ``cs6``, ``cn1`` to ``cn3`` and ``flexString1``
with labels.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

from gateway.audit.export.columns import Row, flat
from gateway.audit.export.forms import Lines
from gateway.audit.export.weight import Weight, weight

VENDOR = PRODUCT = "Sekisho"
SEVERITIES = {Weight.USUAL: 1, Weight.NOTICE: 3, Weight.TROUBLE: 6, Weight.GRAVE: 9}

_PICTURES = {code: 0x2400 + code for code in range(0x20) if code not in (0x0A, 0x0D)} | {0x7F: 0x2421}
_HEAD = {ord("\\"): "\\\\", ord("|"): "\\|", ord("\n"): " ", ord("\r"): " "} | _PICTURES
_VALUE = {ord("\\"): "\\\\", ord("="): "\\=", ord("\n"): "\\n", ord("\r"): "\\r"} | _PICTURES
_SPECIAL = re.compile(r"[\\=\x00-\x1f\x7f]")

KEYS: dict[str, str] = {
    "deviceExternalId": "origin",
    "externalId": "request",
    "cat": "type",
    "reason": "code",
    "outcome": "status",
    "suid": "key",
    "suser": "by",
    "app": "endpoint",
    "msg": "reasons",
    "dvchost": "target_site",
}
"""CEF keys, and the columns that they hold."""

LABELLED: dict[str, tuple[str, str]] = {
    "cs1": ("leafHash", "leaf_hash"),
    "cs2": ("decisionId", "decision"),
    "cs3": ("dataClass", "data_class"),
    "cs4": ("model", "model"),
    "cs5": ("target", "target"),
    "cs6": ("project", "project"),
    "cn1": ("leafIndex", "leaf_index"),
    "cn2": ("promptTokens", "prompt_tokens"),
    "cn3": ("completionTokens", "completion_tokens"),
    "flexString1": ("siteTime", "site_time"),
    "flexString2": ("targetJurisdiction", "target_jurisdiction"),
}
"""Keys with a label of ours: the label, and the column."""


class Cef(Lines):
    def line(self, row: Row) -> bytes:
        values = flat(row)
        head = "|".join(_head(each) for each in self._fields(row))
        said = " ".join(f"{key}={_value(value)}" for key, value in _extension(row, values) if value not in (None, ""))
        return f"CEF:0|{head}|{said}\n".encode()

    def _fields(self, row: Row) -> list[Any]:
        kind = str(row.record["type"])
        name = " ".join(filter(None, (kind, str(row.record.get("code") or ""))))
        return [VENDOR, PRODUCT, self.ways.program, kind, name, SEVERITIES[weight(row.record)]]


def _extension(row: Row, values: dict[str, Any]) -> list[tuple[str, Any]]:
    said = [("rt", int(row.when.timestamp() * 1000)), ("act", _act(values["allowed"]))]
    said += [("customerExternalID", values["tenant"]), (_source_key(values["source"]), values["source"])]
    said += [(key, values[column]) for key, column in KEYS.items()]
    for key, (label, column) in LABELLED.items():
        if values[column] not in (None, ""):
            said += [(f"{key}Label", label), (key, values[column])]
    return [*said, ("dtz", str(row.zone))]


def _source_key(source: str | None) -> str:
    """Return the key for an address: CEF keeps those of IPv4, of IPv6 and names apart."""
    try:
        return "src" if ip_address(source or "").version == 4 else "c6a2"
    except ValueError:
        return "shost"


def _act(allowed: bool | None) -> str | None:
    return None if allowed is None else "allowed" if allowed else "denied"


def _head(value: Any) -> str:
    return str(value).translate(_HEAD)


def _value(value: Any) -> str:
    text = str(value)
    return text.translate(_VALUE) if _SPECIAL.search(text) else text
