"""What a pack says of itself: ``manifest.json``, ``sekisho.evidence/1``, in a DSSE envelope signed by the log's key.

The payload is canonical JSON (RFC 8785) and names every other file of the pack by its SHA-256. It holds no time of its
own: the same records give the same pack, byte for byte. ``as_of`` is the time of the last record in it.

::

    {"version": "sekisho.evidence/1", "site": "berlin", "language": "de", "since": "", "until": "2026-07-01T00:00:00Z",
     "filter": {}, "as_of": "2026-06-30T23:59:58.120000Z", "program": "sekisho 0.1.0",
     "logs": [{"origin": "berlin/node1/w0", "class": "default", "path": "logs/berlin/node1/w0/default/records.jsonl",
               "records": 1284, "tree_size": 1284, "root": "<hex>", "checkpoint": "berlin/node1/w0\\n1284\\n…",
               "pruned": 0, "witnessed": 1280, "unwitnessed": 4}],
     "files": [{"path": "VERIFY.txt", "sha256": "<hex>", "bytes": 1871}],
     "left_out": ["the policy revision 3c…: it is no longer kept here"]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from gateway.audit.canonical import canonical
from gateway.audit.evidence.archive import Entry
from gateway.audit.export.manifest import to_text
from gateway.audit.receipt.issue import pre_authentication

NAME = "manifest.json"
VERSION = "sekisho.evidence/1"
PAYLOAD_TYPE = "application/vnd.sekisho.evidence+json"


@dataclass(frozen=True)
class PackedLog:
    """One log of the pack.

    Attributes:
        path: of its records in the pack.
        records: how many are there; ``tree_size`` lie under its signed head ``checkpoint``, whose root is ``root``.
        pruned: the log's first record when the pack was made; nothing was kept below it.
        witnessed: records below this lie under a head that was seen elsewhere.
        unwitnessed: how many of the records in the pack do not.
    """

    origin: str
    retention_class: str
    path: str
    records: int
    tree_size: int
    root: str
    checkpoint: str = ""
    pruned: int = 0
    witnessed: int = 0
    unwitnessed: int = 0

    def said(self) -> dict[str, object]:
        said = asdict(self)
        said["class"] = said.pop("retention_class")
        return said


@dataclass(frozen=True)
class About:
    """What the pack is of.

    ``since`` and ``until`` are RFC 3339 UTC; empty: from the beginning, to the last head. ``filter`` is what else was
    asked of records, by the words of ``--filter``.
    """

    site: str
    language: str
    since: str
    until: str
    filter: Mapping[str, str]
    as_of: str
    program: str


def manifest(about: About, logs: Sequence[PackedLog], files: Sequence[Entry], left_out: Sequence[str]) -> bytes:
    """Return the payload: canonical JSON."""
    return canonical(
        {
            "version": VERSION,
            **asdict(about),
            "logs": [log.said() for log in logs],
            "files": [asdict(entry) for entry in sorted(files, key=lambda entry: entry.path)],
            "left_out": sorted(left_out),
        }
    )


def signed_bytes(payload: bytes) -> bytes:
    """Return what is signed: the pre-authentication encoding of type and payload (DSSE 1.0.0)."""
    return pre_authentication(PAYLOAD_TYPE, payload)


def envelope(payload: bytes, key_name: str, signature: bytes) -> bytes:
    """Return the envelope: canonical JSON and a newline."""
    signatures = [{"keyid": key_name, "sig": to_text(signature)}]
    return canonical({"payload": to_text(payload), "payloadType": PAYLOAD_TYPE, "signatures": signatures}) + b"\n"
