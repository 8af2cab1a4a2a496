"""Compiled patterns are kept, checked, and never a reason to fail."""

from __future__ import annotations

from pathlib import Path

import hyperscan
import pytest

from gateway.privacy.compiled import Compiler


def finds(database: hyperscan.Database, data: bytes) -> list[int]:
    found: list[int] = []
    database.scan(
        data, match_event_handler=lambda number, *_: found.append(number), scratch=hyperscan.Scratch(database)
    )
    return found


def compiled(folder: Path | None, *expressions: bytes) -> hyperscan.Database:
    return Compiler(folder).compile(
        expressions, [hyperscan.HS_FLAG_SINGLEMATCH] * len(expressions), [7, 9][: len(expressions)]
    )


def test_a_kept_database_finds_what_a_fresh_one_does(tmp_path: Path) -> None:
    fresh = compiled(tmp_path / "kept", b"ab", b"cd")
    kept = compiled(tmp_path / "kept", b"ab", b"cd")

    assert finds(fresh, b"xxcd ab") == finds(kept, b"xxcd ab") == [9, 7]
    assert len([*(tmp_path / "kept").iterdir()]) == 1


def test_other_expressions_are_another_database(tmp_path: Path) -> None:
    compiled(tmp_path, b"ab")
    assert finds(compiled(tmp_path, b"cd"), b"ab cd") == [7]


@pytest.mark.parametrize("cut", [0, 10, 100, -1])
def test_a_damaged_file_is_compiled_anew(tmp_path: Path, cut: int) -> None:
    compiled(tmp_path, b"ab")
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:cut])

    assert finds(compiled(tmp_path, b"ab"), b"ab") == [7]
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert finds(compiled(tmp_path / "file" / "below", b"ab"), b"ab") == [7]
    assert finds(compiled(None, b"ab"), b"ab") == [7]


def test_what_set_up_prepared_is_used_and_not_written_again(tmp_path: Path) -> None:
    flags = [hyperscan.HS_FLAG_SINGLEMATCH]
    Compiler(tmp_path / "prepared").compile([b"ab"], flags)
    compiler = Compiler(tmp_path / "own", prepared=tmp_path / "prepared")

    assert finds(compiler.compile([b"ab"], flags), b"ab") == [0]
    assert not (tmp_path / "own").exists()
    assert compiler.used == {path.name for path in (tmp_path / "prepared").iterdir()}
