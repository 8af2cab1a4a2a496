"""What a site's logs last had, kept outside the audit folder too: ``state/audit-heads/<site>``.

Everything that the audit folder says of its logs goes with it when it is deleted, or put back whole from a backup. So
the heads that were bound are copied into the folder of the state, durably: when a log comes to be known, then at most
once a minute, and when a log is closed. A log of which the copy speaks and which is not there was lost; no new one is
begun in its place.

The copy has the lines of ``site-heads``, an empty line, and the site's checkpoint, which signs them: nobody without the
log key changes a line. That there is a copy is said in the audit folder (``<site>/site-copied``), so one that is gone
is missed: within a second while a log is written, else at the next start. Copies of earlier releases are not signed,
and nothing says that they are there.

It is no proof against whoever deletes all of it, or puts an older copy of both folders in their place: that only the
places show that keep heads elsewhere. A copy is written after the heads are bound, so it never says more than the logs
have.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic

from gateway.audit.log.disk import replace
from gateway.audit.log.growing import Tampered
from gateway.audit.log.merkle import leaf_hash, root_hash
from gateway.audit.log.note import NoteError, Verifier, open_checkpoint
from gateway.durable import sync_folder

FOLDER = "audit-heads"
MARKER = "site-copied"
EVERY_SECONDS = 60.0

Heads = dict[str, tuple[int, bytes]]


class CopiedHeads:
    """The copy of one site. Not for two threads at once.

    Args:
        base: the audit folder, which lies in the data folder.
        site: its name.
    """

    def __init__(self, base: Path, site: str) -> None:
        self._path, self._marker = place(base) / site, base / site / MARKER
        self._known: set[str] = set()
        self._seen: Heads = {}
        self._due = 0.0

    def read(self) -> Heads:
        """Return what was copied. Raises Tampered: also when this process has seen more there; OSError."""
        said = f"state/{FOLDER}/{self._path.name}"
        copied, _ = parse_copy(self._path)
        if self._seen and not self._path.exists():
            raise Tampered(f"{said} is gone")
        if self._seen and not self._marker.exists():
            raise Tampered(f"{MARKER} is gone")
        for name, seen in self._seen.items():
            now = copied.get(name, (-1, b""))
            if now[0] < seen[0] or (now[0] == seen[0] and now != seen):
                raise Tampered(f"{said} is not what was written")
        if self._seen:
            self._seen = copied  # another worker may have gone on
        return copied

    def hurry(self) -> None:
        """Let the next :meth:`keep` copy, whenever the last one was."""
        self._due = 0.0

    def keep(self, heads: Heads, note: Callable[[], bytes]) -> None:
        """Copy the heads, where it is time to. Durable when it returns.

        Args:
            note: returns the site's checkpoint over them.

        Raises:
            OSError: it is not copied.
        """
        now = monotonic()
        if not heads or (self._known == set(heads) and now < self._due):
            return
        folder = self._path.parent
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            sync_folder(folder.parent)
        replace(self._path, text(heads).encode() + b"\n" + note(), durable=True)
        if not self._marker.exists():
            replace(self._marker, b"", durable=True)
        self._known, self._seen, self._due = set(heads), dict(heads), now + EVERY_SECONDS


def require(base: Path, keys_of: Callable[[str], Sequence[Verifier]]) -> None:
    """Look whether every copy is there that was made, and says what was signed.

    Args:
        keys_of: returns every key that may have signed the heads of a site.

    Raises:
        Tampered: one is gone, damaged, or was changed. OSError: one cannot be read.
    """
    for site in lost(base):
        raise Tampered(f"{site} is gone")
    for path in copies(base):
        heads, note = parse_copy(path)
        if note or (base / path.name / MARKER).exists():
            keys = keys_of(path.name)
            try:
                head = open_checkpoint(note, *keys)
            except NoteError as error:
                raise Tampered(f"{path.name} is not what was signed") from error
            if (head.origin, head.size, head.root) != (path.name, len(heads), root(heads)):
                raise Tampered(f"{path.name} is not what was signed")


def lost(base: Path) -> list[str]:
    """Return the sites whose copy was made and is gone."""
    made = sorted(path.parent.name for path in base.glob(f"*/{MARKER}"))
    return [site for site in made if not (place(base) / site).exists()]


def copies(base: Path) -> list[Path]:
    """Return the copies that there are, in order."""
    return [path for path in sorted(place(base).glob("*")) if path.is_file() and not path.name.startswith(".")]


def place(base: Path) -> Path:
    """Return where the copies lie, of the logs in an audit folder."""
    return base.parent / "state" / FOLDER


def all_of(base: Path) -> Heads:
    """Return what was copied of every site, by the log's name. Raises Tampered, OSError."""
    found: Heads = {}
    for path in copies(base):
        found |= parse_copy(path)[0]
    return found


def line(name: str, size: int, root: bytes) -> str:
    """Return a log's line, without its newline."""
    return f"{name} {size} {base64.b64encode(root).decode()}"


def text(heads: Mapping[str, tuple[int, bytes]]) -> str:
    """Return the lines of a file, sorted."""
    return "".join(f"{line(name, *head)}\n" for name, head in sorted(heads.items()))


def root(heads: Mapping[str, tuple[int, bytes]]) -> bytes:
    """Return the root over the lines of a file, as the site's checkpoint has it."""
    return root_hash([leaf_hash(line(name, *head).encode()) for name, head in sorted(heads.items())])


def parse(path: Path) -> Heads:
    """Return the heads in a file, nothing where there is none. Raises Tampered when it is no such file; OSError."""
    try:
        return _heads(path.read_bytes().splitlines())
    except FileNotFoundError:
        return {}
    except (ValueError, binascii.Error) as error:
        raise Tampered(f"{path.name} is damaged") from error


def parse_copy(path: Path) -> tuple[Heads, bytes]:
    """Return the heads in a copy and the note that signs them, empty where an earlier release wrote it.

    Raises Tampered, OSError as :func:`parse`.
    """
    try:
        lines, _, note = path.read_bytes().partition(b"\n\n")
        return _heads(lines.splitlines()), note
    except FileNotFoundError:
        return {}, b""
    except (ValueError, binascii.Error) as error:
        raise Tampered(f"{path.name} is damaged") from error


def _heads(lines: Iterable[bytes]) -> Heads:
    heads: Heads = {}
    for each in lines:
        name, size, encoded = each.decode("ascii").split(" ")
        heads[name] = (int(size), base64.b64decode(encoded, validate=True))
    return heads
