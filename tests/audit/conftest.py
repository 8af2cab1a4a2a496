"""Parts of audit tests: a real log on a real disk, with small records to write into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import record as records
from gateway.audit.book import LogBook, LogEntry
from gateway.audit.log.disk import Disk
from gateway.domain import (
    Caller,
    CallerFacts,
    Capability,
    DataFacts,
    Decision,
    EnvFacts,
    Grant,
    PolicyInput,
    Reason,
    RequestFacts,
    Role,
    Target,
)
from gateway.settings import AuditSettings

ORIGIN = "berlin/node1/w0"
CALLER = Caller("k1", "acme", "support", (Role.APP,), "help", "berlin", "DE", "DE", "DE")
TARGET = Target("berlin/node1/w0:m", "m", (Capability.CHAT,), "berlin", "node1", "DE", True)
DECISION = Decision(
    "01JDECISION",
    True,
    (Grant(TARGET.id, {"*": "pseudonymise"}),),
    (Reason("policy.residency", "residency"),),
    "r1",
    "a" * 64,
    "b" * 64,
    "opa/1.22.2",
)


def question(request_id: str, model: str = "m") -> PolicyInput:
    return PolicyInput(
        RequestFacts(request_id, "/v1/chat/completions", Capability.CHAT, model, False, False, "help"),
        CallerFacts("k1", "acme", "support", (Role.APP,), "berlin", "DE", "DE"),
        DataFacts("internal", "DE", {"PERSON": "1"}, "presidio/1"),
        (TARGET.id,),
        EnvFacts("berlin", "node1", "2026-01-01T00:00:00Z", 1),
    )


class OpenLog:
    """A log that a test writes: ``book`` is open; :meth:`reopen` closes it and opens it again, as a restart does."""

    def __init__(self, folder: Path, key: Ed25519PrivateKey, settings: AuditSettings, disk: Disk | None = None) -> None:
        self.base, self.key, self.settings, self.disk = folder, key, settings, disk
        self.book = self._new()
        self.folder = self.book.folder
        self.vkey = self.book.verifier_key()

    def _new(self) -> LogBook:
        book = LogBook(self.base, origin=ORIGIN, log_key=self.key, settings=self.settings, disk=self.disk)
        book.open()
        return book

    def intent(self, number: int, model: str = "m") -> LogEntry:
        return self.book.intent(CALLER, question(f"01J{number:023d}", model), DECISION, TARGET, {"PERSON": 1})

    def reopen(self) -> LogBook:
        self.book.close()
        self.book = self._new()
        return self.book


@pytest.fixture(scope="session")
def new_intent() -> Callable[..., records.Intent]:
    """Return a maker of intent records that are in no log."""

    def make(model: str, redactions: dict[str, int]) -> records.Intent:
        return records.Intent(
            request="01J",
            caller=records.caller_ref(CALLER),
            input=question("01J", model),
            decision=DECISION,
            target=TARGET,
            redactions=redactions,
        )

    return make


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def new_log(key: Ed25519PrivateKey) -> Iterator[Callable[..., OpenLog]]:
    """Open a log below a folder, closed at the end of the test."""
    opened: list[OpenLog] = []

    def make(folder: Path, disk: Disk | None = None, **settings: float) -> OpenLog:
        log = OpenLog(folder, key, AuditSettings(**settings), disk)  # type: ignore[arg-type]
        opened.append(log)
        return log

    yield make
    for log in opened:
        log.book.close()


@pytest.fixture
def open_log(tmp_path: Path, new_log: Callable[..., OpenLog]) -> Callable[..., OpenLog]:
    """Open the log below ``tmp_path``."""

    def make(disk: Disk | None = None, **settings: float) -> OpenLog:
        return new_log(tmp_path / "audit", disk, **settings)

    return make


@pytest.fixture
def log(open_log: Callable[..., OpenLog]) -> OpenLog:
    return open_log()
