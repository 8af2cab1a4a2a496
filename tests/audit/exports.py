"""Parts of tests of exports: keys that sign here, and what reads a manifest back and computes the root again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.audit.export.forms import Ways
from gateway.audit.export.manifest import Opened, opened, root_of, sealed
from gateway.audit.export.run import Export, Keys, Wish, export
from gateway.audit.log.merkle import leaf_hash
from gateway.audit.log.note import Signer, parse_checkpoint, parse_verifier_key, split_note
from gateway.audit.log.reader import Filter

BERLIN = Ways(ZoneInfo("Europe/Berlin"), program="sekisho 0")
HOSTILE = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "'=1", "''=1", "'abc", 'a"b', '"', "a,=1", "a;=1",
    "a\n=cmd|' /C calc'!A0", "日本語", "\u202eevil\u202c", "שלום", "a|b\\c=d", "line\r\nline", "nul\x00bell\x07", " = ",
)  # fmt: skip
"""What a caller might name a model, so that a reader of exports runs, hides or splits something."""


def keys_of(log: Any) -> Keys:
    """Return keys that count and sign as the log's own."""
    signer = Signer("sekisho-log", log.key)
    return Keys((parse_verifier_key(log.vkey),), log.vkey, lambda payload: sealed(payload, signer))


def wish(log: Any, out: Path, form: str = "jsonl", wanted: Filter | None = None, **more: Any) -> Wish:
    return Wish(out, form, (log.folder,), wanted or Filter(), more.pop("ways", BERLIN), **more)


def make(log: Any, out: Path, form: str = "jsonl", wanted: Filter | None = None, **more: Any) -> Export:
    return export(wish(log, out, form, wanted, **more), keys_of(log))


def manifest_of(out: Path, vkey: str) -> Opened:
    """Return a manifest whose signature holds."""
    found = opened(Path(f"{out}.manifest.json").read_bytes())
    assert parse_verifier_key(vkey).signed(found.signature, found.signed_bytes)
    return found


def proves(log: dict[str, Any], leaves: dict[int, bytes]) -> bool:
    """Whether these leaves, and what the manifest says was left out, lead to the signed head."""
    head = parse_checkpoint(split_note(log["checkpoint"].encode())[0])
    assert log["range"][1] == head.size
    return root_of(log, leaves) == head.root


def leaves_of(lines: Iterable[bytes]) -> dict[int, bytes]:
    """Return the leaves of an export in JSON Lines."""
    return {json.loads(line)["sequence"]: leaf_hash(line) for line in lines}
