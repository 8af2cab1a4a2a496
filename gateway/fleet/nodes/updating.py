"""Brings a bundle to a joined node and has the node install it, as far as a gateway may: it carries, and says when.

What the node installs is decided by the node's own trust. One node at a time, in these steps::

    bring -> judge -> drain -> order -> return -> (prompts again)

Rules:

1. That it begins and how it ends is on record: ``node.update_ordered``, and ``node.updated`` or
   ``node.update_failed``.
2. Before ``drain`` nothing of the node changes. After it, the node gets prompts again however that ends, if it did
   before; also where this process was killed meanwhile: a mark on disk says so to the next one.
3. It has ended when the node says how its order ended, and is there with another boot; or when it takes too long.
4. What was cut off is given again: what was brought is there, and a node that has that release already says so.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from gateway import durable
from gateway.errors import AuditUnavailable, BadRequest, RouteNotFound, SekishoError, SetupError

Step = Literal["bring", "judge", "drain", "order", "return", "done", "failed"]

TAKEN_SECONDS = 90.0
"""For somebody on the node to take the order."""
INSTALLED_SECONDS = 3600.0
DRAINED_SECONDS = 600.0
_LOOK_SECONDS = 0.5
_log = logging.getLogger("sekisho.nodes")


class Update(msgspec.Struct, frozen=True):
    """Where an update of a node stands. ``why`` is one line for people, where it failed."""

    node: str
    by: str
    sha256: str
    step: Step = "bring"
    there_bytes: int = 0
    all_bytes: int = 0
    before: str = ""  # what ran there, and what runs
    release: str = ""
    code: str = ""
    why: str = ""


class Installed(Protocol):
    """How an order ended, as the node says it."""

    @property
    def order(self) -> str: ...

    @property
    def how(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def why(self) -> str: ...


class State(Protocol):
    """What a node says of itself."""

    @property
    def sekisho(self) -> str: ...

    @property
    def boot(self) -> str: ...

    @property
    def ordered(self) -> str: ...

    @property
    def installed(self) -> Installed | None: ...


class Judged(Protocol):
    """What a node says of a bundle."""

    @property
    def release(self) -> str: ...

    @property
    def accepted(self) -> bool: ...


class Carried(Protocol):
    """One node, as far as this needs it."""

    @property
    def drained(self) -> bool: ...

    @property
    def inside(self) -> int:
        """How many requests are being answered there."""

    def progress(self, digest: str) -> tuple[int, int]: ...

    def bring(self, digest: str, file: Path) -> Awaitable[None]: ...

    def judge(self, digest: str) -> Awaitable[Judged]: ...

    def install(self, digest: str) -> Awaitable[str]: ...

    def forget(self, digest: str) -> Awaitable[None]: ...

    def state(self) -> Awaitable[State]: ...


class Book(Protocol):
    """What this needs of the audit log."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class Failed(Exception):
    """An update that ended; a code and one line."""

    def __init__(self, code: str, line: str) -> None:
        self.code, self.line = code, line
        super().__init__(line)


