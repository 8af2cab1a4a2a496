"""Revisions on disk: each a folder, one of them in force. What one says is checked whenever it is opened.

::

    state/policy/
      in-force                      which revision, since when, and those before it; replaced whole
      revisions/<revision>/
        bundle.tar.gz               the OPA bundle, with its .signatures.json
        rules.csv                   the rule table
        manifest.json               digests of both, tests, until when: a DSSE envelope

A revision appears whole or not at all: it is written beside, synced, and given its name. ``in-force`` is replaced by
renaming. Whatever dies on the way, exactly one whole revision is in force (or still none).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import SetupError
from gateway.policy.facts import Rulebook
from gateway.policy.life.build import Bundle
from gateway.policy.life.dsse import BadEnvelope, Envelope, payload_of, read_envelope, write_envelope
from gateway.policy.life.manifest import Manifest
from gateway.policy.life.manifest import read as read_manifest
from gateway.policy.table import read
from gateway.policy.table.row import groups_of

BUNDLE, TABLE, MANIFEST, IN_FORCE = "bundle.tar.gz", "rules.csv", "manifest.json", "in-force"
KEPT = 10
_ID = re.compile(r"[0-9a-f]{32}")
_LARGEST_FILE_BYTES = 32 * 1024 * 1024

Step = Callable[[str], None]
"""Called with the name of each step of a change as it is reached; for tests that end the process there."""


def unwatched(step: str) -> None:
    """Let every step pass."""


@dataclass(frozen=True)
class Standing:
    """What is decided by: a bundle for OPA, the table that the gateway compiles for it, and until when."""

    bundle: Bundle
    rulebook: Rulebook
    expires: str = ""  # RFC 3339; empty: never, which no revision is


@dataclass(frozen=True)
class Revision:
    """A revision whose files are what its manifest says. Who signed that is another question (``signing.py``)."""

    folder: Path
    envelope: Envelope
    manifest: Manifest

    @property
    def id(self) -> str:
        return self.manifest.revision

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest's payload: of everything in the revision but its signatures."""
        return hashlib.sha256(payload_of(self.envelope)).hexdigest()

    @property
    def bundle(self) -> Bundle:
        return Bundle(self.folder / BUNDLE, self.id, self.manifest.bundle, self.manifest.verifying_key)

    @property
    def table(self) -> str:
        """The text of its rule table."""
        return (self.folder / TABLE).read_text(encoding="utf-8-sig")

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What the bundle holds, by path, without its signature."""
        found: dict[str, bytes] = {}
        with tarfile.open(self.folder / BUNDLE) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content and member.size <= _LARGEST_FILE_BYTES:
                    found[member.name.lstrip("/")] = content.read()
        return {name: found[name] for name in sorted(found) if name != ".signatures.json"}

    @property
    def law(self) -> dict[str, Any]:
        """The data that its rules judge by: ``data.law``."""
        try:
            return dict(msgspec.json.decode(self.files["data.json"])["law"])
        except (KeyError, TypeError, msgspec.DecodeError) as error:
            raise _broken(self.folder, "its bundle has no data") from error

    @property
    def rulebook(self) -> Rulebook:
        """Its table, read. Raises SetupError, naming row and column."""
        groups = groups_of(self.law.get("jurisdictions", {}))
        rows = read.parse(self.table, str(self.folder / TABLE), frozenset().union(*groups.values()))
        return Rulebook(rows, groups)

    @property
    def standing(self) -> Standing:
        return Standing(self.bundle, self.rulebook, self.manifest.expires)


class InForce(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file ``in-force``. ``before`` are the revisions that were in force earlier, the last one first."""

    revision: str
    digest: str
    since: str
    before: tuple[str, ...] = ()


