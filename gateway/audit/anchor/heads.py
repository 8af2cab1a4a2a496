"""The signed heads as they are carried away: of each log, and of the whole site.

A file of heads is any number of signed notes with an empty line after each, as ``checkpoints`` is: whoever has a log's
public key can check a log against it with nothing else.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from gateway.audit.anchor.witnesses import Witness
from gateway.audit.log import layout
from gateway.audit.log.merkle import leaf_hash, root_hash
from gateway.audit.log.note import Checkpoint, NoteError, parse_checkpoint, split_note
from gateway.audit.log.site import CHECKPOINT, HEADS

_SIGNATURE = "\u2014 ".encode()
_LINE = re.compile(r"([a-z0-9-]+(?:/[a-z0-9-]+){3}) (0|[1-9][0-9]{0,15}) ([A-Za-z0-9+/]{43}=)")
_TRIES, _PAUSE_SECONDS = 10, 0.02


@dataclass(frozen=True)
class LogHead:
    """The head that one log publishes. ``name`` is ``<origin>/<retention class>``, its path below the audit folder."""

    folder: Path
    name: str
    note: bytes
    checkpoint: Checkpoint

    @property
    def size(self) -> int:
        return self.checkpoint.size

    def seen(self, kind: str, place: str, cosignature: str = "") -> Witness:
        """Return that this head was seen there, now."""
        return Witness(kind, place, self.size, self.checkpoint.root, now(), cosignature)


@dataclass(frozen=True)
class SiteHead:
    """The head that binds all logs of a site: a signed note, and the lines below its root."""

    note: bytes
    lines: tuple[str, ...]
    checkpoint: Checkpoint

    def sizes(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield name, size and root of each log."""
        for line in self.lines:
            yield parse_line(line)


def log_heads(base: Path) -> list[LogHead]:
    """Return the published heads of all logs below the audit folder, sorted by name. Raises OSError, NoteError.

    A log without a head yet is left out. The folders of a log are four below the audit folder, so nothing else is read.
    """
    found = []
    for path in sorted(base.glob(f"*/*/*/*/{layout.CHECKPOINT}")):
        note = path.read_bytes()
        checkpoint = parse_checkpoint(split_note(note)[0])
        found.append(LogHead(path.parent, path.parent.relative_to(base).as_posix(), note, checkpoint))
    return found


def site_head(base: Path, site: str) -> SiteHead | None:
    """Return a site's head, ``None`` when there is none.

    Its two files are replaced one after the other, so a pair that does not fit is read again for a moment.

    Raises:
        NoteError: they are damaged, or do not fit.
        OSError: they cannot be read.
    """
    heads, checkpoint = base / site / HEADS, base / site / CHECKPOINT
    if not checkpoint.exists():
        return None
    for last in range(_TRIES, 0, -1):
        try:
            return site_head_of(checkpoint.read_bytes(), heads.read_text(encoding="utf-8").splitlines())
        except (NoteError, FileNotFoundError, UnicodeDecodeError):
            if last == 1:
                raise
        time.sleep(_PAUSE_SECONDS)
    return None


def site_head_of(note: bytes, lines: Sequence[str]) -> SiteHead:
    """Return a site's head when these are its lines. Its signature is not checked. Raises NoteError."""
    checkpoint = parse_checkpoint(split_note(note)[0])
    for line in lines:
        parse_line(line)
    if checkpoint.size != len(lines) or checkpoint.root != site_root(lines):
        raise NoteError("these are not the logs that the site's head was signed for")
    return SiteHead(note, tuple(lines), checkpoint)


def site_root(lines: Sequence[str]) -> bytes:
    """Return the RFC 6962 root over the lines, without their newlines."""
    return root_hash([leaf_hash(line.encode()) for line in lines])


def parse_line(line: str) -> tuple[str, int, bytes]:
    """Return name, size and root of a line of ``site-heads``. Raises NoteError."""
    found = _LINE.fullmatch(line)
    if not found:
        raise NoteError("not a line of a site's heads")
    name, size, root = found.groups()
    return name, int(size), base64.b64decode(root)


def notes_in(data: bytes) -> Iterator[bytes]:
    """Yield the signed notes of a file of heads. What else stands there, such as a note cut short, is passed over."""
    blocks = (block.strip(b"\n") for block in data.replace(b"\r\n", b"\n").split(b"\n\n"))
    for text, signatures in pairwise(blocks):
        if signatures.startswith(_SIGNATURE) and not text.startswith(_SIGNATURE):
            yield text + b"\n\n" + signatures + b"\n"


def now() -> str:
    """Return the time as ``witnesses.jsonl`` has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
