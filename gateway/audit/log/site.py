"""The heads of all logs of a site, bound together: ``<site>/site-heads`` and ``<site>/site-checkpoint``.

``site-heads`` has one line a log, sorted, ``<site>/<node>/<worker>/<class> <size> <root, base64>``; the checkpoint's
origin is the site, its size the number of lines, its root that of RFC 6962 over the lines. So one head to carry away
witnesses every log. What was bound once is never unbound: a log that is gone, shorter, or another one at the same size
stops whoever writes here, and the lines that say so stay as they are. A copy lies outside the audit folder
(:mod:`gateway.audit.log.copied_heads`), so that the whole of it cannot go unnoticed.

A head is bound after it was published, durably both times: so no log is ever behind its line, unless somebody put an
older one in its place.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.audit.log import bundles, copied_heads, layout
from gateway.audit.log.copied_heads import CopiedHeads, Heads
from gateway.audit.log.disk import replace
from gateway.audit.log.growing import Tampered
from gateway.audit.log.note import Checkpoint, NoteError, Signer, open_checkpoint
from gateway.audit.log.pruned import begin
from gateway.audit.log.reader import logs
from gateway.audit.log.succession import LogKeys, verifiers

HEADS, CHECKPOINT, LOCK = "site-heads", "site-checkpoint", "site-lock"
DEFAULT, CROSS_BORDER = "default", "cross-border"

_WORKER_PARTS = 3  # site/node/worker


def log_origin(origin: str, retention_class: str) -> str:
    """Return what a log signs its heads with: the worker's origin, with the class where that is not ``default``."""
    return origin if retention_class == DEFAULT else f"{origin}/{retention_class}"


def name_of(origin: str, retention_class: str) -> str:
    """Return a log's name, its path below the audit folder, from what it signs with: ``berlin/node1/w0/default``."""
    return origin if origin.count("/") >= _WORKER_PARTS else f"{origin}/{retention_class}"


def origin_of(folder: Path, origin: str, retention_class: str) -> str:
    """Return what the log in a folder signs with: as :func:`log_origin`, but for a class that an earlier release had.

    There the folder's name was a setting, and every log signed with the worker's origin alone.
    """
    path = folder / layout.CHECKPOINT
    if retention_class in (DEFAULT, CROSS_BORDER) or not path.exists():
        return log_origin(origin, retention_class)
    signed = path.read_bytes().partition(b"\n")[0]
    return origin if signed == origin.encode() else log_origin(origin, retention_class)


