"""What was cut off the beginning of a log: the signed note ``pruned``.

The text of the note, which no checkpoint can begin like, since an origin has no space in it::

    sekisho.pruned/1 berlin/node1/w0
    2560
    1Rk7S1QX+9pKrB4mOAbqeGO8cO0gpQBR+1iSkZtmYv4=
    pkCJ8UYSsNQ+zG9vJCw8mHn4AXQKjjnv6nB0gRV6rNk=

Its second line is the first record that is still here, a multiple of 256; then come, in base64, the roots of the
perfect subtrees over all before it, largest first (a compact range): with the records that follow they make every
later head's root, so a pruned log verifies as before.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.log import layout
from gateway.audit.log.merkle import CompactRange
from gateway.audit.log.note import NoteError, Signer, Verifier, open_note, split_note

_FIRST_LINE = "sekisho.pruned/1 "


@dataclass(frozen=True)
class Pruned:
    """The beginning of a log. ``first`` is the sequence of the first record here, ``roots`` the range before it."""

    first: int = 0
    roots: tuple[bytes, ...] = ()

    @property
    def bundles(self) -> int:
        """How many bundles are gone."""
        return self.first // layout.BUNDLE_RECORDS

    def tree(self) -> CompactRange:
        """Return the tree of what is gone, to go on from."""
        return CompactRange.of(self.first, self.roots)

    def note(self, signer: Signer) -> bytes:
        """Return the signed note. Raises OSError."""
        roots = "".join(f"{base64.b64encode(root).decode()}\n" for root in self.roots)
        return signer.note(f"{_FIRST_LINE}{signer.origin}\n{self.first}\n{roots}")


def begin(folder: Path) -> Pruned:
    """Return where a log begins, as its note says, the signature not verified. Raises NoteError, OSError."""
    note = _read(folder)
    return parse(split_note(note)[0])[1] if note else Pruned()


def begin_signed(folder: Path, origin: str, *verifiers: Verifier) -> Pruned:
    """Return where a log begins, the signature verified. Raises NoteError, OSError."""
    note = _read(folder)
    if not note:
        return Pruned()
    named, pruned = parse(open_note(note, origin, *verifiers))
    if named != origin:
        raise NoteError("it is the note of another log")
    return pruned


def parse(text: str) -> tuple[str, Pruned]:
    """Return the origin and the beginning that a note's text speaks of. Raises NoteError."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not lines[0].startswith(_FIRST_LINE):
        raise NoteError("not a note of pruning")
    try:
        first, roots = int(lines[1]), tuple(base64.b64decode(line, validate=True) for line in lines[2:-1])
        tree = CompactRange.of(first, roots)
    except (ValueError, binascii.Error) as error:
        raise NoteError("not a beginning and its roots") from error
    if first % layout.BUNDLE_RECORDS or any(len(root) != layout.HASH_BYTES for root in roots):
        raise NoteError("not a beginning and its roots")
    return lines[0].removeprefix(_FIRST_LINE), Pruned(tree.size, tree.roots)


def _read(folder: Path) -> bytes:
    try:
        return (folder / layout.PRUNED).read_bytes()
    except FileNotFoundError:
        return b""
