"""A bundle is believed whole, or refused by name: nothing missing, nothing changed, nothing beside."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.bundle import release as release_
from gateway.bundle.install import machine
from gateway.bundle.install.machine import Machine
from gateway.bundle.install.prefix import Accepted, Prefix
from gateway.bundle.install.verify import verify
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.release import Part, Release

FILES = {"opa": b"a program", "docs.tar.gz": b"pages"}


def a_release(files: dict[str, bytes], **change: str) -> Release:
    parts = tuple(
        Part(kind="docs", name=name, sha256=hashlib.sha256(raw).hexdigest(), length=len(raw), place=f"share/{name}")
        for name, raw in files.items()
    )
    fields = {"version": "1", "built_at": "2026-11-01T13:00:00Z", "profile": "cpu", "python": "3.11"}
    fields |= {"platform": "manylinux_2_34_x86_64", "glibc": "2.34"}
    return Release(**{**fields, **change}, parts=parts)


@pytest.fixture
def bundle(maker) -> Path:
    """A bundle of two parts, unpacked."""
    maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES))})
    return maker.metadata.parent


@pytest.fixture
def look(maker, bundle, tmp_path) -> Callable[..., object]:
    """Verify the bundle as it is now."""

    def run(**more):
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        return verify(bundle, maker.first_root, scratch, at=maker.at, **more)

    return run


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(BundleRefused) as caught:
        work()
    return caught.value.code


def target(bundle: Path, name: str) -> Path:
    [found] = (bundle / "targets").glob(f"*.{name}")
    return found


def test_a_whole_bundle_is_believed(look, bundle, maker):
    found = look()
    assert [part.name for part in found.release.parts] == list(FILES)
    assert found.snapshot == int(maker.at.timestamp())
    assert found.file(found.release.parts[0]) == target(bundle, "opa")
    assert len(found.present) == 3


@pytest.mark.parametrize(
    "spoil, code",
    [
        (lambda path: path.write_bytes(b"a Program"), "bundle.tampered"),
        (lambda path: path.write_bytes(b"a program!"), "bundle.endless"),
        (lambda path: path.write_bytes(b"a prog"), "bundle.truncated"),
        (lambda path: path.unlink(), "bundle.truncated"),
        (lambda path: (path.rename(path.parent.parent / "o"), path.symlink_to("../o")), "bundle.malformed"),
        (lambda path: (path.unlink(), path.mkdir()), "bundle.malformed"),
        (lambda path: (path.parent / "beside").write_bytes(b""), "bundle.tampered"),
    ],
)
def test_a_part_that_is_not_what_was_signed(look, bundle, spoil, code):
    spoil(target(bundle, "opa"))
    assert code_of(look) == code


def test_a_release_that_says_other_than_the_targets(maker, tmp_path):
    maker.release({**FILES, release_.NAME: release_.encode(a_release({**FILES, "opa": b"another"}))})
    assert code_of(lambda: verify(maker.metadata.parent, maker.first_root, tmp_path, at=maker.at)) == "bundle.mixed"


def test_a_target_that_the_release_does_not_name(maker, tmp_path):
    maker.release({**FILES, "more": b"x", release_.NAME: release_.encode(a_release(FILES))})
    assert code_of(lambda: verify(maker.metadata.parent, maker.first_root, tmp_path, at=maker.at)) == "bundle.mixed"


def test_a_partial_bundle_leaves_out_what_the_site_has(maker, tmp_path):
    maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES, carries="policies"))})
    folder = maker.metadata.parent
    target(folder, "opa").unlink()
    opa = hashlib.sha256(FILES["opa"]).hexdigest()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert opa not in verify(folder, maker.first_root, tmp_path / "one", at=maker.at, has={opa}).present
    refused = code_of(lambda: verify(folder, maker.first_root, tmp_path / "two", at=maker.at))
    assert refused == "bundle.base_missing"


def test_what_a_site_has_accepted_is_not_rolled_back(maker, tmp_path):
    older = maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES))})
    maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES, version="2"))})
    target_files = sorted((maker.targets).glob("*.release.json"))
    for path in target_files:
        if b'"version": "1"' in path.read_bytes():
            path.rename(tmp_path / path.name)
    (tmp_path / "one").mkdir()
    found = verify(maker.metadata.parent, maker.first_root, tmp_path / "one", at=maker.at)
    prefix = Prefix(tmp_path / "prefix")
    said = Accepted(
        version="2",
        folder="1-2",
        release_sha256=found.release_sha256,
        snapshot=found.snapshot,
        at="2026-11-01T14:00:00Z",
    )
    prefix.accept(said, found.accepted)
    assert prefix.accepted() == said
    (maker.metadata / "timestamp.json").write_bytes(older["timestamp.json"])
    (tmp_path / "two").mkdir()
    work = lambda: verify(  # noqa: E731
        maker.metadata.parent, maker.first_root, tmp_path / "two", at=maker.at, trusted=prefix.trusted
    )
    assert code_of(work) == "bundle.rolled_back"


HERE = Machine("x86_64", (2, 36), "3.11", datetime(2026, 11, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    "here, code",
    [
        (Machine("aarch64", (2, 36), "3.11", HERE.now), "bundle.platform"),
        (Machine("x86_64", (2, 31), "3.11", HERE.now), "bundle.glibc"),
        (Machine("x86_64", (), "3.11", HERE.now), "bundle.glibc"),
        (Machine("x86_64", (2, 36), "3.12", HERE.now), "bundle.python"),
        (Machine("x86_64", (2, 36), "3.11", datetime(1970, 1, 1, tzinfo=UTC)), "bundle.clock"),
    ],
)
def test_a_machine_that_does_not_fit_is_told_so(here, code):
    machine.check_fit(a_release(FILES), HERE)
    assert code_of(lambda: machine.check_fit(a_release(FILES), here)) == code


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    machine.check_room(a_release(FILES), tmp_path / "prefix")
    monkeypatch.setattr(machine, "SPARE_BYTES", 1 << 60)
    assert code_of(lambda: machine.check_room(a_release(FILES), tmp_path / "prefix")) == "bundle.disk_full"
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_missing_is_named():
    def load(name: str) -> None:
        raise OSError(name)

    with pytest.raises(BundleRefused, match=r"libgomp\.so\.1.*libgomp1"):
        machine.check_libraries(load)


def test_a_python_in_somebodys_home_is_refused(tmp_path):
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    (closed / "python3").write_bytes(b"")
    assert code_of(lambda: machine.check_python_for_all(closed / "python3")) == "bundle.python"


def test_folders_of_versions_never_repeat(tmp_path):
    prefix = Prefix(tmp_path)
    assert prefix.next_folder("1.0") == "1-1.0"
    for name in ("1-1.0", "7-1.1", "rubbish"):
        (prefix.versions / name).mkdir(parents=True)
    assert prefix.next_folder("1.2") == "8-1.2"
