"""An order to install, between a service that may only ask and root, who believes it nothing but a SHA-256."""

from __future__ import annotations

import hashlib
import os
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
    assert sorted(path.name for path in (prefix / "state").iterdir()) in ([], ["ordered.json"])
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
