"""Small files are replaced whole, are nobody else's, and stand as they were when they cannot be."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from gateway import durable


def test_a_file_is_made_with_its_folder_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/file"

    durable.replace(path, b"old, and longer")
    durable.replace(path, b"new")

    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_what_a_crash_left_beside_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_bytes(b"half")

    durable.replace(tmp_path / "file", b"new")

    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"new")]


def test_the_old_content_stands_where_the_new_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    durable.replace(tmp_path / "file", b"old")

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        durable.replace(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_all_is_overwritten_where_a_write_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(b"s" * 100 + b"rest")
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, offset: whole(descriptor, data[:7], offset))

    durable.overwrite(tmp_path / "secret", 100)

    assert (tmp_path / "secret").read_bytes() == bytes(100) + b"rest"


def test_what_could_be_overwritten_only_in_part_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s" * 100)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            durable.overwrite(tmp_path / "secret", 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert (tmp_path / "secret").read_bytes() == bytes(40) + b"s" * 60


def test_no_file_behind_a_link_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "secret").symlink_to(tmp_path / "other")

    with pytest.raises(OSError, match="symbolic links"):
        durable.overwrite(tmp_path / "secret", 5)

    assert (tmp_path / "other").read_bytes() == b"other"
