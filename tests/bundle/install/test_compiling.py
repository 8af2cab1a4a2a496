"""Packages are compiled on all processors, all of them, and no compiler outlives who asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.bundle.install.compiling import compile_all, shares
from gateway.bundle.refusal import BundleRefused

HERE = {"PATH": os.defpath}


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    for name, size in (("large", 900), ("middle", 500), ("small", 400), ("least", 10)):
        (folder / name / "deep").mkdir(parents=True)
        (folder / name / "deep" / "it.py").write_text("#" * size)
    (folder / "alone.py").write_text("x = 1\n")
    (folder / "of_2.py").write_text("print 'old'\n")
    (folder / "empty").mkdir()
    (folder / "empty" / "__init__.py").touch()
    (folder / "words.txt").write_text("no source")
    return folder


def compiled(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in folder.rglob("*.pyc")}


def test_shares_are_about_as_large_as_each_other(packages: Path) -> None:
    names = [sorted(path.name for path in share) for share in shares(packages, 2)]

    assert sorted(names) == [["alone.py", "least", "middle", "small"], ["empty", "large", "of_2.py"]]


@pytest.mark.parametrize("count", [1, 3, 50])
def test_each_package_is_in_one_share(packages: Path, count: int) -> None:
    found = [path.name for share in shares(packages, count) for path in share]

    assert sorted(found) == ["alone.py", "empty", "large", "least", "middle", "of_2.py", "small"]


def test_all_is_compiled_and_what_cannot_be_is_passed_over(packages: Path) -> None:
    compile_all(Path(sys.executable), packages, HERE)

    assert compiled(packages) == {"it", "alone", "__init__"}
    assert len(list(packages.rglob("it.*.pyc"))) == 4


def test_a_compiler_that_is_ended_is_told(packages: Path, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)

    with pytest.raises(BundleRefused, match="could not be compiled"):
        compile_all(program, packages, HERE)


def test_no_compiler_outlives_who_asked_for_it(packages: Path, tmp_path: Path) -> None:
    program, told = tmp_path / "python", tmp_path / "told"
    told.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {told}/$$\nexec sleep 60\n")
    program.chmod(0o755)
    asks = f"from pathlib import Path; from gateway.bundle.install.compiling import compile_all; compile_all(Path({str(program)!r}), Path({str(packages)!r}), {HERE})"  # noqa: E501
    with subprocess.Popen([sys.executable, "-c", asks]) as asking:
        deadline = time.monotonic() + 20
        while not list(told.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.1)
        asking.send_signal(signal.SIGKILL)

    for child in (int(path.name) for path in told.iterdir()):
        while Path(f"/proc/{child}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
