"""Unpack an archive into a folder and nowhere else: plain files and folders, no links, no devices, no owners.

Python 3.11's own filter came with 3.11.4, and Debian 12 has 3.11.2.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

from gateway.bundle.refusal import BundleRefused

_MOST_MEMBERS = 100_000
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00")  # gzip, bzip2, xz, lzma


def unpack_bundle(file: Path, into: Path, what: str) -> Path:
    """Unpack a bundle that nobody has verified yet; its one folder.

    A bundle is a plain tar. One that is compressed as a whole, or has members longer than itself (holes), could fill
    the disk before anybody knows whose it is: nothing of it is unpacked.

    Raises:
        BundleRefused: as :func:`unpack`; it is no plain tar, the disk has no room, not one folder is at its top.
        OSError
    """
    _check_plain(file, shutil.disk_usage(into.parent).free, what)
    unpack(file, into, what)
    tops = list(into.iterdir()) if into.is_dir() else []
    if len(tops) != 1:
        raise BundleRefused("bundle.malformed", f"{what} has not one folder at its top.")
    return tops[0]


def _check_plain(file: Path, free: int, what: str) -> None:
    size = file.stat().st_size
    with file.open("rb") as head:
        if head.read(8).startswith(_COMPRESSED):
            raise BundleRefused("bundle.malformed", f"{what} is compressed.")
    if free < size:
        raise BundleRefused("bundle.disk_full", f"To unpack {what} takes {size:,} bytes; the disk has {free:,}.")
    try:
        with tarfile.open(file, "r:") as tar:
            bytes_in_it = 0
            for number, member in enumerate(tar):
                bytes_in_it += member.size
                if member.size < 0 or bytes_in_it > size or number >= _MOST_MEMBERS:
                    raise BundleRefused("bundle.endless", f"{what} has members longer than itself, or too many.")
    except (tarfile.TarError, EOFError):
        raise BundleRefused("bundle.truncated", f"{what} is no whole archive.") from None


def unpack(archive: Path, into: Path, what: str) -> None:
    """Unpack a tar, compressed or not. Modes become 0644 or 0755; a name stands once.

    Raises:
        BundleRefused: a member is no plain file or folder, its name leads elsewhere or stands twice; the archive ends
            too early.
    """
    try:
        with tarfile.open(archive) as tar:
            for number, member in enumerate(tar):
                if number >= _MOST_MEMBERS:
                    raise BundleRefused("bundle.endless", f"{what} has over {_MOST_MEMBERS:,} members.")
                _unpack_member(tar, member, into, what)
    except (tarfile.TarError, EOFError):
        raise BundleRefused("bundle.truncated", f"{what} is no whole archive.") from None


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path, what: str) -> None:
    parts = member.name.split("/")
    if member.name.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\0" in member.name:
        raise BundleRefused("bundle.malformed", f"{what} has a member whose name leads elsewhere.")
    place = into.joinpath(*parts)
    if member.isdir():
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    source = tar.extractfile(member) if member.isreg() else None
    if source is None:
        raise BundleRefused("bundle.malformed", f"{what} has a member that is no plain file.")
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    mode = 0o755 if member.mode & 0o100 else 0o644
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise BundleRefused("bundle.malformed", f"{what} has a member twice.") from None
    with source, os.fdopen(handle, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        if file.tell() != member.size:
            raise BundleRefused("bundle.truncated", f"{what} ends too early.")
