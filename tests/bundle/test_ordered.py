"""An order to install, between a service that may only ask and root, who believes it nothing but a SHA-256."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.bundle import ordered
from gateway.bundle.refusal import BundleRefused

RAW = b"a bundle" * 1000
SHA256 = hashlib.sha256(RAW).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a gateway brought, and nobody ordered yet."""
    place = tmp_path / "data" / "bundles"
    place.mkdir(parents=True)
    (place / SHA256).write_bytes(RAW)
    (tmp_path / "px" / "state").mkdir(parents=True)
    return place


@pytest.fixture
def prefix(tmp_path: Path, folder: Path) -> Path:
    return tmp_path / "px"


def refusal_of(folder: Path, prefix: Path) -> str:
    with pytest.raises(BundleRefused) as refused, ordered.taken(folder, prefix):
        raise AssertionError("it was taken")
    left = {path.name for path in (prefix / "state").iterdir()} - {"ordered.lock"}
    assert sorted(left) in ([], ["ordered.json"])
    return refused.value.code


def test_an_order_is_taken_once_and_what_is_installed_is_a_copy(folder: Path, prefix: Path) -> None:
    given = ordered.give(folder, SHA256)
    assert ordered.waits(folder) == given

    with ordered.taken(folder, prefix) as (order, copy):
        assert order == given
        assert ordered.waits(folder) is None
        (folder / SHA256).write_bytes(b"another")  # the service may, and it does not count any more
        assert copy.read_bytes() == RAW
        assert copy.stat().st_mode & 0o777 == 0o600
        assert ordered.ended(prefix) == ordered.Ended(given.id, SHA256, "taken")

    assert not copy.exists()
    assert refusal_of(folder, prefix) == "bundle.base_missing"


def test_how_it_ended_is_told_to_everybody(folder: Path, prefix: Path) -> None:
    given = ordered.give(folder, SHA256)
    ordered.tell(prefix, ordered.Ended(given.id, SHA256, "kept"))
    assert ordered.ended(prefix) == ordered.Ended(given.id, SHA256, "kept")
    assert (prefix / "state" / "ordered.json").stat().st_mode & 0o777 == 0o644


def test_what_was_exchanged_after_the_judgement_is_refused(folder: Path, prefix: Path) -> None:
    ordered.give(folder, SHA256)
    (folder / SHA256).write_bytes(RAW + b"!")
    assert refusal_of(folder, prefix) == "bundle.tampered"
    assert ordered.waits(folder) is None
    found = ordered.ended(prefix)
    assert found is not None
    assert (found.how, found.code) == ("refused", "bundle.tampered")


def test_one_that_is_gone_is_refused(folder: Path, prefix: Path) -> None:
    ordered.give(folder, SHA256)
    (folder / SHA256).unlink()
    assert refusal_of(folder, prefix) == "bundle.truncated"


@pytest.mark.parametrize("name", [ordered.ORDER, SHA256])
def test_no_link_is_followed(folder: Path, prefix: Path, tmp_path: Path, name: str) -> None:
    ordered.give(folder, SHA256)
    elsewhere = tmp_path / "elsewhere"
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    assert refusal_of(folder, prefix) in ("bundle.malformed", "bundle.permission")
    assert elsewhere.exists()
    assert ordered.waits(folder) is None


@pytest.mark.parametrize("name", [ordered.ORDER, SHA256])
def test_nobody_waits_for_a_pipe(folder: Path, prefix: Path, name: str) -> None:
    ordered.give(folder, SHA256)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert refusal_of(folder, prefix) in ("bundle.malformed", "bundle.permission")
    assert not (folder / ordered.ORDER).exists()


def test_a_folder_that_is_a_link_has_no_order(folder: Path, prefix: Path, tmp_path: Path) -> None:
    ordered.give(folder, SHA256)
    folder.rename(tmp_path / "real")
    folder.symlink_to(tmp_path / "real")
    assert refusal_of(folder, prefix) == "bundle.base_missing"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{}",
        b'{"id":"0123456789abcdef","sha256":"../../etc/shadow"}',
        b'{"id":"0123456789abcdef","sha256":"' + SHA256.encode() + b'","prefix":"/"}',
        b'{"id":"x","sha256":"' + SHA256.encode() + b'"}',
        b"[" * 5000,
    ],
    ids=["nothing", "empty", "a path", "more than it may say", "no id", "deep"],
)
def test_an_order_names_a_file_by_its_hash_and_says_no_more(folder: Path, prefix: Path, said: bytes) -> None:
    (folder / ordered.ORDER).write_bytes(said)
    assert refusal_of(folder, prefix) == "bundle.malformed"
    assert not (folder / ordered.ORDER).exists(), "what cannot be read is not looked at again and again"


@pytest.mark.parametrize(("runs", "how"), [(True, "kept"), (False, "back")])
def test_one_that_was_interrupted_ends_with_the_update(folder: Path, prefix: Path, runs: bool, how: str) -> None:
    ordered.give(folder, SHA256)
    with ordered.taken(folder, prefix):
        pass  # the process ends here, and `bundle status` ends the update

    ordered.interrupted(prefix, runs=runs, why="A power cut.")
    found = ordered.ended(prefix)
    assert found is not None
    assert (found.how, found.why) == (how, "A power cut.")
    ordered.interrupted(prefix, runs=not runs, why="It ended already.")
    assert ordered.ended(prefix) == found


TAKE = """
import os, signal, sys
from pathlib import Path
from gateway.bundle import ordered
with ordered.taken(Path(sys.argv[1]), Path(sys.argv[2])):
    if sys.argv[3] == "begun":
        (Path(sys.argv[2]) / "state" / "update.json").write_text("{}")
    print("taken", flush=True)
    sys.stdin.read() if sys.argv[3] == "waits" else os.kill(os.getpid(), signal.SIGKILL)
"""


def taking(folder: Path, prefix: Path, how: str) -> subprocess.Popen[bytes]:
    """Take the order in a process of its own, which is killed there, or waits for its input to end."""
    given = [sys.executable, "-c", TAKE, str(folder), str(prefix), how]
    process = subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"taken\n"
    return process


def test_one_whose_process_was_killed_before_the_update_began_is_refused_and_may_be_given_again(
    folder: Path, prefix: Path
) -> None:
    given = ordered.give(folder, SHA256)
    with taking(folder, prefix, "killed") as process:
        assert process.wait() == -signal.SIGKILL

    found = ordered.ended(prefix)

    assert found is not None
    assert (found.id, found.how, found.code) == (given.id, "refused", "bundle.busy")
    assert found.why == "It was interrupted before the update began; nothing was changed. Order it again."
    again = ordered.give(folder, SHA256)
    with ordered.taken(folder, prefix) as (order, _):
        assert order == again
    assert len(list((prefix / "state").glob("ordered.tar"))) == 0


def test_one_whose_update_had_begun_is_taken_until_that_is_ended(folder: Path, prefix: Path) -> None:
    ordered.give(folder, SHA256)
    with taking(folder, prefix, "begun") as process:
        assert process.wait() == -signal.SIGKILL

    found = ordered.ended(prefix)

    assert found is not None
    assert found.how == "taken"


def test_one_that_is_being_carried_out_is_taken(folder: Path, prefix: Path) -> None:
    ordered.give(folder, SHA256)
    with taking(folder, prefix, "waits") as process:
        for _ in range(3):
            found = ordered.ended(prefix)
            assert found is not None
            assert found.how == "taken"
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
    found = ordered.ended(prefix)
    assert found is not None
    assert found.how == "refused"  # this process told nothing of how it ended
