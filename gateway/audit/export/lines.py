"""Takes records out of a log so that they can be checked without it.

An export in JSON Lines is the canonical bytes of every record up to a signed head, one a line, so that each line is a
leaf of the tree; beside it that head (``.checkpoint``) and the public key (``.vkey``). :func:`verify_export` needs
these three files and nothing else. Reading goes beside a running writer; what is written later than the head is not
in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from gateway.audit.log import layout
from gateway.audit.log.merkle import CompactRange, leaf_hash
from gateway.audit.log.note import (
    Checkpoint,
    NoteError,
    format_verifier_key,
    open_checkpoint,
    parse_checkpoint,
    parse_verifier_key,
    split_note,
)
from gateway.audit.log.reader import raw_records
from gateway.audit.report import Report
from gateway.audit.rules import RecordRules
from gateway.errors import SetupError

Progress = Callable[[int, int], None]
"""Called with (records done, records in all), every 1024 records and at the end."""

_STEP = 1024
_HEAD_TRIES, _PAUSE_SECONDS = 20, 0.1


@dataclass(frozen=True)
class Export:
    """What was written. ``root`` is hex."""

    out: Path
    records: int
    bytes: int
    root: str


def export(
    folder: Path, out: Path, vkey: str, format: Literal["jsonl"] = "jsonl", progress: Progress | None = None
) -> Export:
    """Write every record up to the last signed head to ``out``, with ``.checkpoint`` and ``.vkey`` beside it.

    ``out`` appears last and as a whole; an export that fails leaves nothing under that name.

    Args:
        folder: one log.
        vkey: the log's public key, as the keyring wrote it.

    Raises:
        SetupError: no signed head, records that are not those that were signed, a format that is not known.
        NoteError: ``vkey`` is not a verifier key.
        OSError: ``out`` cannot be written.
    """
    if format != "jsonl":
        raise SetupError(f"There is no export format {format}.", "Use: --format jsonl", exit_code=2)
    verifier = parse_verifier_key(vkey)
    note = _last_note(folder)
    try:
        head = open_checkpoint(note, verifier)
    except NoteError as error:
        raise _refused(folder, f"its last signed head cannot be verified: {error}") from error
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        size = _write_lines(folder, temporary, head, progress)
        _write(Path(f"{out}.checkpoint"), note)
        _write(Path(f"{out}.vkey"), f"{format_verifier_key(head.origin, verifier.public)}\n".encode())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return Export(out, head.size, size, head.root.hex())


def _write_lines(folder: Path, path: Path, head: Checkpoint, progress: Progress | None) -> int:
    tree = CompactRange()
    with path.open("xb") as file:
        for data in islice(raw_records(folder), head.size):
            file.write(data + b"\n")
            tree.append(leaf_hash(data))
            if progress and tree.size % _STEP == 0:
                progress(tree.size, head.size)
        if tree.size != head.size or tree.root() != head.root:
            raise _refused(folder, "its records are not those that were signed")
        file.flush()
        os.fsync(file.fileno())
        if progress:
            progress(tree.size, head.size)
        return file.tell()


def _refused(folder: Path, what: str) -> SetupError:
    return SetupError(f"The audit log {folder} cannot be exported: {what}.", "Run: sekisho audit verify")


def _last_note(folder: Path) -> bytes:
    """Return the last signed head, waiting a moment beside a writer that has not signed one yet."""
    path = folder / layout.HISTORY
    for _ in range(_HEAD_TRIES):
        notes = [note for _, note in layout.notes(path.read_bytes())] if path.exists() else []
        if notes:
            return notes[-1]
        time.sleep(_PAUSE_SECONDS)
    raise _refused(folder, "it has no signed head yet")


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def verify_export(out: Path, vkey: str | None = None) -> Report:
    """Check an export: its lines, its head's signature and root.

    Args:
        vkey: the public key as the auditor got it from elsewhere; without one, the key that lies beside the export is
            used, and the report says that it was not checked.

    Raises:
        NoteError: the key is not a verifier key.
        OSError: one of the files cannot be read.
    """
    report = Report(str(out))
    if vkey is None:
        vkey = Path(f"{out}.vkey").read_text(encoding="utf-8")
        report.not_checked.append("whether the public key is the log's: it came with the export")
    report.not_checked.append("whether records follow the last one here")
    note = Path(f"{out}.checkpoint").read_bytes()
    head = _head(note, vkey, report, Path(f"{out}.checkpoint").name)
    tree = _check_lines(out, RecordRules(head.origin), report)
    report.records, report.tree_size, report.root = tree.size, head.size, head.root.hex()
    if tree.size != head.size:
        report.add(out.name, f"{tree.size} records are here, {head.size} were signed")
    elif tree.root() != head.root:
        report.add(out.name, "these are not the records that were signed")
    return report


def _head(note: bytes, vkey: str, report: Report, name: str) -> Checkpoint:
    try:
        head = open_checkpoint(note, parse_verifier_key(vkey))
        report.checkpoints, report.origin = 1, head.origin
        return head
    except NoteError as error:
        report.add(name, str(error), offset=0)
    try:
        return parse_checkpoint(split_note(note)[0])
    except NoteError:
        return Checkpoint("", 0, b"")


def _check_lines(out: Path, rules: RecordRules, report: Report) -> CompactRange:
    tree, offset = CompactRange(), 0
    with out.open("rb") as file:
        for line in file:
            data = line.removesuffix(b"\n")
            problem = rules.check(data, tree.size)
            if problem:
                report.add(out.name, problem, sequence=tree.size, offset=offset)
            tree.append(leaf_hash(data))
            offset += len(line)
    report.open_intents = len(rules.open_intents)
    return tree
