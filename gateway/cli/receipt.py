"""``sekisho audit verify --receipt``: what a receipt states, and whether it holds. Reads no settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.receipt.issue import ReceiptReport


def tell(session: Session, file: Path, place: Path | None, vkey: str) -> None:
    """Check a receipt and say what it states, what is wrong, and what cannot be shown; 1 when something is wrong.

    Args:
        place: a log's folder or an export that holds its record; ``None``: the receipt alone.
        vkey: the log's public key, or those that followed each other, one a line.
    """
    from gateway.audit.log.note import NoteError
    from gateway.audit.receipt.issue import MOST_BYTES, compare, verify_receipt

    try:
        with file.open("rb") as source:
            raw = source.read(MOST_BYTES + 1)
        report = verify_receipt(raw, vkey)
        if place is not None and report.statement:
            compare(report, _record_at(place, report.statement["origin"], report.statement["leaf_index"]))
    except NoteError as error:
        mend = "Give the log's own key with --key."
        raise SetupError("That is not a public key of a log.", mend, exit_code=USED_WRONGLY) from error
    except OSError as error:
        raise SetupError(f"{error.filename} cannot be read ({error.strerror}).", "Check path and mode.") from error
    data = {"ok": report.ok, **asdict(report), "statement": dict(report.statement)}
    session.output.result(data, *_told(report, file))
    if not report.ok:
        raise typer.Exit(ANSWERED_NO)


def _record_at(place: Path, origin: str, index: int) -> bytes | None:
    """Return the bytes of one record of a log's folder, or of an export, which may hold several logs."""
    from gateway.audit.log.proof import record_at

    if place.is_dir():
        return record_at(place, index)
    sequence = f'"sequence":{index},'.encode()
    with place.open("rb") as lines:
        return next(
            (line.removesuffix(b"\n") for line in lines if sequence in line and _is_it(line, origin, index)), None
        )


def _is_it(line: bytes, origin: str, index: int) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and (record.get("origin"), record.get("sequence")) == (origin, index)


def _told(report: ReceiptReport, file: Path) -> list[str]:
    said = report.statement
    lines = [f"{'ok    ' if report.ok else 'WRONG '} {file}: {_where_it_ran(said) if said else 'nothing can be read'}"]
    if said:
        covered = f"under the signed head of {report.tree_size} records" if report.tree_size else report.status
        lines.append(f"       record {said['leaf_index']} of {said['origin']}, {covered or 'not proven'}")
        lines.append(f"       policy {said['revision']}, bundle {said['bundle_digest']}, data {said['data_revision']}")
    lines += [f"       {problem}" for problem in report.problems]
    return lines + [f"       cannot be shown here: {what}" for what in report.not_checked]


def _where_it_ran(said: Mapping[str, Any]) -> str:
    place = "/".join((said["jurisdiction"] or "jurisdiction not set", said["site"], said["node"]))
    model = said["model"] + (f" (SHA-256 {said['model_digest']})" if said["model_digest"] else "")
    return f"{said['time']}: to {place}, {said['target']}, {said['device'] or 'device not told'}, model {model}"
