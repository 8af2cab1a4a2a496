"""Several workers, really: ``sekisho serve`` with ``server.workers``, a Redis, and an engine that says what it should.

A tour: :func:`install_crew` makes an installation whose model another server serves, and whose limits Redis counts;
:class:`Asking` sends chats and keeps what came back; :func:`verified` has every log of the installation verified.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from running import _new, free_port, sekisho
from scripted import ScriptedEngine

BODY = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Say hello."}]}


class EngineThread:
    """A :class:`ScriptedEngine` in a thread of its own, from ``with`` to its end."""

    def __init__(self) -> None:
        self.port = free_port()
        self.engine = ScriptedEngine(self.port)
        self._begun, self._loop = threading.Event(), asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    async def _run(self) -> None:
        async with self.engine:
            self._begun.set()
            await self._end.wait()

    def __enter__(self) -> EngineThread:
        self._thread.start()
        assert self._begun.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()


def install_crew(folder: Path, engine_port: int, redis: dict[str, Any], workers: int = 2, **change: Any) -> Path:
    """Make an installation with so many workers; ``change`` is laid over sections of its settings. Returns the file."""
    shutil.copytree(_new(), folder, dirs_exist_ok=True)
    config = folder / "sekisho.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["server"] |= {"listen": f"127.0.0.1:{free_port()}", "workers": workers}
    url = f"http://127.0.0.1:{engine_port}"
    settings["engine"] = {"kind": "openai-http", "url": url, "model": BODY["model"], "slots": 16}
    settings["limits"] = {**change.pop("limits", {}), "redis": redis}
    settings["privacy"] = {"names": False}
    for section, values in change.items():
        settings.setdefault(section, {}).update(values)
    config.write_text(yaml.safe_dump(settings))
    return config


async def ask(base: str, key: str, count: int, *, fresh: bool = True, **body: Any) -> list[tuple[int, Any]]:
    """Ask so many times at once; returns status and answer of each. ``fresh``: each on a connection of its own."""
    connector = aiohttp.TCPConnector(limit=64, force_close=fresh)
    async with aiohttp.ClientSession(connector=connector, headers={"authorization": f"Bearer {key}"}) as session:

        async def one() -> tuple[int, Any]:
            async with session.post(f"{base}/v1/chat/completions", json={**BODY, **body}) as answer:
                raw = await answer.read()
                return answer.status, json.loads(raw) if raw.startswith(b"{") else raw

        return await asyncio.gather(*(one() for _ in range(count)))


def verified(folder: Path) -> list[dict[str, Any]]:
    """Return every record of every log of an installation, after each log verified."""
    records = []
    for log in sorted((folder / ".sekisho/audit").glob("*/*/*/*/checkpoint")):
        sekisho(folder, "audit", "verify", str(log.parent))
        records += _records(log.parent)
    return records


def _records(log: Path) -> list[dict[str, Any]]:
    from gateway.audit.log import reader

    origin = "/".join(log.parts[-4:-1])
    return [{**json.loads(raw), "origin": origin} for raw in reader.raw_records(log)]
