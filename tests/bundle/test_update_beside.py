"""The folder in which a staged version answers: gone at the end, also of an update that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.bundle.update.beside import Beside

KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.bundle.update.beside import Beside
with Beside(Path(sys.argv[1])).folder() as scratch:
    (scratch / "data").mkdir()
    (scratch / "data" / "key").write_text("secret")
    print(scratch, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def beside(tmp_path: Path) -> Beside:
    return Beside(tmp_path)


def named(beside: Beside) -> list[str]:
    return sorted(path.name for path in (beside.root / "state").glob("*"))


def killed(beside: Beside) -> Path:
    given = [sys.executable, "-c", KILLED, str(beside.root)]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return Path(done.stdout.strip())


def test_others_may_look_in_and_nothing_is_left(beside: Beside) -> None:
    with beside.folder() as scratch:
        assert scratch.stat().st_mode & 0o777 == 0o755
        assert len(str(scratch)) < 30  # paths of sockets below it must be short
        (scratch / "etc").mkdir()
    assert not scratch.exists()
    assert named(beside) == []


def test_what_a_killed_one_left_goes_with_the_next_or_with_the_end_of_its_update(beside: Beside) -> None:
    first = killed(beside)
    assert (first / "data" / "key").read_text() == "secret"

    second = killed(beside)
    assert not first.exists()
    assert second.exists()

    beside.clear()
    assert not second.exists()
    assert named(beside) == []
    beside.clear()


@pytest.mark.parametrize("name", ["/tmp/sk-0123", "/etc", "", "/tmp/sk-0123456789abcdef/../../etc", "\0"])
def test_no_other_folder_is_removed_whatever_the_name_says(beside: Beside, name: str, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "beside").write_text(name)

    beside.clear()

    assert Path("/etc/passwd").exists()
    assert named(beside) == []


def test_nor_where_a_link_stands_in_its_place(beside: Beside, tmp_path: Path) -> None:
    left = killed(beside)
    (left / "data" / "key").unlink()
    (left / "data").rmdir()
    left.rmdir()
    (tmp_path / "mine").mkdir()
    left.symlink_to(tmp_path / "mine")
    try:
        beside.clear()
        assert (tmp_path / "mine").exists()
        assert left.is_symlink()
    finally:
        left.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give a folder away")
def test_nor_one_of_somebody_else(beside: Beside) -> None:
    left = killed(beside)
    os.chown(left, 65534, 65534)
    beside.clear()
    assert left.exists()
    os.chown(left, 0, 0)
    (beside.root / "state" / "beside").write_text(str(left))
    beside.clear()
    assert not left.exists()
