"""Running long jobs side by side so that a person sees what goes on, and a log keeps what a person need not see.

A terminal gets one status line that moves; anything else (CI) gets a line when a job begins, when it ends, and every
20 seconds between. What the jobs' commands say goes to ``.cache/log/``; the end of it is shown when one fails.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_REPORT_SECONDS = 20.0
_TAIL_LINES = 25


class StepFailed(Exception):
    """A step of set-up could not be done. ``mend`` says what to do about it."""

    def __init__(self, problem: str, mend: str, log: Path | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.mend = mend
        self.log = log

    def report(self) -> str:
        """What went wrong, the end of the log, and the mend."""
        lines = [f"error: {self.problem}"]
        if self.log is not None and self.log.is_file():
            tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
            lines += [*(f"  | {line}" for line in tail), f"  The whole log is {self.log}"]
        return "\n".join([*lines, f"  {self.mend}"])


class Board:
    """The jobs that run now. A context manager: leaving it ends every command that still runs."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._terminal = sys.stdout.isatty()

    def __enter__(self) -> Board:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """End every command that still runs, with its children; no other can be started."""
        self._closed.set()
        with self._lock:
            for process in self._running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)

    @contextmanager
    def job(self, name: str) -> Iterator[None]:
        """Say that a job begins, and when and how it ended."""
        began = time.monotonic()
        with self._lock:
            self._began[name] = began
            self._say(f"  ..      {name}")
        word = "failed"
        try:
            yield
            word = "ok"
        finally:
            with self._lock:
                del self._began[name]
                self._say(f"  {word:<6}  {name} ({time.monotonic() - began:.0f} s)")

    def run(
        self,
        command: Sequence[str | Path],
        log: Path,
        mend: str,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run a command in a process group of its own, without input, its output added to ``log``.

        Raises:
            StepFailed: it could not be started, ended with an error, or the board was stopped.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = self._start(command, output.fileno(), mend, cwd, env)
            code = process.wait()
        with self._lock:
            self._running.discard(process)
        if code:
            raise StepFailed(f"{Path(command[0]).name} ended with code {code}.", mend, log)

    def _start(
        self, command: Sequence[str | Path], output: int, mend: str, cwd: Path | None, env: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed.is_set():
                raise StepFailed("Set-up was stopped.", mend)
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env=env,
                    start_new_session=True,
                )
            except OSError as error:
                raise StepFailed(f"{command[0]} could not be started ({error.strerror}).", mend) from error
            self._running.add(process)
        return process

    def _say(self, line: str) -> None:
        print(f"\r\033[K{line}" if self._terminal else line, flush=True)

    def _show(self) -> None:
        while not self._closed.wait(0.5 if self._terminal else _REPORT_SECONDS):
            with self._lock:
                now = time.monotonic()
                running = ", ".join(f"{job} {now - since:.0f} s" for job, since in self._began.items())
                if running and self._terminal:
                    print(f"\r\033[K  ..      {running}"[:140], end="", flush=True)
                elif running:
                    print(f"  ..      still at it: {running}", flush=True)
