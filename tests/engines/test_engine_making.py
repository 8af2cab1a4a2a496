"""From an archive to an engine: a small one that compiles in seconds stands in for llama.cpp's ten minutes."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gateway.engines import machine, making, sources
from gateway.engines.shelf import LOG, digest_of
from gateway.errors import SetupError

PROJECT = """
cmake_minimum_required(VERSION 3.14)
project(small CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_library(part SHARED part.cpp)
set_target_properties(part PROPERTIES VERSION 0.1.2 SOVERSION 0)
add_library(llama-server-impl SHARED part.cpp)
add_executable(llama-server main.cpp)
target_link_libraries(llama-server part llama-server-impl)
"""
FILES = {"CMakeLists.txt": PROJECT, "part.cpp": "int part() { return 3; }", "main.cpp": "int main() { return 0; }"}


def archive(folder: Path, files: dict[str, str], **special: tarfile.TarInfo) -> tuple[Path, sources.Source]:
    """Write an sdist with these files of llama.cpp, and a few others; return it with the source that it is."""
    path = folder / "llama_cpp_python-0.0.1.tar.gz"
    with tarfile.open(path, "w:gz") as opened:
        for name, text in {**{f"vendor/llama.cpp/{n}": t for n, t in files.items()}, "setup.py": "evil()"}.items():
            member = tarfile.TarInfo(f"llama_cpp_python-0.0.1/{name}")
            member.size, member.mode = len(text.encode()), 0o6777
            opened.addfile(member, io.BytesIO(text.encode()))
        for member in special.values():
            opened.addfile(member)
    return path, sources.Source("0.0.1", hashlib.sha256(path.read_bytes()).hexdigest())


def test_the_hash_is_the_one_that_is_locked() -> None:
    lock = (Path(__file__).parents[2] / "offline-bundle/locks/llama-cpp-python.txt").read_text()

    assert f"llama-cpp-python=={sources.SOURCE.version} " in lock
    assert f"sha256:{sources.SOURCE.sha256}" in lock
    assert lock.count("--hash") == 1


def test_another_archive_is_refused(tmp_path: Path) -> None:
    path, source = archive(tmp_path, FILES)

    sources.check_archive(path, source)
    with pytest.raises(SetupError, match=sources.SOURCE.sha256):
        sources.check_archive(path)


def test_only_llama_cpp_comes_out_without_special_modes(tmp_path: Path) -> None:
    link = tarfile.TarInfo("llama_cpp_python-0.0.1/vendor/llama.cpp/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    path, _ = archive(tmp_path, FILES, link=link)

    folder = sources.unpack(path, tmp_path / "out")

    assert {file.name for file in folder.rglob("*")} == set(FILES)
    assert {file.stat().st_mode & 0o7777 for file in folder.iterdir()} == {0o700}


@pytest.mark.parametrize("name", ["a/vendor/llama.cpp/../../../x", "a/vendor/llama.cpp/.."])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path, _ = archive(tmp_path, FILES, out=tarfile.TarInfo(name))

    with pytest.raises(SetupError, match=r"cannot be unpacked|does not hold"):
        sources.unpack(path, tmp_path / "out")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.tar.gz").write_bytes(content)

    with pytest.raises(SetupError, match=r"broken\.tar\.gz"):
        sources.unpack(tmp_path / "broken.tar.gz", tmp_path / "out")


def make(tmp_path: Path, files: dict[str, str]) -> tuple[Path, list[tuple[int, int]]]:
    """Build a small project; return the folder of the result and what was told of the way."""
    folder, place, steps = tmp_path / "llama.cpp", tmp_path / "place", list[tuple[int, int]]()
    for each in (folder, place):
        each.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    wish = making.Wish(native=True, jobs=1)
    built = making.make(
        folder, place, tmp_path / "last.log", wish, making.tools(cuda=False), lambda *step: steps.append(step)
    )
    assert built.digest == digest_of(built.files)
    return place, steps


@pytest.mark.real
def test_a_build_leaves_program_libraries_and_log(tmp_path: Path) -> None:
    place, steps = make(tmp_path, FILES)

    assert {file.name for file in place.iterdir()} == {"llama-server", "libpart.so.0", "libllama-server-impl.so", LOG}
    assert steps[-1][0] == steps[-1][1]
    assert "Linking" in (place / LOG).read_text()


@pytest.mark.real
def test_a_build_that_fails_says_why_and_keeps_the_log(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"main\.cpp.*error") as caught:
        make(tmp_path, {**FILES, "main.cpp": "int main() { return nonsense; }"})

    assert str(tmp_path / "last.log") in caught.value.mend
    assert "nonsense" in (tmp_path / "last.log").read_text()


_AT_LOW_PRIORITY = """
import os, sys
from pathlib import Path
from gateway.engines import making
os.setpriority(os.PRIO_PROCESS, 0, 15)
log = Path(sys.argv[1])
with log.open("wb") as kept:
    making._run(["sh", "-c", "sleep 0.3; nice"], kept, log, lambda done, of: None)
"""


@pytest.mark.real
def test_compilers_never_come_before_who_asked_for_them(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _AT_LOW_PRIORITY, str(tmp_path / "log")], check=True)

    assert int((tmp_path / "log").read_text()) >= 15


@pytest.mark.real
def test_what_a_native_build_needs_this_processor_has() -> None:
    found = making.tools(cuda=False)
    needs = making.needs_of(making.Wish(native=True), found)

    assert needs
    assert set(needs) <= machine.processor_features()


def test_a_build_for_cuda_names_the_cards(tmp_path: Path) -> None:
    found = making.Tools("/usr/bin/c++", "c++ 1", str(tmp_path / "bin/nvcc"), "12.8")

    options = making.options_of(making.Wish(native=False, cuda=True), found)

    assert "CMAKE_CUDA_ARCHITECTURES=75;80;86;89;90;100;120" in options
    assert {"GGML_CUDA=ON", "GGML_NATIVE=OFF", "LLAMA_BUILD_UI=OFF", "LLAMA_USE_PREBUILT_UI=OFF"} <= set(options)
    assert options[-1] == f"CMAKE_INSTALL_RPATH=$ORIGIN;{tmp_path / 'lib64'}"


def test_without_tools_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)

    with pytest.raises(SetupError, match=r"cmake, g\+\+, make"):
        making.tools(cuda=False)
