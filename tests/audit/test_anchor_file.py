"""Heads in a file: whole notes only, on another disk only, never on a mount point without its medium."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.anchor.build import heads_files, refuse_contradicted
from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.file import FileAnchor
from gateway.audit.anchor.heads import notes_in
from gateway.audit.log.disk import Disk
from gateway.audit.log.note import open_checkpoint
from gateway.audit.verify import read_since
from gateway.errors import SetupError
from gateway.settings import AuditSettings, FileAnchorSettings, Settings
from tests.audit.anchor_parts import TileLog

ROOT = Path(__file__).parents[2]


@pytest.fixture
def log(tmp_path: Path) -> TileLog:
    return TileLog(tmp_path / "audit")


@pytest.fixture
def anchor(tmp_path: Path) -> FileAnchor:
    return FileAnchor(tmp_path / "berlin.heads", tmp_path, same_disk=True)


def sizes(path: Path) -> list[int]:
    from gateway.audit.log.note import parse_checkpoint, split_note

    return [parse_checkpoint(split_note(note)[0]).size for note in notes_in(path.read_bytes())]


def test_each_new_head_is_appended_once_and_can_be_verified(log: TileLog, anchor: FileAnchor) -> None:
    found = [anchor.deliver([log.grow(count)]) for count in (3, 0, 300)]

    assert [[witness.size for _, witness in each] for each in found] == [[3], [], [303]]
    assert found[0][0][1].kind == "file"
    assert found[0][0][1].place == anchor.place
    heads = [open_checkpoint(note, log.signer.verifier) for note in notes_in(Path(anchor.place).read_bytes())]
    assert [(head.size, head.root) for head in heads] == [(w.size, w.root) for each in found for _, w in each]


def test_the_log_s_own_disk_is_refused_since_it_proves_nothing(log: TileLog, tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "heads", tmp_path)

    with pytest.raises(AnchorTrouble, match="same disk"):
        anchor.deliver([log.grow()])

    assert not (tmp_path / "heads").exists()


def test_another_disk_is_taken(log: TileLog, tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm") / f"sekisho-{os.getpid()}.heads"  # a tmpfs
    if not elsewhere.parent.is_dir() or elsewhere.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    try:
        assert FileAnchor(elsewhere, tmp_path).deliver([log.grow(7)])[0][1].size == 7
        assert sizes(elsewhere) == [7]
    finally:
        elsewhere.unlink(missing_ok=True)


def test_a_folder_that_is_not_there_is_told(log: TileLog, tmp_path: Path) -> None:
    with pytest.raises(AnchorTrouble, match="no folder"):
        FileAnchor(tmp_path / "gone" / "heads", tmp_path).deliver([log.grow()])


def test_in_a_folder_the_heads_get_a_file_of_their_own(log: TileLog, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()

    FileAnchor(stick, tmp_path, same_disk=True).deliver([log.grow(5)])

    assert sizes(stick / "sekisho.heads") == [5]
    (wanted,) = heads_files(Settings(audit=AuditSettings(anchors=(FileAnchorSettings(path=str(stick)),))))
    assert wanted == stick / "sekisho.heads"


def test_a_file_that_was_taken_away_gets_all_heads_again(log: TileLog, anchor: FileAnchor, tmp_path: Path) -> None:
    other = TileLog(tmp_path / "audit", "berlin/node1/admin")
    heads = [log.grow(5), other.grow(2)]
    anchor.deliver(heads)
    Path(anchor.place).unlink()

    anchor.deliver(heads)

    assert sizes(Path(anchor.place)) == [5, 2]


def knowing(anchor: FileAnchor, log: TileLog, tmp_path: Path) -> FileAnchor:
    """The anchor as a start makes it: it knows of the file what lies there, and the log's keys."""
    return FileAnchor(Path(anchor.place), tmp_path, same_disk=True, keys=lambda: [log.signer.verifier.public])


@pytest.mark.parametrize(("kept", "grown"), [(4, 0), (4, 1), (4, 30), (7, 1)])
def test_a_log_that_was_put_back_is_a_conflict_and_nothing_is_brought(
    log: TileLog, anchor: FileAnchor, tmp_path: Path, kept: int, grown: int
) -> None:
    anchor.deliver([log.grow(7)])
    anchor.deliver([log.grow(3)])
    log.cut(kept)
    head = log.grow(grown, "another") if grown else log.cut(kept)

    with pytest.raises(AnchorTrouble, match=r"berlin/node1/w0/default was (cut back|forked|rewritten)") as caught:
        knowing(anchor, log, tmp_path).deliver([head])

    assert caught.value.conflict
    assert sizes(Path(anchor.place)) == [7, 10]


def test_a_log_that_goes_on_from_what_lies_there_is_none(log: TileLog, anchor: FileAnchor, tmp_path: Path) -> None:
    for count in (7, 3):
        anchor.deliver([log.grow(count)])

    assert knowing(anchor, log, tmp_path).deliver([log.grow(2)])[0][1].size == 12


def test_a_head_that_somebody_else_signed_is_no_conflict(log: TileLog, anchor: FileAnchor, tmp_path: Path) -> None:
    anchor.deliver([log.grow(7)])
    other = TileLog(tmp_path / "other", key=Ed25519PrivateKey.from_private_bytes(bytes(32)))

    assert knowing(anchor, other, tmp_path).deliver([other.grow(2, "another")])[0][1].size == 2


