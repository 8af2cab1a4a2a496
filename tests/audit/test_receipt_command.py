"""``sekisho audit verify --receipt``: on a machine that has nothing but the receipt and the key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import sekisho

from gateway.domain import Outcome
from tests.audit.exports import make

Log = Any  # conftest.OpenLog
FILES = ("audit", "verify", "--receipt", "receipt.json", "--vkey", "log.vkey")


@pytest.fixture
def elsewhere(open_log: Callable[..., Log], tmp_path: Path) -> Path:
    """A folder with a receipt, the key, an export of the log, and another key."""
    log = open_log()
    for number in range(3):
        log.intent(number).close(Outcome("done"))
    log.reopen()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "receipt.json").write_bytes(asyncio.run(log.book.receipt(2)))
    (folder / "log.vkey").write_text(log.vkey)
    (folder / "bad.vkey").write_text("no key")
    make(log, folder / "log.jsonl")
    return folder


def test_a_receipt_is_told_in_words(elsewhere: Path) -> None:
    said = sekisho(elsewhere, *FILES)

    assert said.startswith("ok     receipt.json: ")
    assert "to DE/berlin/node1, berlin/node1/w0:m, device not told" in said
    assert "record 2 of berlin/node1/w0, under the signed head of 6 records" in said
    assert "cannot be shown here: whether the gateway told the truth" in said


def test_scripts_get_all_of_it(elsewhere: Path) -> None:
    told = json.loads(sekisho(elsewhere, *FILES, "--json"))

    assert (told["ok"], told["status"], told["tree_size"], told["problems"]) == (True, "included", 6, [])
    assert told["statement"]["decision"] == "01JDECISION"


def test_its_record_is_compared_with_an_export(elsewhere: Path) -> None:
    told = json.loads(sekisho(elsewhere, "audit", "verify", "log.jsonl", *FILES[2:], "--json"))
    assert not any("give the log" in what for what in told["not_checked"])

    lines = (elsewhere / "log.jsonl").read_bytes().splitlines(keepends=True)
    (elsewhere / "log.jsonl").write_bytes(b"".join(lines[:2]))
    said = sekisho(elsewhere, "audit", "verify", "log.jsonl", *FILES[2:], code=1)
    assert "not the one that the receipt names" in said


def test_its_record_is_found_in_an_export_of_several_logs(elsewhere: Path) -> None:
    lines = (elsewhere / "log.jsonl").read_bytes().splitlines(keepends=True)
    others = [line.replace(b'"berlin/node1/w0"', b'"berlin/node1/admin"') for line in lines]
    (elsewhere / "log.jsonl").write_bytes(b"".join([*others, *lines[1:]]))

    told = json.loads(sekisho(elsewhere, "audit", "verify", "log.jsonl", *FILES[2:], "--json"))

    assert (told["ok"], told["problems"]) == (True, [])


def test_a_changed_receipt_leaves_with_1(elsewhere: Path) -> None:
    receipt = elsewhere / "receipt.json"
    receipt.write_bytes(receipt.read_bytes().replace(b"included", b"includeD"))

    assert sekisho(elsewhere, *FILES, code=1).startswith("WRONG  receipt.json: ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--receipt", "nowhere.json", "--key", "log.vkey"), 3),
        (("--receipt", "receipt.json", "--key", "nowhere.vkey"), 3),
        (("--receipt", "receipt.json", "--key", "bad.vkey"), 2),
        (("nowhere.jsonl", "--receipt", "receipt.json", "--key", "log.vkey"), 3),
    ],
)
def test_what_cannot_be_read_is_told(elsewhere: Path, arguments: tuple[str, ...], code: int) -> None:
    sekisho(elsewhere, "audit", "verify", *arguments, code=code)
