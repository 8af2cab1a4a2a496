"""Runs batches, line by line, while nobody else wants the engines; goes on after a kill where the disk says it was.

Rules:

1. A line begins only while no more requests of others than ``others_at_most`` hold a slot, nobody waits for one, and
   it was so for ``quiet_seconds``. Of all batches together ``parallel`` lines run; batches take turns.
2. What came of a line is on stable storage before it counts, and a line that counts is never run again. A line that
   ran when the process was killed is run again: its engine may have worked twice, its result is there once.
3. A passing refusal (429 but for a used-up budget, 503) is no outcome: the line comes back later, for 503 at most
   ``tries`` times.
4. Cancelling, and the end of the completion window, begin no further line; what was never run is an error of its own.
   So output and error file together have one line for each line of the input.
5. One process of a data folder runs batches, the one that has the lock; the others serve what callers ask of them.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import hmac
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec
import orjson
from ulid import ULID

from gateway.audit.content.store import MOST_PERSONS
from gateway.errors import FileNotFound, SekishoError
from gateway.kept.batch_lines import Line, Parse, check, requests
from gateway.kept.batches import JOURNAL, KeptBatches
from gateway.kept.files_door import FILE, Fault, State, Status, StoredBatch, StoredFile, now_seconds
from gateway.kept.journal import Journal, Outcome
from gateway.kept.sealed_file import Damaged, lines_of

LOOK_SECONDS = 1.0
SWEEP_SECONDS = 3600.0
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 30.0
_TELL_EACH_SECONDS = 0.5
_GONE = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed, since its batch was cancelled."),
}
_log = logging.getLogger("sekisho.kept")


class Asked(msgspec.Struct, frozen=True):
    """One answer of the gateway to one line."""

    status: int
    body: bytes
    request_id: str
    retry_after_seconds: float = 0.0
    persons: tuple[str, ...] = ()
    days: int = 0  # for how long it may be kept; 0: as long as any file


class Gateway(Protocol):
    """Sends a line through the whole pipeline, as its key."""

    async def ask(self, batch: StoredBatch, request_id: str, body: dict[str, Any]) -> Asked: ...

    def is_open(self) -> bool: ...

    def held_and_waiting(self) -> tuple[int, int]:
        """How many requests hold a slot, those of batches too, and how many wait for one."""


class BatchRunner:
    """Runs what :class:`KeptBatches` has. ``run`` is its whole life.

    Args:
        parse: reads one line; ``most_line_bytes``: the longest.
    """

    def __init__(self, batches: KeptBatches, gateway: Gateway, lock: Path, parse: Parse, most_line_bytes: int) -> None:
        self.batches = batches
        self.gateway = gateway
        self.settings = batches.settings
        self.parse = parse
        self.most_line_bytes = most_line_bytes
        self.lines = asyncio.Semaphore(self.settings.parallel)
        self._lock = lock
        self._inside = 0  # lines that run
        self._quiet_since = float("inf")
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Run batches until cancelled."""
        descriptor = await self._locked()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sweep())
                while True:
                    self.batches.wake.clear()
                    with suppress(SekishoError, OSError):  # told in the log already; looked at again in a moment
                        for batch, state in await asyncio.to_thread(self.batches.unfinished):
                            if batch.id not in self._running:
                                self._running[batch.id] = group.create_task(self._carry(batch, state))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.batches.wake.wait(), LOOK_SECONDS)
        finally:
            os.close(descriptor)

    async def _locked(self) -> int:
        """Return the lock's file once it is ours."""
        self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return descriptor

    async def _sweep(self) -> None:
        while True:
            with suppress(SekishoError, OSError):
                await asyncio.to_thread(self.batches.files.sweep)
                await asyncio.to_thread(self.batches.sweep)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _carry(self, batch: StoredBatch, state: State) -> None:
        """Run one batch to its end. What fails for a while is tried again."""
        try:
            await Run(self, batch, state).to_its_end()
        except (OSError, SekishoError, Damaged) as error:
            _log.error("a batch cannot go on now: %s", type(error).__name__)
            await asyncio.sleep(_LONGEST_PAUSE_SECONDS / 3)
        except Exception as error:  # the outermost edge of a task: one batch must not end the others
            _log.error("a batch met an internal error", exc_info=error)
            await asyncio.sleep(_LONGEST_PAUSE_SECONDS)
        finally:
            del self._running[batch.id]

    def is_idle(self) -> bool:
        """Whether a line may begin: rule 1."""
        held, waiting = self.gateway.held_and_waiting()
        if waiting or held - self._inside > self.settings.others_at_most or not self.gateway.is_open():
            self._quiet_since = float("inf")
            return False
        self._quiet_since = min(self._quiet_since, time.monotonic())
        return time.monotonic() - self._quiet_since >= self.settings.quiet_seconds

    async def ask(self, batch: StoredBatch, request_id: str, line: Line) -> Asked:
        self._inside += 1
        try:
            return await self.gateway.ask(batch, request_id, line.body)
        finally:
            self._inside -= 1


