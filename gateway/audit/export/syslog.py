"""Syslog: RFC 5424 messages, each after its length in bytes and a space, as RFC 5425 (4.3) puts them on a connection.

HOSTNAME is the log's site and node, PROCID its worker, MSGID the record's type. ``timeQuality`` says whether something
kept the clock right, ``meta`` has the leaf index as ``sequenceId`` where it fits (both RFC 5424, 7). The message is the
flat view of the record in JSON, empty cells left out, in UTF-8 after a byte order mark (6.4).
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.audit.export.columns import Row, flat
from gateway.audit.export.forms import Lines
from gateway.audit.export.weight import Weight, weight

AUDIT = 13  # facility "log audit", RFC 5424 6.2.1
SEVERITIES = {Weight.USUAL: 6, Weight.NOTICE: 5, Weight.TROUBLE: 4, Weight.GRAVE: 3}

_MOST_SEQUENCE = 2**31 - 1
_MOST_NAME, _MOST_KIND, _MOST_PROCESS = 255, 32, 128
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_BOM = b"\xef\xbb\xbf"


class Syslog(Lines):
    def line(self, row: Row) -> bytes:
        text = message(row)
        return b"%d %b" % (len(text), text)


def message(row: Row) -> bytes:
    """Return one message, without its length. Raises ValueError when the record is none."""
    record = row.record
    site, _, rest = str(record["origin"]).partition("/")
    node, _, worker = rest.partition("/")
    priority = AUDIT * 8 + SEVERITIES[weight(record)]
    time = row.when.strftime(_TIME)
    host, process = _name(f"{site}.{node}", _MOST_NAME), _name(worker, _MOST_PROCESS)
    kind = _name(str(record["type"]), _MOST_KIND)
    head = f"<{priority}>1 {time} {host} sekisho {process} {kind} {_data(row)} "
    return head.encode() + _BOM + msgspec.json.encode(_said(row))


def _said(row: Row) -> dict[str, Any]:
    said = {name: value for name, value in flat(row).items() if value not in (None, "")}
    return said | {"time": row.when.strftime(_TIME)}


def _data(row: Row) -> str:
    synchronised = int(row.record.get("clock") == "synchronised")
    meta = f'[meta sequenceId="{row.index}"]' if 0 < row.index <= _MOST_SEQUENCE else ""
    return f'[timeQuality tzKnown="1" isSynced="{synchronised}"]{meta}'


def _name(text: str, most: int) -> str:
    """Return a name of the head: printable ASCII without a space, or ``-``."""
    return "".join(each for each in text if "!" <= each <= "~")[:most] or "-"
