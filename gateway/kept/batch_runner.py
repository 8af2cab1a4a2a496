"""Runs batches, line by line, while nobody else wants the engines; goes on after a kill where the disk says it was.

Rules:

1. A line begins only while no more requests of others than ``others_at_most`` hold a slot, nobody waits for one, and
   it was so for ``quiet_seconds``. Of all batches together ``parallel`` lines run; batches take turns.
2. What came of a line is on stable storage before it counts, and a line that counts is never run again. A line that
   ran when the process was killed is run again: its engine may have worked twice, its result is there once.
3. A passing refusal (429 but for a used-up budget, 503) is no outcome: the line comes back later; at most ``tries``
   times where it may have brought that about itself, without end where it cannot (:mod:`.passing`).
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
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec
import orjson
from ulid import ULID

from gateway.audit.content.store import MOST_PERSONS
from gateway.errors import FileNotFound, SekishoError, SetupError
from gateway.kept.batch_lines import Line, Parse, check, requests
from gateway.kept.batches import JOURNAL, KeptBatches
from gateway.kept.files import unavailable
from gateway.kept.files_door import FILE, Fault, State, Status, StoredBatch, StoredFile, now_seconds
from gateway.kept.journal import Journal, Outcome
from gateway.kept.passing import counts, passes
from gateway.kept.sealed_file import Damaged, lines_of

LOOK_SECONDS = 1.0
SWEEP_SECONDS = 3600.0
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 30.0
_TELL_EACH_SECONDS = 0.5
_GONE = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed, since its batch was cancelled."),
    "erased": ("erased", "What came of this request was erased, since a person of whom it speaks was."),
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
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self.batches.wake.wait()
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
        except ExceptionGroup as group:
            _, strange = group.split((OSError, SekishoError, Damaged))
            _log.error("lines of a batch cannot go on now", exc_info=strange)
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
        self._lock = runner.batches.outcome_lock(batch)

    async def to_its_end(self) -> None:
        batch = self._batch
        path = self._batches.home(batch) / JOURNAL
        try:
            self._journal = await asyncio.to_thread(Journal, path, batch.secret, batch.id)
        except Damaged:
            await self._fail(Fault("damaged", "What the batch has made so far cannot be read any more."))
            return
        try:
            file = await asyncio.to_thread(self._batches.files.load, batch.owner, batch.wanted.input_file_id)
            if self._state.status == "validating":
                await self._validate(file)
            if self._state.status == "in_progress":
                self._set(completed=self._journal.completed, failed=self._journal.failed)
                await self._relay(file)
            if self._state.status == "finalizing":
                await self._finish(file)
        except FileNotFound:
            await self._without_input()
        finally:
            await asyncio.shield(asyncio.to_thread(self._journal.close))

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

    async def _fail(self, *faults: Fault, **more: Any) -> None:
        self._batches.tell("batch.ended", self._batch, status="failed", code=faults[0].code)
        await self._become("failed", errors=faults, **more)

    async def _without_input(self) -> None:
        """End as failed. What came of lines that ran stays; the names of the others went with the file."""
        told = await asyncio.to_thread(self._told)
        completed = sum(told.values())
        self._set(completed=completed, failed=self._state.total - completed)
        has_output, has_errors = completed > 0, completed < len(told)
        await self._make_both(has_output=has_output, has_errors=has_errors)
        fault = Fault("input_file_gone", "The input file was deleted, or has ended.", "input_file_id")
        await self._fail(fault, has_output=has_output, has_errors=has_errors)

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
                task = group.create_task(self._one(line))
                task.add_done_callback(lambda _: self._runner.lines.release())  # also where it is ended unbegun
        await self._become("finalizing")

    async def _permitted(self) -> bool:
        """Wait for a permit; False: none is taken, since no line may begin any more."""
        while not self._ends():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._runner.lines.acquire()
                return True
        return False

    async def _one(self, line: Line) -> None:
        """Run a line; it has a permit."""
        outcome = await self._outcome(line)
        if outcome is not None:
            async with self._appending:
                await asyncio.to_thread(self._append, outcome)
            await self._progress()

    def _append(self, outcome: Outcome) -> None:
        try:
            locked = self._lock.lock(outcome)
        except (OSError, SetupError, ValueError) as error:
            raise unavailable(error) from error
        self._journal.append(locked)

    async def _outcome(self, line: Line) -> Outcome | None:
        """Return what came of a line; ``None`` where the batch ended before it did."""
        batch, tries = self._batch, 0
        while await self._turn():
            request_id = str(ULID())
            digest = hmac.new(batch.secret, line.custom_id.encode("utf-8", "surrogatepass"), hashlib.sha256)
            self._batches.tell("batch.line", batch, line=line.number, custom_id=digest.hexdigest(), request=request_id)
            asked = await self._runner.ask(batch, request_id, line)
            tries += counts(asked.status, asked.body)
            if not passes(asked.status, asked.body) or tries >= self._batches.settings.tries:
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
        told = await asyncio.to_thread(self._told)
        completed, total = sum(told.values()), self._state.total
        has_output, has_errors = completed > 0, completed < total
        rest = self._untold(file, ended, told) if len(told) < total else ()
        await self._make_both(has_output=has_output, has_errors=has_errors, rest=rest)
        self._batches.tell("batch.ended", self._batch, status=ended, total=total, completed=completed)
        done = {"has_output": has_output, "has_errors": has_errors}
        await self._become(ended, completed=completed, failed=total - completed, **done)

    def _outcomes(self) -> Iterator[Outcome]:
        """Yield what came of lines, but of those whose persons were erased since.

        Raises:
            OSError, AuditUnavailable, Damaged: it cannot be read, now or at all.
        """
        for outcome in self._journal.outcomes():
            try:
                opened = self._lock.open(outcome)
            except SetupError as error:
                raise unavailable(error) from error
            if opened is not None:
                yield opened

    def _told(self) -> dict[int, bool]:
        """Return of which lines something can be told, and whether they went well."""
        return {outcome.line: outcome.ok for outcome in self._outcomes()}

    async def _make_both(self, *, has_output: bool, has_errors: bool, rest: Iterable[dict[str, Any]] = ()) -> None:
        if has_output:
            await self._make(self._batch.output_id, ok=True)
        if has_errors:
            await self._make(self._batch.error_id, ok=False, rest=rest)

    def _untold(self, file: StoredFile, ended: Status, told: Container[int]) -> Iterator[dict[str, Any]]:
        """Yield an error of its own for each line that never ran, or of which a person was erased."""
        for line in requests(self._raw(file), self._runner.parse):
            if line.number not in told:
                code, message = _GONE["erased" if line.number in self._journal.done else ended]
                yield _result(str(ULID()), line.custom_id, None, {"code": code, "message": message})

    async def _make(self, file_id: str, *, ok: bool, rest: Iterable[dict[str, Any]] = ()) -> None:
        """Make one of the two files, unless a process before this one did."""
        files, item = self._batches.files, file_id.removeprefix(FILE)
        if files.store.find(item) is not None:
            return
        files.place(self._batch.owner, item).unlink(missing_ok=True)  # half of it, of a process that was killed
        upload = files.begin(self._batch.owner, item)

        def write() -> tuple[int, dict[str, None]]:
            days, persons = files.settings.keep_days, dict[str, None]()
            for outcome in self._outcomes():
                if outcome.ok == ok:
                    days = min(days, outcome.days or days)
                    persons |= dict.fromkeys(outcome.persons)
                    upload.writer.write(orjson.dumps(outcome.result) + b"\n")
            for result in rest:
                upload.writer.write(orjson.dumps(result) + b"\n")
            return days, persons

        try:
            days, persons = await asyncio.to_thread(write)
        except BaseException:
            upload.drop()
            raise
        if len(persons) > MOST_PERSONS:  # too many keys to hang on: it ends with the day instead
            days = 1
        name = f"{self._batch.id}_{'output' if ok else 'error'}.jsonl"
        seconds = min(self._batch.wanted.output_seconds or days * 86_400, days * 86_400)
        await files.finish(upload, name, "batch_output", seconds, tuple(persons), self._batch.shown_in)

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


def _result(
    request_id: str, custom_id: str, response: dict[str, Any] | None, error: dict[str, str] | None = None
) -> dict[str, Any]:
    return {"id": f"batch_req_{request_id}", "custom_id": custom_id, "response": response, "error": error}
