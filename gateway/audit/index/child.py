"""The process that follows the logs, as the server sees it: started and ended with it, started again when it fails.

Nothing of the server waits for it, and it is no reason not to serve: without it a search reads the log.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path

from gateway.audit.index.spawn import spawn

_log = logging.getLogger(__name__)

_PROGRAM = "gateway.audit.index.follow"
_ROOT = Path(__file__).resolve().parent.parent.parent.parent
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
_AGAIN_SECONDS = 10.0
_END_SECONDS = 1.0


class IndexFollower:
    """One instance per server.

    Args:
        audit: the audit folder.
        folder: where the indexes lie.
    """

    def __init__(self, audit: Path, folder: Path) -> None:
        self._audit, self._folder = audit, folder
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The number of its process, ``None`` while there is none."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Begin to follow; returns at once."""
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name="audit-index")

    async def stop(self) -> None:
        """End the process: it finishes what it is writing, or is killed after a second, which costs only that step."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()

    async def _watch(self) -> None:
        while True:
            try:
                command = (sys.executable, "-m", _PROGRAM, str(self._audit), str(self._folder))
                self._process = await spawn(*command, cwd=_ROOT, env=_ENVIRONMENT)
                await self._tell(self._process)
            except OSError as error:
                _log.warning("the audit log is not indexed: %s", error.strerror or error)
            await asyncio.sleep(_AGAIN_SECONDS)

    @staticmethod
    async def _tell(process: Process) -> None:
        """Pass on what it says until it ends."""
        if process.stdout is not None:
            async for line in process.stdout:
                _log.info("%s", line.decode("utf-8", "replace").rstrip())
        _log.warning("the process that indexes the audit log ended (%s); it is started again", await process.wait())
