"""A log as the release before wrote it: opened, gone on with, verified, exported, read."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.audit.log.reader import newest, search
from gateway.audit.verify import verify
from gateway.cli.past import since
from gateway.domain import Decision, Outcome, PolicyInput

Log = Any  # conftest.OpenLog
FIXTURE = Path(__file__).parent / "fixtures" / "log-before-shelves.tar.gz"
RECORDS = 428


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Unpack the old log, and return its audit folder."""
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own; Python 3.11.2, Debian's, knows no filter
    return tmp_path / "audit"


def test_an_earlier_log_verifies_as_it_is(earlier: Path) -> None:
    report = verify(earlier / "berlin/node1/w0/default", (earlier.parent / "log.vkey").read_text())

    assert (report.problems, report.records, report.tree_size) == ([], RECORDS, RECORDS)


def test_an_earlier_log_is_gone_on_with(earlier: Path, new_log: Callable[..., Log]) -> None:
    log = new_log(earlier)
    log.intent(1000).close(Outcome("done"))
    log.book.close()

    report = verify(log.folder, log.vkey)

    interrupted = sum(record.get("status") == "interrupted" for record in search(log.folder))
    assert interrupted == 141
    assert (report.problems, report.open_intents) == ([], 0)
    assert [record["type"] for record in newest(log.folder, 3)] == ["recovered", "intent", "outcome"]


def test_decisions_of_an_earlier_log_can_be_asked_again(earlier: Path) -> None:
    """What a replay needs: the question and the decision, as the types of today read them."""
    found = [found.record for found in since(earlier / "berlin/node1/w0/default", "")]
    intents = [record for record in found if record and record["type"] == "intent"]

    questions = {msgspec.convert(record["input"], PolicyInput).request.id for record in intents}

    assert (len(found), len(intents), len(questions)) == (RECORDS, 281, 281)
    assert all(msgspec.convert(record["decision"], Decision).allow for record in intents)