@pytest.mark.parametrize(("kept", "grown"), [(4, 0), (4, 30)])
def test_a_start_is_refused_where_a_medium_contradicts_the_log(tmp_path: Path, kept: int, grown: int) -> None:
    its = Settings(
        data_dir=str(tmp_path),
        audit=AuditSettings(anchors=(FileAnchorSettings(path=str(tmp_path / "heads"), same_disk=True),)),
    )
    its.keys.mkdir()
    log = TileLog(its.data / "audit")
    (log.folder / "tile").mkdir(exist_ok=True)
    (log.folder / "lock").touch()
    (its.keys / "log.vkey").write_text(log.signer.verifier_key())
    refuse_contradicted(its)
    FileAnchor(tmp_path / "heads", tmp_path, same_disk=True).deliver([log.grow(7)])
    refuse_contradicted(its)
    log.cut(kept)
    log.grow(grown, "another")

    with pytest.raises(SetupError, match=r"was (cut back|rewritten)") as caught:
        refuse_contradicted(its)

    assert "sekisho audit recover" in caught.value.mend


@pytest.mark.parametrize("left", [1, 20, 60])
def test_a_head_that_a_crash_left_half_written_costs_no_other(log: TileLog, anchor: FileAnchor, left: int) -> None:
    path = Path(anchor.place)
    anchor.deliver([log.grow(5)])
    whole = path.read_bytes()
    path.write_bytes(whole + log.grow(1).note[:left])

    anchor.deliver([log.grow(1)])

    assert path.read_bytes()[: len(whole)] == whole
    assert sizes(path) == [5, 7]


@pytest.mark.parametrize("length", [1, 4000])
def test_a_file_that_is_no_file_of_heads_loses_nothing(log: TileLog, anchor: FileAnchor, length: int) -> None:
    path, foreign = Path(anchor.place), b"somebody's notes, without an end" * length
    path.write_bytes(foreign)

    anchor.deliver([log.grow(5)])

    assert path.read_bytes().startswith(foreign)
    assert set(sizes(path)) == {5}
    assert [point.size for point in read_since(path)] == [5]


def test_a_file_that_somebody_cut_is_told_and_gets_the_heads_again(
    log: TileLog, anchor: FileAnchor, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(anchor.place)
    anchor.deliver([log.grow(5)])
    path.write_bytes(b"")

    assert [witness.size for _, witness in anchor.deliver([log.grow(0)])] == [5]
    assert "changed or taken away" in caplog.text


def test_where_nothing_can_be_cut_off_the_torn_head_is_set_apart(
    log: TileLog, anchor: FileAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(anchor.place)
    anchor.deliver([log.grow(5)])
    with path.open("ab") as file:
        file.write(log.grow(1).note[:30])

    def forbidden(descriptor: int, length: int) -> None:  # as chattr +a has it
        raise PermissionError(errno.EPERM, "not permitted")

    head = log.grow(1)
    monkeypatch.setattr(os, "ftruncate", forbidden)
    anchor.deliver([head])

    assert sizes(path) == [5, 7, 7]
    assert [point.size for point in read_since(path)] == [5, 7]  # another reader, who loses one beside the torn head


class FullDisk(Disk):
    def append(self, descriptor: int, data: bytes, at: int) -> None:
        os.write(descriptor, data[:10])
        os.ftruncate(descriptor, at)
        raise OSError(errno.ENOSPC, "full")


def test_a_full_disk_leaves_whole_notes_and_the_head_is_brought_again(log: TileLog, tmp_path: Path) -> None:
    disk = FullDisk()
    anchor = FileAnchor(tmp_path / "heads", tmp_path, same_disk=True, disk=disk)

    with pytest.raises(OSError, match="full"):
        anchor.deliver([log.grow(4)])
    assert (tmp_path / "heads").read_bytes() == b""

    anchor._disk = Disk()
    assert [witness.size for _, witness in anchor.deliver([log.grow(1)])] == [5]


def test_a_link_is_not_followed(log: TileLog, tmp_path: Path) -> None:
    (tmp_path / "heads").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match=r"symbolic links"):
        FileAnchor(tmp_path / "heads", tmp_path, same_disk=True).deliver([log.grow()])


UNMOUNTED = """
import subprocess, sys
from pathlib import Path
sys.path.insert(0, ".")
from tests.audit.anchor_parts import TileLog
from gateway.audit.anchor.build import heads_files, refuse_contradicted
from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.file import FileAnchor

data, medium = Path(sys.argv[1]), Path(sys.argv[2])
log = TileLog(data / "audit")
anchor = FileAnchor(medium / "heads", data)
mount = lambda: subprocess.run(["mount", "-t", "tmpfs", "tmpfs", medium], check=True)
mount()
print("there", len(anchor.deliver([log.grow(3)])))
subprocess.run(["umount", medium], check=True)
try:
    anchor.deliver([log.grow(2)])
except AnchorTrouble as trouble:
    print("gone", trouble)
print("left", list(medium.iterdir()))
mount()
print("back", [witness.size for _, witness in anchor.deliver([log.grow(0)])])
"""


@pytest.mark.real
def test_a_medium_that_was_taken_out_is_noticed_and_its_mount_point_stays_clean(tmp_path: Path) -> None:
    medium = tmp_path / "stick"
    medium.mkdir()
    command = ["unshare", "-Urm", sys.executable, "-c", UNMOUNTED, tmp_path, medium]

    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)

    if "unshare" in ended.stderr:
        pytest.skip("no user namespaces here")
    assert ended.stdout.splitlines() == [
        "there 1",
        f"gone {medium} is on the same disk as the log, which proves nothing.",
        "left []",
        "back [5]",
    ], ended.stderr
