"""sekisho engines: list, show, build, remove. A project that compiles in seconds stands in for llama.cpp's."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = """
cmake_minimum_required(VERSION 3.14)
project(small CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_executable(llama-server main.cpp)
"""


@pytest.fixture
def sdist(house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of the form of llama-cpp-python's, whose hash is taken for the right one."""
    path = house / "small.tar.gz"
    with tarfile.open(path, "w:gz") as opened:
        for name, text in {"CMakeLists.txt": PROJECT, "main.cpp": "int main() { return 0; }"}.items():
            member = tarfile.TarInfo(f"s-1/vendor/llama.cpp/{name}")
            member.size = len(text)
            opened.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setattr("gateway.engines.sources.check_archive", lambda archive: None)
    return path


@pytest.fixture
def built(sekisho: Any, sdist: Path) -> dict[str, Any]:
    """What was said of an engine that was built."""
    said = sekisho("engines", "build", "--source", str(sdist), "--jobs", "1", "--json")
    assert said.code == 0, said.err
    return dict(said.json)


def events(sekisho: Any) -> list[str]:
    return [record["type"] for record in sekisho("audit", "tail", "--json").json["data"]]


def test_the_wheel_is_there_and_taken(sekisho: Any, house: Path) -> None:
    listed = sekisho("engines", "list", "--json").json

    assert [(each["kind"], each["taken"], each["obstacle"]) for each in listed["data"]] == [("xllamacpp", True, "")]
    assert listed["kind"] == "auto"
    assert "came with Sekisho" in listed["why"]


def test_another_archive_builds_nothing(sekisho: Any, house: Path) -> None:
    (house / "other.tar.gz").write_bytes(b"other")
    said = sekisho("engines", "build", "--source", "other.tar.gz")

    assert said.code == 2
    assert "is not the sdist of llama-cpp-python" in said.err
    assert "832db069" in said.err
    assert sorted((house / ".sekisho/engines").glob("*")) == []


def test_native_and_portable_exclude_each_other(sekisho: Any, house: Path) -> None:
    assert sekisho("engines", "build", "--native", "--portable").code == 2


def test_an_unknown_engine_is_told_with_the_known(sekisho: Any, house: Path) -> None:
    said = sekisho("engines", "show", "3f2a")

    assert said.code == 2
    assert "Known: none" in said.err


@pytest.mark.real
def test_a_built_engine_is_listed_and_taken_and_on_record(sekisho: Any, built: dict[str, Any]) -> None:
    listed = sekisho("engines", "list", "--json").json

    assert [(each["digest"], each["taken"]) for each in listed["data"]] == [(built["digest"], True), ("", False)]
    assert events(sekisho) == ["engine.built"]
    assert sekisho("engines", "show", built["digest"][:4]).code == 0


@pytest.mark.real
def test_one_whose_file_changed_is_shown_so_and_not_taken(sekisho: Any, built: dict[str, Any], house: Path) -> None:
    program = house / ".sekisho/engines" / built["digest"] / "llama-server"
    program.chmod(0o700)
    program.write_bytes(b"another")

    assert sekisho("engines", "show", built["digest"]).code == 1
    assert [each["taken"] for each in sekisho("engines", "list", "--json").json["data"]] == [False, True]


@pytest.mark.real
def test_removed_is_gone_and_on_record(sekisho: Any, built: dict[str, Any]) -> None:
    assert sekisho("engines", "remove", built["digest"][:6]).code == 0
    assert len(sekisho("engines", "list", "--json").json["data"]) == 1
    assert events(sekisho) == ["engine.built", "engine.removed"]


@pytest.mark.real
def test_a_build_that_fails_leaves_the_log_and_no_engine(sekisho: Any, sdist: Path, house: Path) -> None:
    with tarfile.open(sdist, "w:gz") as opened:
        member = tarfile.TarInfo("s-1/vendor/llama.cpp/CMakeLists.txt")
        member.size = len(b"nonsense(")
        opened.addfile(member, io.BytesIO(b"nonsense("))
    said = sekisho("engines", "build", "--source", str(sdist))

    assert said.code == 3
    assert "last-build.log" in said.err
    assert [entry.name for entry in (house / ".sekisho/engines").iterdir()] == ["last-build.log"]
