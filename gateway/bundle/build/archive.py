"""Archives whose bytes depend on nothing but what is in them: order of names, owner 0, one time, modes 0644 or 0755."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Member:
    """One file of an archive: its bytes, or the file that has them."""

    content: bytes | Path
    executable: bool = False

    def length(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def write_tar(out: Path, members: Mapping[str, Member], epoch: int, told: Callable[[int], None] | None = None) -> str:
    """Write an uncompressed tar and return its SHA-256 in hex. ``told`` hears how many bytes were written so far.

    The form is GNU's: ustar cannot say a name that is as long as a hash and a wheel's name, nor 8 GiB.
    """
    with out.open("wb") as file:
        hashed = _Hashed(file, told)
        with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            _fill(tar, members, epoch)
    return hashed.digest.hexdigest()


def tar_gz(members: Mapping[str, Member], epoch: int) -> bytes:
    """Return a ``.tar.gz``; its header says no time and no name."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        _fill(tar, members, epoch)
    return gzip.compress(plain.getvalue(), compresslevel=9, mtime=0)


def of_folder(folder: Path, without: Callable[[str], bool] = lambda name: False) -> dict[str, Member]:
    """The files under a folder by their relative names; links must not lead out of it.

    Raises:
        ValueError: one does.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or without(name):
            continue
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{name} is a link that leads out of its folder")
        found[name] = Member(path, bool(path.stat().st_mode & 0o100))
    return found


def read_tar_gz(content: bytes) -> dict[str, Member]:
    """The members of what :func:`tar_gz` wrote."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        files = [member for member in tar if member.isfile()]
        return {one.name: Member(_content(tar, one), bool(one.mode & 0o100)) for one in files}


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = tar.extractfile(member)
    return opened.read() if opened else b""


def _fill(tar: tarfile.TarFile, members: Mapping[str, Member], epoch: int) -> None:
    for name, member in sorted(members.items()):
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = member.length(), epoch, 0o755 if member.executable else 0o644
        if isinstance(member.content, bytes):
            tar.addfile(info, io.BytesIO(member.content))
        else:
            with member.content.open("rb") as opened:
                tar.addfile(info, opened)


class _Hashed(io.RawIOBase):
    """A file that is only written, hashed on its way."""

    def __init__(self, file: io.BufferedWriter, told: Callable[[int], None] | None) -> None:
        self._file, self._told = file, told
        self.digest = hashlib.sha256()
        self._done = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.digest.update(data)
        self._file.write(data)
        self._done += len(data)
        if self._told is not None:
            self._told(self._done)
        return len(data)
