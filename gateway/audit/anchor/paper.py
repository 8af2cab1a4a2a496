"""Heads on paper: what is printed, and how what comes back is checked.

Printed is the site's checkpoint as it is, signed, and below it the lines of all logs that it binds; with more logs than
fit, the checkpoint alone. The lines are kept under their root in ``audit/<site>/carried/``: they prove themselves, so
it does not matter that they stay on the machine.

What comes back may have been typed by hand: ``-`` for the dash before a signature, spaces at the ends of lines; a line
that begins with two spaces goes on where the one before it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.anchor.cosign import WitnessKey, time_of_cosignature
from gateway.audit.anchor.heads import LogHead, SiteHead, log_heads, notes_in, now, parse_line, site_head_of
from gateway.audit.anchor.witnesses import Witness
from gateway.audit.log.consistency import root_at
from gateway.audit.log.disk import replace
from gateway.audit.log.note import Checkpoint, NoteError, Verifier, open_checkpoint, parse_checkpoint, split_note

MOST_LINES = 12
CARRIED = "carried"
_DASH = "\u2014 "


@dataclass(frozen=True)
class Accepted:
    """What came back. ``heads`` fit the logs; ``wrong`` are those that do not: name, size, and what is wrong."""

    heads: list[tuple[Path, Witness]]
    wrong: list[tuple[str, int, str]]


def printed(head: SiteHead) -> str:
    """Return the text to print."""
    note = head.note.decode()
    return note if len(head.lines) > MOST_LINES else f"{note}\n{_joined(head.lines)}"


def keep_lines(base: Path, site: str, head: SiteHead) -> None:
    """Keep what is below the root, so that the checkpoint alone can come back. Durable. Raises OSError."""
    folder = base / site / CARRIED
    folder.mkdir(mode=0o700, exist_ok=True)
    replace(folder / head.checkpoint.root.hex(), _joined(head.lines).encode(), durable=True)


def accept(
    text: str,
    base: Path,
    site: str,
    *,
    trusted: Sequence[bytes],
    witnesses: Sequence[WitnessKey] = (),
    kind: str = "paper",
    place: str = "",
) -> Accepted:
    """Check what came back: the site's checkpoint, or heads of single logs, cosigned or not.

    Args:
        text: as it was typed, scanned or read.
        trusted: the log's public keys, 32 bytes each.
        witnesses: keys of those whose cosignature makes a head of one log witnessed by them.
        kind: how heads without a cosignature were kept.
        place: where.

    Raises:
        NoteError: it is no checkpoint, or not signed by these keys, or its lines are not known.
        OSError: a file cannot be read.
    """
    tidy = _tidied(text)
    notes = list(notes_in(tidy.encode()))
    if not notes:
        raise NoteError("there is no signed checkpoint in it")
    logs = {head.checkpoint.origin: head for head in log_heads(base)}
    accepted = Accepted([], [])
    for note in notes:
        checkpoint = _opened(note, trusted)
        if checkpoint.origin == site:
            _take_site(accepted, _site_of(note, tidy, base / site), base, kind, place)
        elif checkpoint.origin in logs:
            head = logs[checkpoint.origin]
            witness = _cosigned(note, checkpoint, witnesses) or _seen(checkpoint.size, checkpoint.root, kind, place)
            _take(accepted, head.name, head.folder, witness)
        else:
            accepted.wrong.append((checkpoint.origin, checkpoint.size, "there is no such log here"))
    return accepted


def _take_site(accepted: Accepted, head: SiteHead, base: Path, kind: str, place: str) -> None:
    for name, size, root in head.sizes():
        _take(accepted, name, base / name, _seen(size, root, kind, place))


def _take(accepted: Accepted, name: str, folder: Path, witness: Witness) -> None:
    """Let a head count, if the log has it."""
    try:
        ours = root_at(folder, witness.size)
    except (FileNotFoundError, ValueError):
        accepted.wrong.append((name, witness.size, "the log does not have as many records"))
        return
    if ours == witness.root:
        accepted.heads.append((folder, witness))
    else:
        accepted.wrong.append((name, witness.size, "the log's first records are not those"))


def _seen(size: int, root: bytes, kind: str, place: str) -> Witness:
    return Witness(kind, place, size, root, now())


def _cosigned(note: bytes, checkpoint: Checkpoint, witnesses: Sequence[WitnessKey]) -> Witness | None:
    """Return the witness of the first cosignature that holds. Raises NoteError for one that does not."""
    text, signatures = split_note(note)
    for line in signatures:
        for key in witnesses:
            seconds = time_of_cosignature(line, key, text)
            if seconds is not None:
                time = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                return Witness("node", key.name, checkpoint.size, checkpoint.root, time, line)
    return None


def _opened(note: bytes, trusted: Sequence[bytes]) -> Checkpoint:
    origin = parse_checkpoint(split_note(note)[0]).origin
    return open_checkpoint(note, *(Verifier(origin, public) for public in trusted))


def _site_of(note: bytes, text: str, folder: Path) -> SiteHead:
    """Return the site's head with its lines: those that came with it, else those that were kept."""
    checkpoint = parse_checkpoint(split_note(note)[0])
    came = [line for line in text.splitlines() if _is_line(line)]
    if came:
        return site_head_of(note, came)
    kept = folder / CARRIED / checkpoint.root.hex()
    if not kept.exists():
        raise NoteError("which logs it binds is not known here: give the lines that were printed below it")
    return site_head_of(note, kept.read_text(encoding="utf-8").splitlines())


def _is_line(line: str) -> bool:
    try:
        parse_line(line)
    except NoteError:
        return False
    return True


def _tidied(text: str) -> str:
    lines: list[str] = []
    for raw in text.lstrip("\ufeff").splitlines():
        if raw.startswith("  ") and raw.strip() and lines:
            lines[-1] += raw.strip()
        else:
            lines.append(raw.strip())
    typed = tuple(f"{dash} " for dash in ("-", "--", "\u2013", "\u2212"))
    return "\n".join(_DASH + line.split(" ", 1)[1] if line.startswith(typed) else line for line in lines) + "\n"


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def log_note_text(heads: Sequence[LogHead]) -> str:
    """Return the heads of single logs, to print where the site has no head of its own yet."""
    return "\n".join(head.note.decode() for head in heads)
