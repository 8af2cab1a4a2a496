"""An archive is unpacked into its folder and nowhere else."""

from __future__ import annotations

import io
import tarfile

import pytest

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.unpack import unpack


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
