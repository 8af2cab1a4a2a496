"""What the book reads of its own log: cases and receipts. Blocks; call it in a thread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.audit.door import Case
from gateway.audit.log import layout, lookup
from gateway.audit.log.note import NoteError, Signer, Verifier, only_by, open_checkpoint
from gateway.audit.log.proof import Inclusion, prove
from gateway.audit.receipt.issue import issue, statement_of
from gateway.audit.recent import Recent


def case(folder: Path, sequence: int, recent: Recent) -> Case:
    """Read a record, and those of its request that memory or a look around it tells. Raises OSError, ValueError."""
    found = lookup.read(folder, sequence)
    if found is None:
        raise ValueError("no such record")
    record = found[0]
    request = str(record.get("request", ""))
    known = recent.request(request)
    if sequence in known:
        same = [each[0] for each in (lookup.read(folder, one) for one in known) if each]
    else:  # written before memory began, or so long ago that it was forgotten
        same = lookup.of_request(folder, request, sequence)
    return Case(record, tuple(same))


def same_request(folder: Path, request: str, time: str, recent: Recent, size: int) -> list[dict[str, Any]]:
    """Return a request's records, from memory or near a time. Raises OSError, ValueError."""
    known = recent.request(request)
    if known:
        return [each[0] for each in (lookup.read(folder, one) for one in known) if each]
    return lookup.of_request_at(folder, request, time, size)


def receipt(folder: Path, sequence: int, signer: Signer, verifiers: tuple[Verifier, ...]) -> bytes:
    """Return the receipt of an intent, with its proof where a head covers it. Raises OSError, ValueError."""
    found = lookup.read(folder, sequence)
    if found is None:
        raise ValueError("no such record")
    record, data = found
    return issue(statement_of(record, data), signer, _proof(folder, sequence, data, verifiers))


def _proof(folder: Path, sequence: int, data: bytes, verifiers: tuple[Verifier, ...]) -> Inclusion | None:
    """Return the proof with the newest key's signature alone; ``None`` while the head is that of the key before it."""
    try:
        proven = prove(folder, sequence, data, verifiers[0])
    except NoteError:
        open_checkpoint((folder / layout.CHECKPOINT).read_bytes(), *verifiers[1:])
        return None
    return replace(proven, checkpoint=only_by(proven.checkpoint, verifiers[0])) if proven else None
