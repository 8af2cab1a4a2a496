"""Every refusal for want of the log, judged: it passes by itself, or it is final until a person acts.

The first table holds every place in the source that makes such a refusal, so a new one is judged before it is in; the
others make those faults, and look at what is told.
"""

from __future__ import annotations

import ast
import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from patience import within

import gateway
from gateway.audit import siblings
from gateway.audit.book import LogBook
from gateway.audit.content.door import About, NoContents
from gateway.audit.content.room import _unavailable as not_kept
from gateway.audit.index.answer import Ask, answer
from gateway.audit.index.asking import Asking
from gateway.audit.index.query import Query
from gateway.audit.index.search import AuditSearch
from gateway.audit.index.store import Trouble as IndexTrouble
from gateway.audit.log import layout
from gateway.audit.log.committer import Committer
from gateway.audit.log.note import KeySilent
from gateway.audit.log.succession import OneKey
from gateway.audit.log.trouble import UNAVAILABLE, notes
from gateway.audit.retention import RetentionOffice, _carried_out
from gateway.domain import Outcome
from gateway.errors import AuditFinal, AuditUnavailable, SetupError, passes
from gateway.http.wire import error_headers
from gateway.kept.files import unavailable as no_files
from gateway.kept.responses import _unavailable as no_answers
from gateway.settings import AuditSettings
from tests.audit.bad_disk import BadDisk
from tests.audit.conftest import CALLER, ORIGIN

Log = Any  # conftest.OpenLog
CLOSED = Outcome("done")
ABOUT = About("01J", "acme", "support", 30)
PASSES, FINAL, BY_CAUSE = "passes", "final", "by its cause"

JUDGED = {
    ("gateway/audit/book.py", "LogBook.error", PASSES): "it is not open yet, or not any more",
    ("gateway/audit/book.py", "LogBook._parts", PASSES): "it is not open yet, or not any more",
    ("gateway/audit/book.py", "LogBook._reading", BY_CAUSE): "a record that is damaged stays so",
    ("gateway/audit/content/door.py", "NoContents.recognise", FINAL): "the house has no side store",
    ("gateway/audit/content/door.py", "NoContents.keep", FINAL): "the house has no side store",
    ("gateway/audit/content/room.py", "_unavailable", BY_CAUSE): "a full disk, or a damaged key",
    ("gateway/audit/index/asking.py", "Asking.page", PASSES): "the child says that it passes",
    ("gateway/audit/index/asking.py", "Asking.page", FINAL): "the child says that it does not",
    ("gateway/audit/index/asking.py", "Asking._ask", PASSES): "a child that was killed is started anew",
    ("gateway/audit/index/asking.py", "Asking._ask", BY_CAUSE): "too slow, or no process can be started",
    ("gateway/audit/log/committer.py", "Committer._ended", PASSES): "the process ends, and another begins",
    ("gateway/audit/log/committer.py", "Committer._ended", FINAL): "a bug ended a thread",
    ("gateway/audit/log/trouble.py", "Trouble.error", PASSES): "it is tried again each second",
    ("gateway/audit/log/trouble.py", "Trouble.error", FINAL): "the log is stopped until a restart",
    ("gateway/audit/log/writer.py", "Writer._append", FINAL): "that record never fits",
    ("gateway/audit/log/writer.py", "Writer.prune", BY_CAUSE): "what is not gone yet goes at the next start",
    ("gateway/audit/retention.py", "RetentionOffice._cut", BY_CAUSE): "records cannot be read",
    ("gateway/audit/retention.py", "RetentionOffice._is_held", BY_CAUSE): "records cannot be read",
    ("gateway/audit/retention.py", "RetentionOffice._hold", BY_CAUSE): "a damaged hold stays so",
    ("gateway/audit/retention.py", "_carried_out", BY_CAUSE): "the file of the hold cannot be written",
    ("gateway/audit/siblings.py", "SharedShelf.receipt", PASSES): "the other worker's head comes within a second",
    ("gateway/audit/siblings.py", "_read", BY_CAUSE): "another worker's log cannot be read",
    ("gateway/errors.py", "AuditUnavailable.because", PASSES): "what `by its cause` means",
    ("gateway/errors.py", "AuditUnavailable.because", FINAL): "what `by its cause` means",
    ("gateway/inquiry.py", "Inquiry.decision", FINAL): "a record of another form stays so",
    ("gateway/kept/files.py", "unavailable", BY_CAUSE): "a full disk, or a damaged item",
    ("gateway/kept/responses.py", "_unavailable", BY_CAUSE): "a full disk, or a damaged item",
}


