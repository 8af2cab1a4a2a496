"""Unit tests are not run twice on one tree, and always on another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import stamp


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stamp, "ROOT", tmp_path)
    monkeypatch.setattr(stamp, "STAMP", tmp_path / ".cache" / "passed")
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "a.py").write_text("a = 1\n")
    return tmp_path


def test_nothing_holds_before_they_passed(tree: Path) -> None:
    assert stamp.main("holds") == 1


def test_it_holds_on_the_very_tree(tree: Path) -> None:
    stamp.main("write")
    (tree / ".venv").mkdir()
    (tree / ".venv" / "b.py").write_text("built")
    (tree / "__pycache__").mkdir()

    assert stamp.main("holds") == 0


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename", "hidden"])
def test_any_change_ends_it(tree: Path, change: str) -> None:
    stamp.main("write")
    file = tree / "gateway" / "a.py"
    {
        "edit": lambda: file.write_text("a = 2\n"),
        "add": lambda: (tree / "policies.rego").write_text(""),
        "remove": file.unlink,
        "rename": lambda: file.rename(file.with_name("b.py")),
        "hidden": lambda: (tree / ".gitignore").write_text("x"),
    }[change]()

    assert stamp.main("holds") == 1
