"""Set-up makes the detectors' folder anew beside the one that a server may be reading."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.privacy.prepare import replaced


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "detectors"
    folder.mkdir()
    (folder / "digests.json").write_text("old")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir())


@pytest.mark.parametrize("can_exchange", [True, False])
def test_the_old_one_is_whole_until_the_new_one_takes_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        refusing = SimpleNamespace(renameat2=lambda *arguments: -1)
        monkeypatch.setattr(ctypes, "CDLL", lambda *arguments, **options: refusing)

    with replaced(folder) as fresh:
        (fresh / "digests.json").write_text("new")
        assert (folder / "digests.json").read_text() == "old"

    assert (folder / "digests.json").read_text() == "new"
    assert names(folder) == ["detectors"]


def test_after_an_error_all_is_as_it_was(folder: Path) -> None:
    with pytest.raises(OSError, match="full"), replaced(folder) as fresh:
        (fresh / "digests.json").write_text("half")
        raise OSError("full")

    assert (folder / "digests.json").read_text() == "old"
    assert names(folder) == ["detectors"]


def test_the_first_one_and_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / "detectors.new").mkdir()
    (tmp_path / "detectors.new" / "digests.json").write_text("left")

    with replaced(tmp_path / "detectors") as fresh:
        assert list(fresh.iterdir()) == []

    assert [path.name for path in tmp_path.iterdir()] == ["detectors"]
