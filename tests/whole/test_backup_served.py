"""A backup that is taken while the gateway serves: restored elsewhere it starts, verifies, and goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from running import Running, free_port, sekisho

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

MODEL = "smollm2-135m-instruct"
ORDER = ("keys", "state", "audit", "files", "batches", "content", "persons", "nodes", "engines", "store")
"""As docs/how-to/back-up-and-restore.md has it."""


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def ask(running: Running, key: str) -> int:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
    request = urllib.request.Request(  # noqa: S310  our own server
        running.base + "/v1/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        answer.read()
        return int(answer.status)


def back_up(running: Running, place: Path) -> None:
    """Copy part by part, as the page says; files that come and go meanwhile are none of a backup's."""
    for file in ("sekisho.yaml", "rules.csv"):
        shutil.copy2(running.folder / file, place / file)
    (place / ".sekisho").mkdir()
    for part in ORDER:
        source = running.folder / ".sekisho" / part
        if source.exists():
            subprocess.run(["cp", "-a", str(source), str(place / ".sekisho")], capture_output=True, check=False)


def verified(folder: Path) -> int:
    """Verify all logs; returns how many records they have."""
    found = json.loads(sekisho(folder, "audit", "verify", "--json"))
    return sum(int(log["records"]) for log in found["logs"])


def test_it_starts_verifies_and_goes_on(installed: Callable[..., Running], elsewhere: Path) -> None:
    running = installed().start()
    key = running.key()
    for _ in range(5):
        assert ask(running, key) == 200
    before, over = verified(running.folder), threading.Event()
    answered: list[int] = []

    def go_on() -> None:
        while not over.is_set():
            answered.append(ask(running, key))

    asking = threading.Thread(target=go_on)
    asking.start()
    try:
        back_up(running, elsewhere)
    finally:
        over.set()
        asking.join(60)
    running.stop()
    settings = yaml.safe_load((elsewhere / "sekisho.yaml").read_text())
    settings["server"]["listen"] = f"127.0.0.1:{free_port()}"
    (elsewhere / "sekisho.yaml").write_text(yaml.safe_dump(settings))

    restored = Running(elsewhere).start()
    try:
        assert ask(restored, key) == 200
    finally:
        restored.stop()

    assert set(answered) == {200}
    assert verified(elsewhere) > before
