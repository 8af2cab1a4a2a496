"""Engines that were built here: taken in, found, chosen where they can run, refused when their files changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.engines import machine, selection
from gateway.engines.shelf import MANIFEST, BuiltEngine, EngineShelf, digest_of, hashes_of
from gateway.errors import SetupError

HERE = frozenset({"avx2", "avx512_vnni"})


def built_from(place: Path, **changed: Any) -> BuiltEngine:
    files = hashes_of(place)
    fields: dict[str, Any] = {
        "digest": digest_of(files),
        "program": "llama-server",
        "source": "llama-cpp-python 0",
        "source_sha256": "00",
        "options": (),
        "compiler": "c++ 1",
        "architecture": "x86_64",
        "needs": ("avx2",),
        "built_at": "2026-01-01T00:00:00Z",
        "files": files,
    }
    return BuiltEngine(**(fields | changed))


def add(shelf: EngineShelf, content: str = "program", **changed: Any) -> BuiltEngine:
    place = shelf.staging()
    (place / "llama-server").write_text(content)
    built = built_from(place, **changed)
    shelf.stage(place, built)
    shelf.take_in(built.digest)
    return built


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineShelf:
    """An empty one, on a machine with avx2 and avx512_vnni and without a GPU."""
    monkeypatch.setattr(machine, "processor_features", lambda: HERE)
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    return EngineShelf(tmp_path / "engines")


def test_what_was_taken_in_is_there_under_its_digest(shelf: EngineShelf) -> None:
    built = add(shelf)

    assert shelf.all() == [built]
    assert shelf.find(built.digest[:4]) == built
    assert shelf.problem(built) == ""
    assert built.build == f"llama-server/{built.digest} llama-cpp-python/0"


def test_the_same_files_are_one_engine(shelf: EngineShelf) -> None:
    assert add(shelf) == add(shelf)
    assert len(shelf.all()) == 1
    assert [entry.name for entry in shelf.folder.iterdir()] == [shelf.all()[0].digest]


@pytest.mark.parametrize("reference", ["", "zz", "llama-server"])
def test_an_engine_that_is_not_there_is_refused_with_those_that_are(shelf: EngineShelf, reference: str) -> None:
    digest = add(shelf).digest

    with pytest.raises(SetupError, match=digest) as caught:
        shelf.find(reference)
    assert caught.value.exit_code == 2


def test_what_does_not_wait_cannot_be_taken_in(shelf: EngineShelf) -> None:
    with pytest.raises(SetupError, match="was built"):
        shelf.take_in("0123456789abcdef")


def test_a_build_clears_away_what_a_killed_one_left_and_nothing_else(shelf: EngineShelf) -> None:
    kept = add(shelf)
    for left in (".work-abc", ".new-1234"):
        (shelf.folder / left / "deep").mkdir(parents=True)

    with shelf.alone():
        assert [each.name for each in shelf.folder.iterdir()] == [kept.digest]


def test_two_builds_do_not_go_on_at_once(shelf: EngineShelf) -> None:
    with shelf.alone(), pytest.raises(SetupError, match="Another build"), EngineShelf(shelf.folder).alone():
        raise AssertionError("both hold it")

    with shelf.alone():
        pass


def test_removed_is_gone(shelf: EngineShelf) -> None:
    shelf.remove(add(shelf).digest)

    assert shelf.all() == []
    assert list(shelf.folder.iterdir()) == []


def exchange(folder: Path) -> None:
    (folder / "llama-server").chmod(0o700)
    (folder / "llama-server").write_text("another")


def add_library(folder: Path) -> None:
    (folder / "libextra.so").write_text("")
    (folder / "libextra.so").chmod(0o500)


def open_to_others(folder: Path) -> None:
    (folder / "llama-server").chmod(0o522)


def lose(folder: Path) -> None:
    (folder / "llama-server").unlink()


@pytest.mark.parametrize("spoil", [exchange, add_library, open_to_others, lose])
def test_a_spoilt_engine_is_noticed_and_not_taken(shelf: EngineShelf, spoil: Any) -> None:
    built = add(shelf)
    spoil(shelf.path(built))

    assert shelf.problem(built)
    chosen = selection.choose("auto", shelf)
    assert chosen.folder is None
    assert shelf.problem(built) in chosen.why
    with pytest.raises(SetupError):
        selection.choose("llama-server", shelf)


def test_a_manifest_under_another_name_is_no_engine(shelf: EngineShelf) -> None:
    built = add(shelf)
    shutil.copytree(shelf.path(built), shelf.folder / "0123456789abcdef")

    assert shelf.all() == [built]


def test_a_manifest_that_says_another_digest_is_noticed(shelf: EngineShelf) -> None:
    built = add(shelf)
    folder = shelf.path(built)
    folder.rename(shelf.folder / "0123456789abcdef")
    lied = msgspec.structs.replace(built, digest="0123456789abcdef")
    (shelf.folder / "0123456789abcdef" / MANIFEST).chmod(0o600)
    (shelf.folder / "0123456789abcdef" / MANIFEST).write_bytes(msgspec.json.encode(lied))

    assert shelf.problem(lied) == "Its files are not those that were built."


@pytest.mark.parametrize(
    ("changed", "obstacle"),
    [
        ({}, ""),
        ({"needs": ("avx2", "avx512_vnni")}, ""),
        ({"needs": ("amx_int8", "avx2")}, "This processor lacks amx_int8."),
        ({"architecture": "aarch64"}, "It was built for aarch64; this is x86_64."),
        ({"cuda": "12.8"}, "It was built for a GPU; this machine shows none."),
    ],
)
def test_auto_takes_what_can_run_here(shelf: EngineShelf, changed: Any, obstacle: str) -> None:
    built = add(shelf, **changed)

    chosen = selection.choose("auto", shelf)

    assert chosen.folder == (None if obstacle else shelf.path(built))
    assert obstacle in chosen.why
    assert selection.programs(shelf)[0].obstacle == obstacle


def test_with_a_gpu_the_build_for_it_comes_first(shelf: EngineShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    on_gpu = add(shelf, "a", cuda="12.8")
    add(shelf, "b", built_at="2027-01-01T00:00:00Z")

    assert selection.choose("auto", shelf).folder == shelf.path(on_gpu)


def test_the_newest_comes_first(shelf: EngineShelf) -> None:
    add(shelf, "old")
    new = add(shelf, "new", built_at="2027-01-01T00:00:00Z")

    assert selection.choose("auto", shelf).folder == shelf.path(new)


def test_named_kinds_are_taken_at_their_word(shelf: EngineShelf) -> None:
    built = add(shelf)

    assert selection.choose("xllamacpp", shelf).folder is None
    assert selection.choose("llama-server", shelf).folder == shelf.path(built)


def test_without_any_built_the_wheel_is_taken(shelf: EngineShelf) -> None:
    chosen = selection.choose("auto", shelf)

    assert (chosen.program.kind, chosen.folder) == ("xllamacpp", None)


def test_features_are_those_that_all_processors_have(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor: 0\nflags : avx2 amx_tile fma\n\nprocessor: 1\nflags : avx2 fma\n")

    assert machine.processor_features(info) == {"avx2", "fma"}
    assert machine.processor_features(tmp_path / "none") == frozenset()


@pytest.mark.parametrize(
    ("version", "newest"), [("11.7", "86"), ("11.8", "90"), ("12.4", "90"), ("12.8", "120"), ("13.0", "120")]
)
def test_cuda_is_built_for_what_the_toolkit_knows(version: str, newest: str) -> None:
    architectures = machine.cuda_architectures(version)

    assert (architectures[0], architectures[-1]) == ("75", newest)
