"""Heads are signed beside the syncs: a slow key holds up nobody, and nothing is signed before it is synced."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log.committer import Committer
from gateway.audit.log.disk import Disk
from gateway.audit.log.due import DueHead
from gateway.audit.log.layout import HISTORY, notes
from gateway.audit.verify import parse_head, verify
from gateway.errors import AuditFinal, AuditUnavailable
from gateway.settings import AuditSettings
from tests.audit.conftest import OpenLog

HEAD = (3, bytes(32), [bytes(32)])
LONG_SECONDS = 30.0


class SlowKey:
    """An Ed25519 key in a token that answers when it is let: what a PKCS#11 module is at its worst."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.asked, self.let = threading.Event(), threading.Event()

    def sign(self, data: bytes) -> bytes:
        self.asked.set()
        assert self.let.wait(LONG_SECONDS)
        return self._key.sign(data)

    def public_key(self) -> Any:
        return self._key.public_key()


class FailingDisk(Disk):
    """A disk whose syncs fail from a moment on."""

    def __init__(self) -> None:
        self.failing = threading.Event()

    def sync(self, descriptor: int) -> None:
        if self.failing.is_set():
            raise OSError(5, "Input/output error")
        super().sync(descriptor)


def sizes(log: OpenLog) -> list[int]:
    return [parse_head(note).size for _, note in notes((log.folder / HISTORY).read_bytes())]


def test_a_key_that_takes_its_time_holds_up_no_sync(tmp_path: Path) -> None:
    key = SlowKey()
    log = OpenLog(tmp_path, key, AuditSettings(checkpoint_records=1, checkpoint_seconds=0.05))  # type: ignore[arg-type]
    try:
        asyncio.run(log.intent(1).durable())
        assert key.asked.wait(LONG_SECONDS)

        for number in range(2, 6):  # each would wait for the key if the thread that syncs signed
            asyncio.run(asyncio.wait_for(log.intent(number).durable(), LONG_SECONDS / 2))

        assert sizes(log) == []
    finally:
        key.let.set()
        log.book.close()
    report = verify(log.folder, log.vkey)
    assert (report.problems, report.tree_size, report.unsigned) == ([], 5, 0)


def test_what_could_not_be_synced_is_not_signed(open_log: Callable[..., OpenLog]) -> None:
    disk = FailingDisk()
    log = open_log(disk, checkpoint_records=1, checkpoint_seconds=0.05)
    asyncio.run(log.intent(1).durable())
    disk.failing.set()

    with pytest.raises(AuditUnavailable):
        asyncio.run(log.intent(2).durable())
    time.sleep(0.2)
    log.book.close()

    assert max(sizes(log), default=0) <= 1


def test_a_head_may_be_signed_only_once_it_was_handed_over() -> None:
    due = DueHead(AuditSettings(checkpoint_records=2, checkpoint_seconds=60))
    assert (due.is_due(1), due.is_due(2)) == (False, True)

    due.draw(HEAD)
    with due.taken() as head:
        assert head is None
    assert not due.is_due(9), "it waits for its sync"
    due.hand_over()
    with due.taken() as head:
        assert head == HEAD
        due.hand_over()  # a sync that ends meanwhile brings nothing new, and takes nothing away
        assert not due.is_due(9), "it is being signed"
    assert due.is_due(2)


def test_when_signing_dies_nobody_waits_for_ever() -> None:
    def die() -> None:
        raise RuntimeError("a bug")

    told: list[str] = []
    committer = Committer(lambda: 0, die, lambda: True, tick_seconds=0.01, gone=told.append)
    threading.excepthook, hook = lambda _: None, threading.excepthook
    try:
        committer.start(0)
        with pytest.raises(AuditFinal):
            asyncio.run(asyncio.wait_for(committer.wait(1), LONG_SECONDS))
        committer.stop()
    finally:
        threading.excepthook = hook
    assert (committer.alive, committer.orderly) == (False, False)
    assert told == ["the thread that signs it ended by an error of the program"]
