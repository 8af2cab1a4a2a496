"""llama.cpp's sources, as llama-cpp-python's sdist carries them: checked by hash, and unpacked without trusting names.

The archive is the one whose hash ``offline-bundle/locks/llama-cpp-python.txt`` has (a test compares them); any other is
refused. Of it, ``vendor/llama.cpp`` alone is unpacked.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from gateway.errors import SetupError

_WITHIN = ("vendor", "llama.cpp")
_MOST_BYTES = 2 * 1024**3
_DOWNLOAD_SECONDS = 900


class Source(msgspec.Struct, frozen=True):
    """One release of the sdist."""

    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"llama-cpp-python {self.version}"

    @property
    def requirement(self) -> str:
        return f"llama-cpp-python=={self.version} --hash=sha256:{self.sha256}"


SOURCE = Source("0.3.36", "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e")


def check_archive(archive: Path, source: Source = SOURCE) -> None:
    """Compare an archive with its hash. Raises SetupError when it is another one, or cannot be read."""
    try:
        with archive.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SetupError(
            f"{archive} cannot be read ({error.strerror}).", "Check path and mode.", exit_code=2
        ) from error
    if found != source.sha256:
        problem = f"{archive.name} is not the sdist of {source.name}: its SHA-256 is {found}."
        raise SetupError(problem, f"Give the one whose SHA-256 is {source.sha256}.", exit_code=2)


def fetch(folder: Path, source: Source = SOURCE) -> Path:
    """Let pip fetch the sdist into ``folder``; return it. pip compares the hash.

    Raises:
        SetupError: no index can be reached, or has it.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text(source.requirement + "\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    command += ["--require-hashes", "--disable-pip-version-check", "--dest", str(folder), "--requirement", str(wanted)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_DOWNLOAD_SECONDS)  # noqa: S603 - pip
        return next(folder.glob("*.tar.gz"))
    except (OSError, subprocess.SubprocessError, StopIteration) as error:
        mend = f"Bring the sdist of {source.name} here, and give it with --source FILE."
        raise SetupError("The sources of llama.cpp could not be fetched.", mend) from error


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack llama.cpp below ``folder``; return its own folder.

    Only regular files and folders come out, each inside, without owner or special mode.

    Raises:
        SetupError: not such an archive, or larger than it can be.
    """
    try:
        with tarfile.open(archive) as opened:
            for member, parts in _wanted(opened):
                _write(opened, member, folder.joinpath(*parts))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise SetupError(f"{archive.name} cannot be unpacked ({type(error).__name__}).", "Fetch it anew.") from error
    if not (folder / "CMakeLists.txt").is_file():
        raise SetupError(f"{archive.name} does not hold llama.cpp.", f"Give the sdist of {SOURCE.name}.")
    return folder


def _wanted(opened: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, tuple[str, ...]]]:
    """Yield the members to unpack, with their path inside llama.cpp."""
    left = _MOST_BYTES
    for member in opened:
        parts = PurePosixPath(member.name).parts[1:]  # the first is the release's own folder
        if parts[: len(_WITHIN)] != _WITHIN or not member.isreg():
            continue
        inner = parts[len(_WITHIN) :]
        left -= member.size
        if left < 0 or not inner or ".." in inner or member.name.startswith("/"):
            raise tarfile.TarError("a member that has no business there")
        yield member, inner


def _write(opened: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = opened.extractfile(member)
    if content is None:
        raise tarfile.TarError("a member without content")
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file, 1024 * 1024)
    path.chmod(0o700 if member.mode & 0o100 else 0o600)
