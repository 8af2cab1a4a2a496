"""``sekisho audit verify``: what it prints, what it leaves with, and what it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from running import sekisho

from tests.audit.made_logs import VKEY, lay, made, signed_heads

RECORDS = made(300)
HEADS = signed_heads(RECORDS, every=100)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A machine with a copy of a log, and no installation."""
    lay(tmp_path / "log", RECORDS, HEADS)
    (tmp_path / "log.vkey").write_text(f"{VKEY}\n")
    (tmp_path / "kept").write_bytes(HEADS[1])
    return tmp_path


def look(place: Path, *arguments: str, code: int = 0) -> str:
    return sekisho(place, "audit", "verify", "log", "--key", "log.vkey", *arguments, code=code)


def test_a_right_log_leaves_with_0_and_says_what_was_not_checked(place: Path) -> None:
    said = look(place)

    assert said.startswith("ok     berlin/node1/w0: 300 records, 3 signed heads")
    assert said.splitlines()[-1].startswith("not checked: roll-back; give a checkpoint")


def test_with_a_checkpoint_nothing_is_left_unchecked(place: Path) -> None:
    said = look(place, "--since", "kept")

    assert "kept elsewhere: kept: the first 200 records are those that it covers" in said
    assert "not checked" not in said


def test_a_log_that_was_cut_back_leaves_with_1(place: Path) -> None:
    lay(place / "log", RECORDS[:100], HEADS[:1])

    assert "cut-back: checkpoints: cut back to an older checkpoint" in look(place, "--since", "kept", code=1)


def test_scripts_get_kinds(place: Path) -> None:
    (place / "log/tile/0/000").unlink()

    told = json.loads(look(place, "--json", code=1))

    assert (told["ok"], told["not_checked"]) == (False, ["roll-back"])
    assert [(each["file"], each["kind"]) for each in told["logs"][0]["problems"]] == [("tile/0/000", "deleted")]


def test_hashes_only_says_so(place: Path) -> None:
    assert "not checked: what records say" in look(place, "--hashes-only")


def test_it_writes_itself_out_once(place: Path) -> None:
    assert "SHA-256" in sekisho(place, "audit", "verify", "--program", "verify.py")
    assert (place / "verify.py").read_text().startswith('"""Checks the book without its writer.')
    again = sekisho(place, "audit", "verify", "--program", "verify.py", "--json", code=2)
    assert "verify.py exists" in again


def no_folder(place: Path) -> tuple[str, ...]:
    return "nowhere", "--key", "log.vkey"


def no_log(place: Path) -> tuple[str, ...]:
    (place / "empty").mkdir()
    return "empty", "--key", "log.vkey"


def no_checkpoint(place: Path) -> tuple[str, ...]:
    return "log", "--key", "log.vkey", "--since", "log.vkey"


def no_key(place: Path) -> tuple[str, ...]:
    return "log", "--key", "kept"


@pytest.mark.parametrize("wrong", [no_log, no_checkpoint, no_key])
def test_what_was_used_wrongly_is_told_with_the_mend(place: Path, wrong: Callable[[Path], tuple[str, ...]]) -> None:
    told = json.loads(sekisho(place, "audit", "verify", *wrong(place), "--json", code=2))

    assert told["error"]


def test_a_place_that_is_not_there_cannot_be_read(place: Path) -> None:
    sekisho(place, "audit", "verify", *no_folder(place), code=3)
