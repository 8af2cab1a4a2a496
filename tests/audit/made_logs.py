"""Logs made from lists of records, as whoever can write the files, with or without the key, could make them.

::

    records = made(300)
    lay(folder, records, signed_heads(records, KEY, every=50))
    lay(folder, harmed, signed_heads(records, KEY, every=50))       # tiles made anew, heads as they were signed
    put(folder, harmed)                                             # bundles alone: tiles tell what was there
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log.layout import frame, tile_path
from gateway.audit.log.merkle import CompactRange, leaf_hash, root_hash
from gateway.audit.log.note import Signer

ORIGIN = "berlin/node1/w0"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = Signer(ORIGIN, KEY).verifier_key()
BUNDLE = 256
_BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
_DECISION = {"allowed": True, "id": "01JDECISION", "reasons": [{"code": "policy.residency"}], "revision": "r1"}
_INPUT = {"data": {"class": "internal", "entities": {"PERSON": "1"}}, "request": {"model": "m"}}


def made(count: int, first: int = 0, *, word: str = "m", step_seconds: float = 0.5) -> list[bytes]:
    """Return records as a server writes them: intents, each followed by its outcome."""
    return [one(number, word=word, step_seconds=step_seconds) for number in range(first, first + count)]


def one(number: int, *, word: str = "m", step_seconds: float = 0.5) -> bytes:
    record = head(number, step_seconds) | {"request": f"01J{number // 2:023d}"}
    if number % 2:
        record |= {"type": "outcome", "intent": number - 1, "status": "done", "code": "", "total_us": 7 * number}
    else:
        caller = {"key_id": "k1", "project": "support", "tenant": "acme"}
        record |= {"type": "intent", "caller": caller, "input": _INPUT, "decision": _DECISION}
        record |= {"target": {"id": f"berlin/node1/w0:{word}", "site": "berlin"}, "redactions": {"PERSON": number}}
    return text(record)


def event(number: int, type: str, details: dict[str, object], *, seconds: float | None = None) -> bytes:
    """Return an administrative record, written ``seconds`` after the log began."""
    record = head(number, 0.5) | {"type": type, "details": details}
    if seconds is not None:
        record["time"] = stamp(seconds)
    return text(record)


def head(number: int, step_seconds: float) -> dict[str, object]:
    return {
        "clock": "unknown",
        "monotonic_ns": str(10**12 + number * 10**6),
        "origin": ORIGIN,
        "sequence": number,
        "time": stamp(number * step_seconds),
        "version": "sekisho.record/1",
    }


def stamp(seconds: float) -> str:
    return (_BEGIN + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def text(record: dict[str, object]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed_heads(
    records: Sequence[bytes], *keys: Ed25519PrivateKey, every: int = 50, first: int = 0, origin: str = ORIGIN
) -> list[bytes]:
    """Return heads after each ``every`` records beyond ``first``, and one after the last."""
    signer, tree, notes = Signer(origin, *(keys or (KEY,))), CompactRange(), []
    for number, record in enumerate(records, 1):
        tree.append(leaf_hash(record))
        if number > first and (number % every == 0 or number == len(records)):
            notes.append(signer.sign(number, tree.root()))
    return notes


def lay(folder: Path, records: Sequence[bytes], heads: Sequence[bytes], *, pruned: int = 0, packed: int = 0) -> Path:
    """Write a log: bundles, tiles, sizes and heads. Bundles below ``pruned`` are left out, those below ``packed`` gzip.

    Args:
        pruned, packed: counts of bundles.
    """
    shutil.rmtree(folder, ignore_errors=True)
    put(folder, records, pruned=pruned, packed=packed)
    hashes, level = [leaf_hash(record) for record in records], 0
    while hashes:
        rows = [hashes[at : at + BUNDLE] for at in range(0, len(hashes), BUNDLE)]
        for index, row in enumerate(rows):
            if index >= pruned >> 8 * level:
                _write(folder / tile_path(level, index), b"".join(row))
        hashes, level = [root_hash(row) for row in rows if len(row) == BUNDLE], level + 1
    (folder / "checkpoints").write_bytes(b"".join(note + b"\n" for note in heads))
    if heads:
        (folder / "checkpoint").write_bytes(heads[-1])
    if pruned:
        _write_pruned(folder, records[: pruned * BUNDLE])
    return folder


def put(folder: Path, records: Sequence[bytes], *, pruned: int = 0, packed: int = 0) -> None:
    """Write bundles and their sizes, whatever was there before."""
    shutil.rmtree(folder / "tile" / "entries", ignore_errors=True)
    sizes = b""
    for index in range(-(-len(records) // BUNDLE)):
        row = records[index * BUNDLE : (index + 1) * BUNDLE]
        bundle = b"".join(frame(record) for record in row)
        sizes += len(bundle).to_bytes(8, "big") if len(row) == BUNDLE else b""
        name = tile_path("entries", index)
        if index >= pruned:
            _write(folder / (f"{name}.gz" if index < packed else name), _packed(bundle) if index < packed else bundle)
    _write(folder / "sizes", sizes)


def put_bundle(folder: Path, index: int, records: Sequence[bytes]) -> None:
    """Write one bundle with as many records as are given."""
    _write(folder / tile_path("entries", index), b"".join(frame(record) for record in records))


def _packed(bundle: bytes) -> bytes:
    return gzip.compress(bundle, 6, mtime=0)


def _write_pruned(folder: Path, gone: Sequence[bytes]) -> None:
    from gateway.audit.log.pruned import Pruned

    tree = CompactRange()
    for record in gone:
        tree.append(leaf_hash(record))
    (folder / "pruned").write_bytes(Pruned(tree.size, tree.roots).note(Signer(ORIGIN, KEY)))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
