"""One text's parts, searched by as many threads as are free; results do not depend on who searched what.

A thread with a long text puts its parts here, has another thread lend a hand (:meth:`gateway.privacy.worker.Pool.lend`)
and searches until none is left. Whoever comes finds parts to search or, too late, nothing::

    share = Share(tasks)
    lend(share.work)
    found = share.finish(own, proceed)

How much that saves is what runs beside Python's lock: the networks, Vectorscan, Sudachi.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from gateway.privacy.span import Proceed

Tool = TypeVar("Tool")
Result = TypeVar("Result")

_LOOK_SECONDS = 0.01


class Share(Generic[Tool, Result]):
    """Tasks, each done once, by a thread with a tool of its own."""

    def __init__(self, tasks: Sequence[Callable[[Tool], Result]]) -> None:
        self._waiting = deque(enumerate(tasks))
        self._count = len(self._waiting)
        self._results: dict[int, Result] = {}
        self._failure: Exception | None = None
        self._changed = threading.Condition()
        self._working = 0

    def work(self, tool: Tool) -> None:
        """Do tasks until none is left. Raises nothing: an error is kept for :meth:`finish`."""
        with self._changed:
            self._working += 1
        try:
            while self._waiting:
                self._do_next(tool)
        except IndexError:  # another thread took the last one
            pass
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _do_next(self, tool: Tool) -> None:
        number, task = self._waiting.popleft()
        try:
            self._results[number] = task(tool)
        except Exception as error:  # outermost edge of the other thread: whoever waits for the result gets it
            self._failure = self._failure or error
            self._waiting.clear()

    def finish(self, tool: Tool, proceed: Proceed) -> list[Result]:
        """Do tasks too, wait for the others, and return all results in order.

        Raises:
            Exception: what a task raised, whoever did it, or what ``proceed`` raised while waiting.
            RuntimeError: a task has no result, because its thread ended amid it.
        """
        self.work(tool)
        try:
            with self._changed:
                while self._working and self._failure is None:
                    proceed()
                    self._changed.wait(_LOOK_SECONDS)
            if self._failure is not None:
                raise self._failure
        finally:
            self._waiting.clear()
        if len(self._results) != self._count:
            raise RuntimeError("a part of the text was not searched")
        return [self._results[number] for number in range(self._count)]