class SiteHeads:
    """Binds the heads of one site's logs. Safe for use by several threads and processes at once.

    Args:
        base: the audit folder.
        site: its name.
        keys: sign the site's checkpoint, and are those that the logs' heads are signed with.
    """

    def __init__(self, base: Path, site: str, keys: LogKeys) -> None:
        self._base = base
        self._site = site
        self._folder = base / site
        self._keys = self._accepted = keys
        self._lock = threading.Lock()
        self._excused, self._waiting = "", False
        self._last: Heads = {}
        self._known: dict[str, tuple[bytes, Checkpoint]] = {}
        self._copy = CopiedHeads(base, site)
        self._ends: dict[Path, int] = {}

    def forget(self, name: str) -> None:
        """Let a log be opened that is older than what was bound of it: it is recovered. Until :meth:`settle`, nothing
        is bound: so it is opened in no other way before that is on record.
        """
        self._excused, self._waiting = name, True

    def hurry(self) -> None:
        """Let the next update copy what is bound, too: a log is about to be closed."""
        with self._lock:
            self._copy.hurry()

    def settle(self) -> None:
        """Bind that log as it is now, with the record of its recovery. What was bound of others is left alone.

        Raises:
            Tampered, OSError: as :meth:`update`.
        """
        self._waiting = False
        self.update()

    def excuses(self, folder: Path) -> bool:
        """Whether that log may be older than what was seen of it."""
        return folder == self._base / self._excused and bool(self._excused)

    def accept(self, keys: LogKeys) -> None:
        """Take heads for good that these have signed, from now on; the site's checkpoint is still signed as before."""
        with self._lock:
            self._accepted = keys

    def change_key(self, keys: LogKeys) -> None:
        """Sign with these from now on."""
        with self._lock:
            self._keys = self._accepted = keys
            self._known.clear()

    def update(self) -> None:
        """Bind the heads that are published now. Durable when it returns; does nothing when nothing changed.

        Raises:
            Tampered: a log is gone, or is not the one that was bound.
            OSError: it cannot be written.
        """
        if self._waiting:
            return
        with self._lock, self._held():
            bound, heads, copied = self._bound(), self._published(), self._copy.read()
            for name, seen in (*copied.items(), *bound.items()):  # the bound ones last: they are newer
                if name == self._excused:
                    continue
                if self._excused:  # others may be lost too, and are recovered one after the other
                    heads[name] = seen
                else:
                    _require_later(name, seen, heads.get(name))
            if not self._excused:  # others may be lost too, as above
                for name, head in heads.items():
                    self._check_end(self._base / name, head[0])
            if heads != bound:
                self._write(heads)
            self._copy.keep(heads, lambda: self._note(heads))
            self._last = heads

    def _check_end(self, folder: Path, size: int) -> None:
        """Raise Tampered when the last bundle or the heads of a log are gone, or shorter than when they were looked at.

        Whoever writes a log looks at all of it. But most of the time nobody writes that of administrative records.
        """
        index = (size - 1) // layout.BUNDLE_RECORDS
        for path in (folder / layout.HISTORY, *([bundles.plain_path(folder, index)] if size else [])):
            name = path.relative_to(self._base)
            try:
                found = path.stat()
            except OSError as error:
                if path.name != layout.HISTORY and (
                    bundles.packed_path(folder, index).exists() or begin(folder).first >= size
                ):
                    continue
                raise Tampered(f"{name} is gone") from error
            before = self._ends.get(path, 0)
            if found.st_size < before:
                raise Tampered(f"{name} has {found.st_size} bytes; it had {before}")
            self._ends[path] = found.st_size

    def _bound(self) -> Heads:
        """Return what is bound. Raises Tampered when it is less than this process has bound: the file was touched."""
        bound = read(self._base, self._site)
        for name, (size, _) in self._last.items():
            if name != self._excused and (name not in bound or bound[name][0] < size):
                raise Tampered(f"{HEADS} is not what was written")
        if self._last and not (self._folder / CHECKPOINT).exists():
            raise Tampered(f"{CHECKPOINT} is gone")
        return bound

    def _published(self) -> Heads:
        heads: Heads = {}
        for folder in logs(self._base):
            name = folder.relative_to(self._base).as_posix()
            if name.startswith(f"{self._site}/") and (folder / layout.CHECKPOINT).exists():
                head = self._open(name, (folder / layout.CHECKPOINT).read_bytes())
                heads[name] = (head.size, head.root)
        return heads

    def _open(self, name: str, note: bytes) -> Checkpoint:
        known = self._known.get(name)
        if known and known[0] == note:
            return known[1]
        worker, _, retention_class = name.rpartition("/")
        origin = origin_of(self._base / name, worker, retention_class)
        try:
            head = open_checkpoint(note, *verifiers(origin, self._accepted))
        except NoteError as error:
            raise Tampered(f"{name}/{layout.CHECKPOINT}: {error}") from error
        if head.origin != origin:
            raise Tampered(f"{name}/{layout.CHECKPOINT}: its origin is {head.origin}")
        self._known[name] = (note, head)
        return head

    def _write(self, heads: Heads) -> None:
        replace(self._folder / HEADS, copied_heads.text(heads).encode(), durable=True)
        note = Signer(self._site, *self._keys.signing).sign(len(heads), copied_heads.root(heads))
        replace(self._folder / CHECKPOINT, note, durable=True)

    def _note(self, heads: Heads) -> bytes:
        """Return the site's checkpoint over these heads; made again where a crash came between them."""
        wanted = Checkpoint(self._site, len(heads), copied_heads.root(heads))
        try:
            note = (self._folder / CHECKPOINT).read_bytes()
            if open_checkpoint(note, *verifiers(self._site, self._accepted)) == wanted:
                return note
        except (FileNotFoundError, NoteError):
            pass
        self._write(heads)
        return (self._folder / CHECKPOINT).read_bytes()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep the other workers of this site out for a moment."""
        descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def read(base: Path, site: str) -> Heads:
    """Return what is bound, by the log's name; nothing where nothing was yet. Raises Tampered, OSError."""
    return copied_heads.parse(base / site / HEADS)


def _require_later(name: str, seen: tuple[int, bytes], now: tuple[int, bytes] | None) -> None:
    if now is None:
        raise Tampered(f"the log {name} is gone")
    if now[0] < seen[0]:
        raise Tampered(f"the log {name} was cut back: its head has {now[0]} records, {seen[0]} were signed")
    if now[0] == seen[0] and now[1] != seen[1]:
        raise Tampered(f"the log {name} is another one: it has another head of {seen[0]} records")
