"""Starting and ending the processes of the index, which talk through pipes.

``asyncio.create_subprocess_exec`` may wait for ever where it is cancelled, or fails, before each pipe is connected: the
transport ends only once they all were (CPython, ``base_subprocess.py``). So nobody waits for it without an end here. A
cancellation waits until the process is there, which takes milliseconds, ends it, and then goes on.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

START_SECONDS = 10.0


async def spawn(*command: str, cwd: Path, env: Mapping[str, str]) -> Process:
    """Start a process in a session of its own, with pipes to its input and output. Raises OSError."""
    starting = asyncio.get_running_loop().create_task(
        asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=cwd, env=env, start_new_session=True
        )
    )
    try:
        await asyncio.wait({starting}, timeout=START_SECONDS)
    except asyncio.CancelledError:
        await asyncio.wait({starting}, timeout=START_SECONDS)
        if starting.done() and not starting.exception():
            await collect(starting.result())
        raise
    if not starting.done():
        starting.cancel()
        raise TimeoutError(f"no process after {START_SECONDS:.0f} s")
    return starting.result()


async def collect(process: Process) -> None:
    """End a process, and read what is left in its pipes, so that they close."""
    with suppress(ProcessLookupError):
        process.kill()
    with suppress(OSError, ValueError):
        await process.communicate()
