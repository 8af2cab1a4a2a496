"""Engines that were built here: one folder each below ``engines/`` in the data folder, named by what it holds.

A folder has the program, its libraries, ``manifest.json`` and ``build.log``. Its name begins the SHA-256 over the
names and hashes of its files, so that a file that was exchanged is noticed: :meth:`EngineShelf.problem` compares them
before a process gets them. Nothing in a folder changes after :meth:`EngineShelf.take_in`. ::

    shelf = EngineShelf(settings.data / "engines")
    for built in shelf.all(): print(built.digest, built.build)
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway.errors import SetupError

MANIFEST, LOG = "manifest.json", "build.log"
LAST_LOG = "last-build.log"  # beside the folders: also of a build that failed
DIGEST_LENGTH = 16
WORKSHOP = ".work-"
_STAGING = ".new-"


class BuiltEngine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``manifest.json``: what was built, from what, by what, for what."""

    digest: str  # begins the hash over `files`; the folder's name
    program: str  # llama-server
    source: str  # "llama-cpp-python 0.3.36"
    source_sha256: str
    options: tuple[str, ...]  # what CMake was told
    compiler: str  # its own first line
    architecture: str  # x86_64
    needs: tuple[str, ...]  # what the processor must have, as the kernel names it: avx512_vnni
    cuda: str = ""  # the toolkit's version; "" without
    cuda_architectures: tuple[str, ...] = ()  # "75", "90"
    repack: bool = True  # weights are copied into the form that the processor's widest instructions take
    built_at: str = ""  # RFC 3339, UTC
    build_seconds: float = 0.0
    files: dict[str, str] = {}  # name: SHA-256, in hex

    @property
    def build(self) -> str:
        """How a record names it."""
        return f"{self.program}/{self.digest} {self.source.replace(' ', '/')}"


def digest_of(files: Mapping[str, str]) -> str:
    """Return the name of a folder that holds these files, given by their hashes."""
    listed = "".join(f"{files[name]}  {name}\n" for name in sorted(files))
    return hashlib.sha256(listed.encode()).hexdigest()[:DIGEST_LENGTH]


def hashes_of(folder: Path) -> dict[str, str]:
    """Return SHA-256 of each file of a folder but manifest and log. Raises OSError."""
    hashes = {}
    for file in sorted(folder.iterdir()):
        if file.name not in (MANIFEST, LOG):
            with file.open("rb") as stream:
                hashes[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashes


class EngineShelf:
    """The folder of built engines. Reading it changes nothing; it may not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[BuiltEngine]:
        """Return what can be read of them, the newest first; a folder without a valid manifest is left out."""
        try:
            folders = [entry for entry in self.folder.iterdir() if not entry.name.startswith(".")]
        except OSError:
            return []
        found = [built for folder in folders if (built := _manifest_in(folder)) is not None]
        return sorted(found, key=lambda built: (built.built_at, built.digest), reverse=True)

    def find(self, reference: str) -> BuiltEngine:
        """Return the one whose digest begins so.

        Raises:
            SetupError: there is none, or more than one.
        """
        known = self.all()
        found = [built for built in known if reference and built.digest.startswith(reference)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(built.digest for built in found or known) or "none"
        problem = f"There is no engine {reference!r}." if not found else f"Several engines begin with {reference!r}."
        raise SetupError(problem, f"Known: {names}. See: sekisho engines list", exit_code=2)

    def details(self, digest: str) -> dict[str, object]:
        """Return what a record says of one, in use or waiting for its name. Raises SetupError when there is none."""
        place = self.staged(digest)
        built = _read(place / MANIFEST) if place is not None else None
        known = built or self.find(digest)
        wanted = ("digest", "program", "source", "source_sha256", "compiler", "cuda")
        return {name: getattr(known, name) for name in wanted}

    def path(self, built: BuiltEngine) -> Path:
        return self.folder / built.digest

    def problem(self, built: BuiltEngine) -> str:
        """Say what is wrong with its files, "" when nothing is. Reads them all."""
        folder = self.path(built)
        try:
            loose = next((file.name for file in [folder, *folder.iterdir()] if _is_open_to_others(file)), "")
            found = hashes_of(folder)
        except OSError as error:
            return f"Its files cannot be read ({error.strerror})."
        if loose:
            return f"Others may write {loose}."
        if found != built.files or digest_of(found) != built.digest:
            return "Its files are not those that were built."
        return ""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the shelf for one build, and clear away what one that was killed has left.

        Raises:
            SetupError: another build goes on.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _take(held)
            for left in [*self.folder.glob(f"{_STAGING}*"), *self.folder.glob(f"{WORKSHOP}*")]:
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            os.close(held)

    def staging(self) -> Path:
        """Return a new folder, on the same file system, to be filled and given to :meth:`take_in`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self.folder / f"{_STAGING}{os.getpid()}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        return place

    def stage(self, place: Path, built: BuiltEngine) -> None:
        """Write the manifest; from here on the folder lacks its name alone."""
        file = place / MANIFEST
        file.unlink(missing_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(built), indent=2) + b"\n")
        for each in place.iterdir():
            each.chmod(0o500 if each.name not in (MANIFEST, LOG) else 0o400)
        with file.open("rb") as stream:
            os.fsync(stream.fileno())

    def staged(self, digest: str) -> Path | None:
        """Return the filled folder that waits for this name."""
        if not self.folder.is_dir():
            return None
        waiting = (entry for entry in self.folder.iterdir() if entry.name.startswith(_STAGING))
        return next((place for place in waiting if _digest_in(place) == digest), None)

    def take_in(self, digest: str) -> None:
        """Give a filled folder its name; one that is there already stays.

        Raises:
            SetupError: no such folder waits.
        """
        place = self.staged(digest)
        if place is None:
            raise SetupError(f"No engine {digest} was built.", "Run: sekisho engines build", exit_code=2)
        if (self.folder / digest).exists():
            shutil.rmtree(place)
        else:
            place.rename(self.folder / digest)
        _sync(self.folder)

    def remove(self, digest: str) -> None:
        """Remove one; a process that runs from it keeps what it has loaded. Raises SetupError when there is none."""
        built = self.find(digest)
        hidden = self.folder / f".old-{built.digest}"
        shutil.rmtree(hidden, ignore_errors=True)
        self.path(built).rename(hidden)
        _sync(self.folder)
        shutil.rmtree(hidden, ignore_errors=True)


def _is_open_to_others(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _digest_in(place: Path) -> str:
    built = _read(place / MANIFEST)
    return built.digest if built is not None else ""


def _manifest_in(folder: Path) -> BuiltEngine | None:
    built = _read(folder / MANIFEST)
    return built if built is not None and built.digest == folder.name else None


def _read(file: Path) -> BuiltEngine | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=BuiltEngine)
    except (OSError, msgspec.DecodeError):
        return None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take(folder: int) -> None:
    """Lock an open folder until it is closed. Raises SetupError where somebody else has it."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SetupError("Another build goes on.", "Wait for its end.") from error