class Run:
    """One batch, from where it is to its end."""

    def __init__(self, runner: BatchRunner, batch: StoredBatch, state: State) -> None:
        self._runner = runner
        self._batches = runner.batches
        self._batch = batch
        self._state = state
        self._told_at = float("-inf")
        self._appending = asyncio.Lock()

    async def to_its_end(self) -> None:
        batch = self._batch
        path = self._batches.home(batch) / JOURNAL
        try:
            file = await asyncio.to_thread(self._batches.files.load, batch.owner, batch.wanted.input_file_id)
            self._journal = await asyncio.to_thread(Journal, path, batch.secret, batch.id)
        except FileNotFound:
            await self._fail(Fault("input_file_gone", "The input file was deleted, or has ended.", "input_file_id"))
            return
        except Damaged:
            await self._fail(Fault("damaged", "What the batch has made so far cannot be read any more."))
            return
        try:
            if self._state.status == "validating":
                await self._validate(file)
            if self._state.status == "in_progress":
                self._set(completed=self._journal.completed, failed=self._journal.failed)
                await self._relay(file)
            if self._state.status == "finalizing":
                await self._finish(file)
        finally:
            self._journal.close()

    async def _validate(self, file: StoredFile) -> None:
        settings, endpoint = self._batches.settings, self._batch.wanted.endpoint
        checked = await asyncio.to_thread(
            lambda: check(self._raw(file), endpoint, settings.max_lines, self._runner.parse)
        )
        self._set(model=checked.model)
        if checked.faults:
            await self._fail(*checked.faults)
        else:
            await self._become("in_progress", total=checked.total)

    async def _fail(self, *faults: Fault) -> None:
        self._batches.tell("batch.ended", self._batch, status="failed", code=faults[0].code)
        await self._become("failed", errors=faults)

    # --- lines

    async def _relay(self, file: StoredFile) -> None:
        """Run what was not run yet, until all is done, or nothing more shall begin."""
        lines = requests(self._raw(file), self._runner.parse)
        async with asyncio.TaskGroup() as group:
            while not self._ends() and (line := await asyncio.to_thread(next, lines, None)) is not None:
                if line.number in self._journal.done:
                    continue
                if not await self._permitted():
                    break
                group.create_task(self._one(line))
        await self._become("finalizing")

    async def _permitted(self) -> bool:
        """Wait for a permit; False: none is taken, since no line may begin any more."""
        while not self._ends():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._runner.lines.acquire(), LOOK_SECONDS)
                return True
        return False

    async def _one(self, line: Line) -> None:
        """Run a line; it has a permit."""
        try:
            outcome = await self._outcome(line)
            if outcome is not None:
                async with self._appending:
                    await asyncio.to_thread(self._journal.append, outcome)
                await self._progress()
        finally:
            self._runner.lines.release()

    async def _outcome(self, line: Line) -> Outcome | None:
        """Return what came of a line; ``None`` where the batch ended before it did."""
        batch, tries = self._batch, 0
        while await self._turn():
            request_id = str(ULID())
            digest = hmac.new(batch.secret, line.custom_id.encode("utf-8", "surrogatepass"), hashlib.sha256)
            self._batches.tell("batch.line", batch, line=line.number, custom_id=digest.hexdigest(), request=request_id)
            asked = await self._runner.ask(batch, request_id, line)
            tries += asked.status == 503
            if not _passes(asked) or tries >= self._batches.settings.tries:
                response = {"status_code": asked.status, "request_id": asked.request_id}
                body = {**response, "body": orjson.loads(asked.body)}
                result = _result(asked.request_id, line.custom_id, body)
                return Outcome(line.number, asked.status == 200, result, asked.persons, asked.days)
            await asyncio.sleep(min(max(asked.retry_after_seconds, _PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS))
        return None

    async def _turn(self) -> bool:
        """Wait until a line may begin; False: none may any more."""
        while not self._ends():
            if self._runner.is_idle():
                return True
            await asyncio.sleep(_PAUSE_SECONDS)
        return False

    def _ends(self) -> Status | None:
        if self._batches.is_cancelled(self._batch):
            return "cancelled"
        return "expired" if now_seconds() >= self._batch.expires_at else None

    async def _progress(self) -> None:
        self._set(completed=self._journal.completed, failed=self._journal.failed)
        if time.monotonic() - self._told_at >= _TELL_EACH_SECONDS:
            self._told_at = time.monotonic()
            await asyncio.to_thread(self._batches.write, self._batch, self._state)

    # --- the end

    async def _finish(self, file: StoredFile) -> None:
        """Write both files, each once, and say how the batch ended."""
        ended = (self._ends() or "expired") if len(self._journal.done) < self._state.total else "completed"
        missing = self._state.total - len(self._journal.done)
        has_output, has_errors = self._journal.completed > 0, self._journal.failed + missing > 0
        if has_output:
            await self._make(self._batch.output_id, (o.result for o in self._journal.outcomes() if o.ok), ok=True)
        if has_errors:
            failed = (o.result for o in self._journal.outcomes() if not o.ok)
            await self._make(self._batch.error_id, failed, ok=False, rest=self._never_run(file, ended))
        counts = {"total": self._state.total, "completed": self._journal.completed}
        self._batches.tell("batch.ended", self._batch, status=ended, **counts)
        done = {"has_output": has_output, "has_errors": has_errors}
        await self._become(ended, failed=self._state.total - self._journal.completed, **done)

    def _never_run(self, file: StoredFile, ended: Status) -> Iterator[dict[str, Any]]:
        if len(self._journal.done) == self._state.total:
            return
        code, message = _GONE[ended]
        for line in requests(self._raw(file), self._runner.parse):
            if line.number not in self._journal.done:
                yield _result(str(ULID()), line.custom_id, None, {"code": code, "message": message})

    async def _make(
        self, file_id: str, results: Iterable[dict[str, Any]], *, ok: bool, rest: Iterable[dict[str, Any]] = ()
    ) -> None:
        """Make one of the two files, unless a process before this one did."""
        files, item = self._batches.files, file_id.removeprefix(FILE)
        if files.store.find(item) is not None:
            return
        files.place(self._batch.owner, item).unlink(missing_ok=True)  # half of it, of a process that was killed
        upload = files.begin(self._batch.owner, item)
        days, persons = files.settings.keep_days, dict[str, None]()
        try:
            for outcome in self._journal.outcomes():
                if outcome.ok == ok:
                    days = min(days, outcome.days or days)
                    persons |= dict.fromkeys(outcome.persons)

            def write() -> None:
                for results_of in (results, rest):
                    for result in results_of:
                        upload.writer.write(orjson.dumps(result) + b"\n")

            await asyncio.to_thread(write)
            if len(persons) > MOST_PERSONS:  # too many keys to hang on: it ends with the day instead
                days = 1
        except BaseException:
            upload.drop()
            raise
        name = f"{self._batch.id}_{'output' if ok else 'error'}.jsonl"
        seconds = min(self._batch.wanted.output_seconds or days * 86_400, days * 86_400)
        await files.finish(upload, name, "batch_output", seconds, tuple(persons))

    # ---

    def _raw(self, file: StoredFile) -> Iterator[bytes]:
        place = self._batches.files.place(file.owner, file.id.removeprefix(FILE))
        return lines_of(place, file.secret, self._runner.most_line_bytes)

    def _set(self, **change: Any) -> None:
        self._state = msgspec.structs.replace(self._state, **change)

    async def _become(self, status: Status, **change: Any) -> None:
        times = {**self._state.times, f"{status}_at": now_seconds()}
        self._set(status=status, times=times, **change)
        await asyncio.to_thread(self._batches.write, self._batch, self._state)


def _passes(asked: Asked) -> bool:
    """Whether the same line may pass a little later: rule 3."""
    if asked.status == 503:
        return True
    if asked.status != 429:
        return False
    error = orjson.loads(asked.body).get("error", {})
    return bool(error.get("type") != "insufficient_quota")


def _result(
    request_id: str, custom_id: str, response: dict[str, Any] | None, error: dict[str, str] | None = None
) -> dict[str, Any]:
    return {"id": f"batch_req_{request_id}", "custom_id": custom_id, "response": response, "error": error}