class Revisions:
    """The revisions of one installation. Only one process changes them at a time: who holds the data folder's lock.

    Args:
        folder: ``state/policy``.
        step: see :data:`Step`.
    """

    def __init__(self, folder: Path, step: Step = unwatched) -> None:
        self.folder = folder
        self._shelf = folder / "revisions"
        self._step = step

    def list(self) -> list[Revision]:
        """Return those that are whole, the newest first."""
        names = [path.name for path in self._shelf.iterdir()] if self._shelf.is_dir() else []
        found = [revision for name in names if _ID.fullmatch(name) and (revision := self._whole(name))]
        return sorted(found, key=lambda revision: (revision.manifest.created, revision.id), reverse=True)

    def get(self, reference: str) -> Revision:
        """Return one by its id, the beginning of it (4 digits at least), or the path of its folder.

        ``latest`` is the one that was built last, ``in-force`` what it says.

        Raises:
            SetupError: there is none, more than one, or it is not what its manifest says.
        """
        if os.sep in reference:
            return open_revision(Path(reference))
        named = self._named(reference)
        if named:
            return named
        names = (
            sorted(p.name for p in self._shelf.glob(f"{reference}*")) if re.fullmatch("[0-9a-f]+", reference) else []
        )
        names = [name for name in names if _ID.fullmatch(name)]
        if len(names) != 1 or len(reference) < 4:
            problem = f"{'More than one' if len(names) > 1 else 'No'} revision is called {reference!r}."
            raise SetupError(problem, "See: sekisho policy status", exit_code=2)
        return open_revision(self._shelf / names[0])

    def _named(self, reference: str) -> Revision | None:
        if reference == "latest":
            return next(iter(self.list()), None)
        return self.in_force() if reference == IN_FORCE else None

    def note(self) -> InForce | None:
        """Return what the file ``in-force`` says, ``None`` where there is none. Raises SetupError."""
        path = self.folder / IN_FORCE
        try:
            return msgspec.json.decode(path.read_bytes(), type=InForce)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise SetupError(f"{path} is damaged.", "Restore it from a backup of the data folder.") from error

    def in_force(self) -> Revision | None:
        """Return the revision in force, ``None`` where none ever was.

        Raises:
            SetupError: it is missing, or not what it was when it was activated.
        """
        note = self.note()
        if note is None:
            return None
        revision = open_revision(self._shelf / note.revision)
        if (revision.id, revision.digest) != (note.revision, note.digest):
            raise _broken(revision.folder, "it is not what was activated")
        return revision

    # --- changes

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Give a folder to write a revision into, on the same disk; it is gone afterwards unless :meth:`keep` took it.
        What a process that was killed left of its own is removed."""
        self._shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._shelf.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self._shelf))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, folder: Path) -> Revision:
        """Give a draft its name. One of that name that is whole already stays as it is, and is returned.

        Raises:
            SetupError: the draft is not whole.
        """
        revision = open_revision(folder)
        there = self._whole(revision.id)
        if there:
            return there
        for path in folder.iterdir():
            _sync(path)
        _sync(folder)
        self._step("revision.written")
        place = self._shelf / revision.id
        shutil.rmtree(place, ignore_errors=True)
        folder.rename(place)
        _sync(self._shelf)
        self._step("revision.kept")
        return open_revision(place)

    def write_signatures(self, revision: Revision, envelope: Envelope) -> Revision:
        """Replace a revision's envelope by one with the same payload and more signatures."""
        if payload_of(envelope) != payload_of(revision.envelope):
            raise SetupError("The signature is for another manifest.", "Sign the revision anew.", exit_code=2)
        replace_file(revision.folder / MANIFEST, write_envelope(envelope), self._step, "signature")
        return open_revision(revision.folder)

    def put_in_force(self, revision: Revision, since: str, *, back: bool = False) -> InForce:
        """Put a kept revision in force. On stable storage when this returns.

        Args:
            back: it was the one before; what was in force until now is not something to go back to.
        """
        before = self.note()
        gone = ((before.revision,) if not back else ()) + before.before if before else ()
        earlier = tuple(name for name in dict.fromkeys(gone) if name != revision.id)
        note = InForce(revision.id, revision.digest, since, earlier[: KEPT - 1])
        replace_file(self.folder / IN_FORCE, msgspec.json.encode(note) + b"\n", self._step, "in-force")
        return note

    def drop_old(self) -> None:
        """Keep those that were in force last, and the newest that were built. What cannot be removed stays."""
        revisions, note = self.list(), self.note()
        if note is None:
            return
        kept = {note.revision, *note.before, *(revision.id for revision in revisions[:KEPT])}
        for revision in (revision for revision in revisions if revision.id not in kept):
            self._step("old.dropping")
            doomed = self._shelf / f".new-{revision.id}"  # a name that is no revision's any more, then away with it
            with contextlib.suppress(OSError):
                revision.folder.rename(doomed)
            self._step("old.renamed")
            shutil.rmtree(doomed, ignore_errors=True)

    def _whole(self, name: str) -> Revision | None:
        try:
            return open_revision(self._shelf / name)
        except SetupError:
            return None


def open_revision(folder: Path, called: Path | None = None) -> Revision:
    """Return the revision in a folder.

    Args:
        called: what to call the folder in messages, where it is a copy.

    Raises:
        SetupError: something is missing, is no manifest, or has another digest than the manifest says.
    """
    try:
        envelope = read_envelope((folder / MANIFEST).read_bytes())
        manifest = read_manifest(envelope)
        found = {name: _sha256(folder / name) for name in (BUNDLE, TABLE)}
    except OSError as error:
        raise _broken(called or folder, f"{Path(str(error.filename)).name} cannot be read") from error
    except BadEnvelope as error:
        raise _broken(called or folder, f"{MANIFEST}: {error}") from error
    if not _ID.fullmatch(manifest.revision):  # its folder is named by it
        raise _broken(called or folder, f"{MANIFEST}: its revision is no 32 hex digits")
    for name, digest in ((BUNDLE, manifest.bundle), (TABLE, manifest.table)):
        if found[name] != digest:
            raise _broken(called or folder, f"{name} is not what the manifest says")
    return Revision(folder, envelope, manifest)


def replace_file(path: Path, content: bytes, step: Step = unwatched, what: str = "") -> None:
    """Write a file whole: beside, synced, renamed; on stable storage when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        step(f"{what}.written")
        os.fsync(file.fileno())
    fresh.replace(path)
    step(f"{what}.replaced")
    _sync(path.parent)
    step(f"{what}.synced")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _broken(folder: Path, what: str) -> SetupError:
    return SetupError(f"{folder} is no whole policy revision: {what}.", "Build it anew: sekisho policy build")
