"""Wheels that do not belong in a bundle stop the build, by name."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from gateway.bundle.build import wheels
from gateway.errors import SetupError
from tests.bundle.build.world import judged, make_wheel


def test_a_wheel_in_the_lock_is_taken(tmp_path: Path) -> None:
    found = judged(make_wheel(tmp_path, "Some_Thing", "2.0", {"some/a.py": b"1"}))

    assert (found.name, found.version, found.glibc) == ("some-thing", "2.0", (0, 0))


def test_a_wheel_whose_hash_is_not_in_the_lock_is_refused(tmp_path: Path) -> None:
    file = make_wheel(tmp_path, "thing", "2.0", {"thing.py": b"1"})

    with pytest.raises(SetupError, match=r"thing-2\.0-py3-none-any\.whl has a hash that no lock names"):
        wheels.judge(file, frozenset({"0" * 64}))


@pytest.mark.parametrize(
    "name",
    [
        "evil.pth",
        "thing-2.0.data/purelib/evil.pth",
        "distutils-precedence.pth",  # listed for setuptools, with another content
        "sitecustomize.py",
        "usercustomize.cpython-311-x86_64-linux-gnu.so",
        "sitecustomize/__init__.py",
        "thing-2.0.data/purelib/sitecustomize.py",
    ],
)
def test_what_would_run_at_every_start_is_refused(tmp_path: Path, name: str) -> None:
    file = make_wheel(tmp_path, "thing", "2.0", {name: b"import os\n"})

    with pytest.raises(SetupError, match="would run at every start") as refused:
        judged(file)
    assert name in str(refused.value)


def test_the_listed_pth_is_let_pass_only_with_its_own_content(tmp_path: Path) -> None:
    content = (
        b"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
        b"enabled and __import__('_distutils_hack').add_shim(); \n"
    )
    assert judged(make_wheel(tmp_path, "setuptools", "1", {"distutils-precedence.pth": content})).name == "setuptools"

    with pytest.raises(SetupError, match=r"distutils-precedence\.pth"):
        judged(make_wheel(tmp_path, "setuptools", "2", {"distutils-precedence.pth": content + b"import evil\n"}))


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/evil", "thing/../../evil.py", "thing-2.0.data/elsewhere/evil", "C:/evil", "a\\b"]
)
def test_a_file_that_leaves_its_place_is_refused(tmp_path: Path, name: str) -> None:
    file = make_wheel(tmp_path, "thing", "2.0", {name: b"1"})

    with pytest.raises(SetupError, match=r"thing-2\.0"):
        judged(file)


def test_a_link_is_refused(tmp_path: Path) -> None:
    file = make_wheel(tmp_path, "thing", "2.0", {"thing.py": b"1"})
    with zipfile.ZipFile(file, "a") as opened:
        link = zipfile.ZipInfo("thing/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")

    with pytest.raises(SetupError, match="has the link thing/link"):
        judged(file)


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "thing-1-py3-none-any.whl"
    file.write_bytes(b"no zip")

    with pytest.raises(SetupError, match="is no wheel"):
        judged(file)


def test_two_wheels_that_write_one_file_are_refused(tmp_path: Path) -> None:
    one = judged(make_wheel(tmp_path, "one", "1", {"gateway/app.py": b"1"}))
    two = judged(make_wheel(tmp_path, "two", "1", {"gateway/app.py": b"2"}))

    with pytest.raises(SetupError, match=r"gateway/app\.py, as one-1"):
        wheels.check_alone([one, two])


def test_a_wheel_with_a_broken_binary_is_refused(tmp_path: Path) -> None:
    file = make_wheel(tmp_path, "thing", "2.0", {"thing/x.so": b"\x7fELF\x02\x01" + bytes(20)})

    with pytest.raises(SetupError, match=r"thing/x\.so, a broken ELF file"):
        judged(file)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("a-1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", (2, 27)),
        ("a-1-cp311-cp311-manylinux2014_x86_64.whl", (2, 17)),
        ("a-1-py3-none-any.whl", (0, 0)),
    ],
)
def test_the_least_glibc_that_a_name_says(name: str, least: tuple[int, int]) -> None:
    assert wheels.tag_glibc(Path(name)) == least