class Updating:
    """Updates of this gateway's nodes.

    Args:
        carried: a node by name; ``None``: there is none that is watched.
        drain: lets a node be drained, or get prompts again, on record.
        digest_of: returns SHA-256 and length of a file. Blocks; raises OSError.
        mark: the file that says which node an update has drained.
        errors: raised when a node cannot be reached; and when it says no, with ``code`` and ``line``.
    """

    def __init__(
        self,
        book: Book,
        carried: Callable[[str], Carried | None],
        drain: Callable[[str, str, bool], Awaitable[object]],
        digest_of: Callable[[Path], tuple[str, int]],
        mark: Path,
        errors: tuple[type[Exception], type[Exception]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._book, self._carried, self._drain, self._digest_of = book, carried, drain, digest_of
        self._mark = mark
        self._away, self._refused = errors
        self._clock = clock
        self._known: dict[str, Update] = {}
        self._task: asyncio.Task[None] | None = None

    def shown(self, name: str) -> Update:
        """Return where the last update of a node stands. Raises RouteNotFound: there was none since the start."""
        found = self._known.get(name)
        if found is None:
            raise RouteNotFound(f"No update of {name} was given since the gateway started.")
        node = self._carried(name)
        if found.step != "bring" or node is None:
            return found
        there, total = node.progress(found.sha256)
        return msgspec.structs.replace(found, there_bytes=there, all_bytes=total or found.all_bytes)

    async def begin(self, name: str, file: Path, by: str) -> Update:
        """Begin an update, on record; it goes on by itself.

        Raises:
            RouteNotFound: there is no such node.
            BadRequest: another update is under way.
            SetupError: the file cannot be read here.
            AuditUnavailable: it cannot be put on record; nothing was begun.
        """
        node = self._carried(name)
        if node is None:
            raise RouteNotFound(f"There is no node {name}.")
        self._refuse_second()
        try:
            digest, length = await asyncio.to_thread(self._digest_of, file)
        except OSError as error:
            mend = "Put the bundle where the service may read it, such as its data folder."
            raise SetupError(f"The server cannot read {file} ({error.strerror}).", mend, exit_code=2) from error
        self._refuse_second()  # while it was read
        update = Update(name, by, digest, all_bytes=length)
        self._book.event("node.update_ordered", node=name, by=by, sha256=digest)
        await self._book.durable()
        self._known[name] = update
        self._task = asyncio.get_running_loop().create_task(self._carry(node, file, update), name="node-update")
        return update

    def recover(self) -> None:
        """Let a node get prompts again that an update had drained when this gateway was killed. Goes on by itself."""
        try:
            left = msgspec.json.decode(self._mark.read_bytes(), type=Update)
        except (OSError, msgspec.DecodeError):
            return
        why = "The gateway was killed meanwhile. Give the update again."
        self._known[left.node] = msgspec.structs.replace(left, code="server.closing", why=why)
        self._task = asyncio.get_running_loop().create_task(self._take_back(left.node), name="node-update")

    async def _take_back(self, name: str) -> None:
        self._end(name, "server.closing", self._known[name].why)
        await self._undrain(name, self._known[name].by)

    async def stop(self) -> None:
        """End what is under way; on record as far as that goes. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _refuse_second(self) -> None:
        under_way = next((each for each in self._known.values() if each.step not in ("done", "failed")), None)
        if under_way is not None:
            message = f"An update of {under_way.node} is under way: one node at a time."
            raise BadRequest(message, code="node.update_under_way")

    # --- one update

    async def _carry(self, node: Carried, file: Path, update: Update) -> None:
        drained_before, name = node.drained, update.node
        try:
            await self._steps(node, file, update)
        except Failed as failed:
            self._end(name, failed.code, failed.line)
        except asyncio.CancelledError:
            self._end(name, "server.closing", "The gateway was stopped meanwhile. Give the update again.")
            raise
        except self._refused as error:
            self._end(name, str(getattr(error, "code", "")), str(getattr(error, "line", "")))
        except self._away as error:
            self._end(name, "fleet.node_away", str(error))
        except OSError as error:
            self._end(name, "bundle.disk_full", f"That it was drained could not be kept ({error.strerror}).")
        except (SetupError, SekishoError) as error:
            self._end(name, getattr(error, "code", "admin.refused"), str(error))
        except Exception as error:  # the outermost edge of a task
            _log.error("the update of the node %s met an internal error", name, exc_info=error)
            self._end(name, SekishoError.default_code, "The gateway met an error of its own; its log has it.")
        finally:
            if not drained_before and self._mark.exists():
                await self._undrain(name, update.by)

    async def _undrain(self, name: str, by: str) -> None:
        """Give a node prompts again. Where that cannot be, the mark stays for the next start."""
        with suppress(SekishoError, SetupError, OSError):  # told in the log; the operator sees that it is drained
            await self._drain(name, by, True)
            await asyncio.to_thread(self._mark.unlink, missing_ok=True)

    async def _steps(self, node: Carried, file: Path, update: Update) -> None:
        name, digest = update.node, update.sha256
        before = await node.state()
        self._note(name, before=before.sekisho)
        await node.bring(digest, file)
        self._note(name, step="judge", there_bytes=update.all_bytes)
        judged = await node.judge(digest)
        self._note(name, release=judged.release)
        if judged.accepted:
            await self._forget(node, digest)
            raise Failed("node.up_to_date", f"{name} has installed that bundle already.")
        self._note(name, step="drain")
        if not node.drained:
            await asyncio.to_thread(durable.replace, self._mark, msgspec.json.encode(self._known[name]))
        await self._drain(name, update.by, False)
        gone = "node.not_drained", "It still answers requests."
        await self._until(lambda: node.drained and not node.inside, DRAINED_SECONDS, *gone)
        self._note(name, step="order")
        order = await node.install(digest)
        self._note(name, step="return")
        await self._returned(node, order, before.boot)
        await self._forget(node, digest)
        self._note(name, step="done")
        known = self._known[name]
        self._tell("node.updated", node=name, by=known.by, sha256=digest, release=known.release, before=known.before)

    async def _returned(self, node: Carried, order: str, boot: str) -> None:
        """Wait until the node says how it ended, and is there again. Raises Failed."""
        began = self._clock()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            waited = self._clock() - began
            if waited > INSTALLED_SECONDS:
                raise Failed("node.update_lost", "It did not say how the update ended. Look at that machine.")
            try:
                state = await node.state()
            except (self._away, self._refused):
                continue
            said = state.installed
            if state.ordered == order and waited > TAKEN_SECONDS:
                line = "Nobody there takes orders. On that machine, as root: sekisho bundle update --ordered"
                raise Failed("node.order_not_taken", line)
            if said is None or said.order != order or said.how == "taken":
                continue
            if said.how != "kept":
                raise Failed(said.code or "bundle.unhealthy", said.why or "The version before runs again.")
            if state.boot != boot:
                return

    async def _forget(self, node: Carried, digest: str) -> None:
        """Have the node take away what is installed there; the next bundle takes it away anyway."""
        with suppress(self._away, self._refused):
            await node.forget(digest)

    async def _until(self, met: Callable[[], bool], seconds: float, code: str, line: str) -> None:
        end = self._clock() + seconds
        while not met():
            if self._clock() > end:
                raise Failed(code, line)
            await asyncio.sleep(_LOOK_SECONDS)

    def _note(self, name: str, **change: Any) -> None:
        self._known[name] = msgspec.structs.replace(self._known[name], **change)

    def _end(self, name: str, code: str, why: str) -> None:
        at = self._known[name].step
        self._note(name, step="failed", code=code, why=why)
        known = self._known[name]
        self._tell("node.update_failed", node=name, by=known.by, sha256=known.sha256, step=at, code=code)

    def _tell(self, type: str, **details: Any) -> None:
        with suppress(AuditUnavailable):  # then every request is refused anyway
            self._book.event(type, **details)
