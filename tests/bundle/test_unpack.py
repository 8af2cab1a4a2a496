"""An archive is unpacked into its folder and nowhere else."""

from __future__ import annotations

import io
import tarfile

import pytest

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.unpack import unpack, unpack_bundle


def packed(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mode = kind, len(content), 0o4777
            info.linkname = "/etc/passwd"
            tar.addfile(info, io.BytesIO(content))
    return path


def test_files_and_folders_come_out_without_rights_of_others(tmp_path):
    archive = packed(tmp_path / "a.tar.gz", ("d", tarfile.DIRTYPE, b""), ("d/f", tarfile.REGTYPE, b"one"))
    unpack(archive, tmp_path / "out", "docs")
    assert (tmp_path / "out/d/f").read_bytes() == b"one"
    assert (tmp_path / "out/d/f").stat().st_mode & 0o7777 in (0o755, 0o751, 0o750, 0o700)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("../f", tarfile.REGTYPE),
        ("/tmp/f", tarfile.REGTYPE),
        ("a/../../f", tarfile.REGTYPE),
        ("a//f", tarfile.REGTYPE),
        ("l", tarfile.SYMTYPE),
        ("l", tarfile.LNKTYPE),
        ("p", tarfile.FIFOTYPE),
        ("c", tarfile.CHRTYPE),
    ],
)
def test_what_leads_elsewhere_is_refused(tmp_path, name, kind):
    archive = packed(tmp_path / "a.tar.gz", (name, kind, b""))
    with pytest.raises(BundleRefused) as caught:
        unpack(archive, tmp_path / "in" / "out", "docs")
    assert caught.value.code == "bundle.malformed"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != archive]


def test_a_name_stands_once(tmp_path):
    archive = packed(tmp_path / "a.tar.gz", ("f", tarfile.REGTYPE, b"1"), ("f", tarfile.REGTYPE, b"2"))
    with pytest.raises(BundleRefused):
        unpack(archive, tmp_path / "out", "docs")
    assert (tmp_path / "out/f").read_bytes() == b"1"


@pytest.mark.parametrize("keep", [10, 60, 100])
def test_an_archive_that_was_cut_is_refused(tmp_path, keep):
    archive = packed(tmp_path / "a.tar.gz", ("f", tarfile.REGTYPE, bytes(range(256)) * 200))
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(BundleRefused) as caught:
        unpack(archive, tmp_path / "out", "docs")
    assert caught.value.code == "bundle.truncated"


def plain(path, *names, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"one"))
    return path


def holes(path):
    """A tar whose one member is a terabyte, all of it a hole (GNU sparse format 0.1 in a PAX header)."""
    info = tarfile.TarInfo("top/x")
    info.pax_headers = {"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"}
    path.write_bytes(info.tobuf(tarfile.PAX_FORMAT) + b"\0" * 20480)
    return path


def test_of_a_bundle_its_one_folder_is_returned(tmp_path):
    top = unpack_bundle(plain(tmp_path / "b.tar", "top/a", "top/b"), tmp_path / "out", "b.tar")
    assert (top, (top / "b").read_bytes()) == (tmp_path / "out/top", b"one")


@pytest.mark.parametrize(
    "made, code",
    [
        (lambda path: plain(path, "top/a", mode="w:gz"), "bundle.malformed"),
        (lambda path: plain(path, "top/a", mode="w:xz"), "bundle.malformed"),
        (lambda path: plain(path, "top/a", mode="w:bz2"), "bundle.malformed"),
        (lambda path: plain(path, "one/a", "two/a"), "bundle.malformed"),
        (plain, "bundle.malformed"),
        (holes, "bundle.endless"),
    ],
    ids=["gzip", "xz", "bzip2", "two folders", "empty", "holes"],
)
def test_what_could_fill_the_disk_is_refused_before_it_is_unpacked(tmp_path, made, code):
    file = made(tmp_path / "b.tar")
    with pytest.raises(BundleRefused) as caught:
        unpack_bundle(file, tmp_path / "out", "b.tar")
    assert caught.value.code == code
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file() and path != file) < 10


def test_without_room_nothing_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100}))
    with pytest.raises(BundleRefused) as caught:
        unpack_bundle(plain(tmp_path / "b.tar", "top/a"), tmp_path / "out", "b.tar")
    assert caught.value.code == "bundle.disk_full"
    assert not (tmp_path / "out").exists()