class Places(ast.NodeVisitor):
    """Collects where refusals for want of the log are made, and of which kind; ``found`` as :data:`JUDGED` has them."""

    def __init__(self, path: str) -> None:
        self.path, self.found = path, set[tuple[str, str, str]]()
        self._within: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._in(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._in(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._in(node)

    def _in(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._within.append(node.name)
        for part in node.body:
            self.visit(part)
        self._within.pop()

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "because":
            self._add(BY_CAUSE)
        else:
            for made in ast.walk(node.func):
                self._note(made)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._note(node.exc)
        self.generic_visit(node)

    def _note(self, made: ast.AST | None) -> None:
        if isinstance(made, ast.Name) and made.id in ("AuditUnavailable", "AuditFinal"):
            self._add(PASSES if made.id == "AuditUnavailable" else FINAL)

    def _add(self, kind: str) -> None:
        self.found.add((self.path, ".".join(self._within), kind))


def places_in(path: Path) -> set[tuple[str, str, str]]:
    root = Path(gateway.__file__).parent
    looked = Places(f"gateway/{path.relative_to(root).as_posix()}")
    looked.visit(ast.parse(path.read_text(encoding="utf-8")))
    return looked.found


def test_every_place_that_refuses_for_want_of_the_log_is_judged_here() -> None:
    sources = [path for path in Path(gateway.__file__).parent.rglob("*.py") if "Audit" in path.read_text("utf-8")]

    assert set().union(*map(places_in, sources)) == set(JUDGED)


def final(error: AuditUnavailable) -> bool:
    """Whether a refusal says that trying again is of no use; the headers must say the same, and when to try."""
    headers = dict(error_headers(error))
    assert headers[b"x-should-retry"] == (b"true" if error.retryable else b"false")
    assert (b"retry-after" in headers) == error.retryable
    return not error.retryable


def caused(cause: BaseException) -> SetupError:
    fault = SetupError("It cannot be read.", "Look.")
    fault.__cause__ = cause
    return fault


CAUSES = [
    *[(OSError(number, os.strerror(number)), True) for number in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE)],
    *[(OSError(number, os.strerror(number)), True) for number in (errno.ENFILE, errno.ENOMEM, errno.EAGAIN)],
    *[(OSError(number, os.strerror(number)), False) for number in (errno.EIO, errno.EROFS, errno.EBADMSG)],
    *[(OSError(number, os.strerror(number)), False) for number in (errno.ENOENT, errno.EACCES, errno.ESTALE)],
    (TimeoutError(), True),
    (BrokenPipeError(errno.EPIPE, "the child is gone"), True),
    (KeySilent("the keeper of the log key does not answer"), True),
    (OSError("without a number"), False),
    (ValueError("damaged"), False),
    (SetupError("The key is damaged.", "Put it back."), False),
    (caused(OSError(errno.EMFILE, "Too many open files")), True),
    (caused(OSError(errno.EIO, "Input/output error")), False),
]
NAMES = [f"{number}-{type(cause).__name__}" for number, (cause, _) in enumerate(CAUSES)]


@pytest.mark.parametrize(("cause", "passing"), CAUSES, ids=NAMES)
@pytest.mark.parametrize("refuse", [AuditUnavailable.because, not_kept, no_files, no_answers])
def test_the_cause_says_whether_a_retry_can_help(
    cause: Exception, passing: bool, refuse: Callable[[Exception], AuditUnavailable]
) -> None:
    assert passes(cause) is passing
    assert final(refuse(cause)) is not passing


def failing(cause: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise cause

    return fail


@pytest.mark.parametrize(("cause", "passing"), CAUSES[:14], ids=NAMES[:14])  # those of the system
async def test_reading_a_log_and_changing_a_hold_are_refused_by_their_cause(
    log: Log, cause: Exception, passing: bool
) -> None:
    for refused in (log.book._reading, siblings._read, _carried_out):
        with pytest.raises(AuditUnavailable) as refusal:
            await refused(failing(cause))
        assert final(refusal.value) is not passing


# --- a log that nobody serves --------------------------------------------------------------------------------------


def told(log: Log) -> list[str]:
    return [note.what for _, note in notes(log.base)]


def is_final_for_all(log: Log) -> bool:
    with pytest.raises(AuditUnavailable) as refused:
        log.intent(9)
    return final(refused.value) and final(log.book.error()) and not log.book.ready()


def test_a_log_that_is_not_open_may_be_in_a_moment(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    book = LogBook(tmp_path / "audit", origin=ORIGIN, log_key=key, settings=AuditSettings())

    with pytest.raises(AuditUnavailable) as refused:
        book.event("config")

    assert (final(refused.value), final(book.error())) == (False, False)


async def test_whoever_waits_while_the_process_ends_may_try_another(log: Log) -> None:
    committer = log.book._committer
    log.book.close()

    with pytest.raises(AuditUnavailable) as refused:
        await committer.wait(10)

    assert not final(refused.value)


@pytest.fixture
def bugs_are_expected(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    yield


@pytest.mark.usefixtures("bugs_are_expected")
async def test_a_bug_in_the_thread_that_syncs_is_final(open_log: Callable[..., Log]) -> None:
    disk = BadDisk()
    log = open_log(disk)
    disk.sync = None  # type: ignore[assignment, method-assign]

    with pytest.raises(AuditUnavailable) as refused:
        await log.intent(1).durable()

    assert final(refused.value)
    assert is_final_for_all(log)
    assert told(log) == ["the thread that syncs it ended by an error of the program"]


@pytest.mark.usefixtures("bugs_are_expected")
@pytest.mark.parametrize(("part", "what"), [("keeper", "looks after"), ("committer", "signs")])
def test_a_bug_in_another_thread_is_final_too(log: Log, part: str, what: str) -> None:
    name = {"keeper": "_keep", "committer": "_rest"}[part]
    setattr(getattr(log.book, f"_{part}"), name, None)
    log.intent(1)

    assert within(3.0, lambda: not log.book.ready())
    assert is_final_for_all(log)
    assert told(log) == [f"the thread that {what} it ended by an error of the program"]
    (log.reopen()).close()
    assert told(log) == []


def test_a_process_that_is_told_to_end_keeps_what_it_broke_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    words: list[str] = []
    committer = Committer(lambda: 1 // 0, lambda: None, lambda: False, 0.01, words.append)
    committer.start(0)
    committer.stop()

    with pytest.raises(AuditFinal):
        asyncio.run(committer.wait(1))
    assert words == ["the thread that syncs it ended by an error of the program"]


# --- the machine is short of something -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_too_many_open_files_pass_and_are_no_tampering(open_log: Callable[..., Log], number: int) -> None:
    disk = BadDisk()
    log = open_log(disk)
    entry = log.intent(1)
    disk.write_error = number
    with pytest.raises(AuditUnavailable) as refused:
        log.intent(2)
    assert (final(refused.value), refused.value.code) == (False, UNAVAILABLE)
    assert "restart" not in dict(notes(log.base))["berlin/node1/w0/default"].mend
    entry.close(CLOSED)
    disk.write_error = 0

    assert within(3.0, log.book.ready)
    assert final(log.book.error()) is False


@pytest.mark.parametrize("call", ["listdir", "scandir"])
def test_a_look_that_cannot_open_a_folder_waits(
    open_log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    log = open_log()
    for count in range(300):
        log.intent(count)
    assert within(5.0, lambda: (log.folder / layout.tile_path(1, 0)).exists() and bool(watch(log)._folders))
    with monkeypatch.context() as short:
        short.setattr(os, call, failing_with(errno.EMFILE))
        watch(log)._folders.clear()
        log.book._writer._journal.watch._folders.clear()
        assert within(3.0, lambda: not log.book.ready())
        assert (log.book.error().code, final(log.book.error())) == (UNAVAILABLE, False)

    assert within(3.0, log.book.ready)


def watch(log: Log) -> Any:
    return log.book._writer._journal.tile_watch


def failing_with(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


# --- searching, holding, pruning -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "passing"),
    [
        (IndexTrouble("locked"), True),
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.EBADMSG, "damaged"), False),
        (OSError(errno.EIO, "broken"), False),
    ],
    ids=["locked", "full", "damaged", "broken"],
)
async def test_a_search_says_what_its_process_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError, passing: bool
) -> None:
    def page(*_: Any) -> Any:
        raise fault

    search = AuditSearch(tmp_path / "audit", tmp_path / "index")
    monkeypatch.setattr(search, "page", page)
    said = answer(search, Ask.of(Query(), 1, ""))
    asked = Asking(tmp_path / "audit", tmp_path / "index")

    async def ask(_: Ask) -> Any:
        return said

    monkeypatch.setattr(asked, "_ask", ask)
    with pytest.raises(AuditUnavailable) as refused:
        await asked.page(Query(), 1, "")
    assert final(refused.value) is not passing


async def test_a_damaged_hold_is_final_and_an_answer_of_no_form_too(log: Log) -> None:
    (log.folder / layout.HOLD).write_text("since when?")
    office = RetentionOffice(log.base, {}, lambda: OneKey(log.key), AuditSettings())

    with pytest.raises(AuditUnavailable) as refused:
        office.held()

    assert final(refused.value)
    assert final(AuditUnavailable.because(msgspec.DecodeError("no answer")))


def test_pruning_waits_for_room_and_not_for_a_disk_that_fails(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in range(300):
        log.intent(count).close(CLOSED)
    writer = log.book._writer
    assert within(5.0, lambda: writer.prunable >= 256)

    for number, passing in ((errno.ENOSPC, True), (errno.EIO, False)):
        monkeypatch.setattr("gateway.audit.log.writer.beginning", failing_with(number))
        with pytest.raises(AuditUnavailable) as refused:
            writer.prune(256, log.book._signer)
        assert final(refused.value) is not passing


async def test_a_house_without_a_side_store_says_so_for_good() -> None:
    with pytest.raises(AuditUnavailable) as refused:
        await NoContents().keep(ABOUT, (), b"")
    assert final(refused.value)
    with pytest.raises(AuditUnavailable) as refused:
        await NoContents().recognise(msgspec.structs.replace(CALLER, vouches_for_users=True), "ana")
    assert final(refused.value)
