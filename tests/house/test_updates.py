"""What an update leaves to be told is in the audit log once: not lost, not doubled, whenever the server is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log.reader import logs, search
from gateway.audit.shelf import Shelf
from gateway.bundle.update.told import Happened, Spool, Taken, taken_file
from gateway.errors import SetupError
from gateway.house.updates import UpdateNews
from gateway.settings import AuditSettings

ORIGIN = "berlin/node1/w0"


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours handles it."""


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool.of(tmp_path / "prefix")


@pytest.fixture
def house(tmp_path: Path, spool: Spool) -> Iterator[Callable[..., UpdateNews]]:
    """A server that starts: it opens its log, after it closed the one before."""
    opened: list[Shelf] = []
    key = Ed25519PrivateKey.generate()

    def start(origin: str = ORIGIN) -> UpdateNews:
        for one in opened:
            one.close()
        opened.append(Shelf(tmp_path / "audit", origin=origin, log_key=key, settings=AuditSettings()))
        opened[-1].open()
        return UpdateNews(spool, tmp_path / "state", opened[-1], tmp_path / "audit")

    yield start
    for one in opened:
        one.close()


def happened(spool: Spool, number: int = 0, **change: Any) -> Happened:
    """Something that an update left."""
    said = {"id": f"20261101T12000{number}000000Z-0123456789ab", "type": "update.accepted"}
    said |= {"details": {"from": "1-1.0.0", "to": "2-1.1.0", "snapshot": 7}} | change
    told = Happened(**said)
    spool.tell(told)
    return told


def in_log(tmp_path: Path) -> list[tuple[str, str]]:
    found = [record for log in logs(tmp_path / "audit") for record in search(log)]
    return [(one["type"], one["details"]["id"]) for one in found if one["type"].startswith("update.")]


async def test_a_start_takes_what_is_told_once_and_says_when_it_was(house, spool, tmp_path):
    told = [happened(spool, n) for n in (1, 0)]
    await house().take()
    await house().take()
    assert in_log(tmp_path) == [("update.accepted", one.id) for one in reversed(told)]


@pytest.mark.parametrize("moment", ["before the record", "after the record"])
async def test_killed_while_it_takes_one_the_next_start_ends_it(house, spool, tmp_path, monkeypatch, moment):
    told, first = happened(spool), house()
    first._book.event("heartbeat", size=0)
    writing, count = Taken.write, []

    def killed(self: Taken, file: Path) -> None:
        count.append(self)
        if moment == "before the record" or len(count) == 1:
            writing(self, file)
        if (moment, len(count)) in (("before the record", 1), ("after the record", 2)):
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Taken, "write", killed)
        with pytest.raises(Killed):
            await first.take()
    assert len(in_log(tmp_path)) == (0 if moment == "before the record" else 1)
    await house("berlin/node1/w9").take()  # also where the log is another one by then
    assert in_log(tmp_path) == [("update.accepted", told.id)]
    assert Taken.read(taken_file(tmp_path / "state")).taken == (told.id,)


async def test_what_is_in_no_form_is_told_by_name_and_hash_and_stops_nothing(house, spool, tmp_path):
    told = happened(spool)
    (spool.folder / "20260101T000000000000Z-aaaaaaaaaaaa.json").write_text('{"type":"key.created"}', encoding="utf-8")
    (spool.folder / ".half.json.new").write_text("", encoding="utf-8")
    await house().take()
    assert in_log(tmp_path) == [
        ("update.unreadable", "20260101T000000000000Z-aaaaaaaaaaaa"),
        ("update.accepted", told.id),
    ]


async def test_a_file_under_another_id_than_its_own_is_not_believed(house, spool, tmp_path):
    told = happened(spool)
    spool._place(told.id).rename(spool.folder / "20260101T000000000000Z-bbbbbbbbbbbb.json")
    await house().take()
    assert in_log(tmp_path) == [("update.unreadable", "20260101T000000000000Z-bbbbbbbbbbbb")]


async def test_what_was_removed_is_remembered_no_more(house, spool, tmp_path):
    first, second = happened(spool, 0), happened(spool, 1)
    await house().take()
    spool.forget([first.id])
    third = happened(spool, 2)
    await house().take()
    assert Taken.read(taken_file(tmp_path / "state")).taken == (second.id, third.id)
    assert len(in_log(tmp_path)) == 3


async def test_where_it_is_not_known_what_was_taken_nothing_is_guessed(house, spool, tmp_path):
    happened(spool)
    taken_file(tmp_path / "state").parent.mkdir()
    taken_file(tmp_path / "state").write_bytes(b"{")
    with pytest.raises(SetupError):
        await house().take()


async def test_a_folder_that_cannot_be_read_is_named_and_not_taken_for_an_empty_one(house, spool, monkeypatch):
    def ids(self: Spool) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Spool, "ids", ids)
    with pytest.raises(SetupError, match=r"events cannot be read \(Permission denied\)"):
        await house().take()


def test_told_twice_under_one_id_the_first_word_stays(spool):
    told = happened(spool)
    happened(spool, type="update.reverted")
    assert spool.read(told.id).type == "update.accepted"
    assert spool.folder.stat().st_mode & 0o777 == 0o755
