"""Secrets that are rotated under a running server: no request fails, and the logs verify from every key."""

from __future__ import annotations

import json
import signal
import threading
import urllib.request
from collections.abc import Callable

import pytest
from running import Running, sekisho

from gateway.audit.log.reader import Filter, logs, search
from gateway.audit.verify import verify

pytestmark = [pytest.mark.real, pytest.mark.slow]


def _ask(running: Running, key: str) -> int:
    body = {"model": "smollm2-135m-instruct", "max_tokens": 2, "messages": [{"role": "user", "content": "Say hello"}]}
    request = urllib.request.Request(  # noqa: S310
        running.base + "/v1/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  raises where it is not 200
        return int(answer.status)


@pytest.mark.timeout(400)
def test_requests_go_on_while_secrets_are_rotated(installed: Callable[..., Running]) -> None:
    served = installed().start()
    key, statuses, done = served.key(), [], threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                statuses.append(_ask(served, key))
            except OSError as error:
                statuses.append(repr(error))

    asking = threading.Thread(target=ask)
    asking.start()
    for purpose in ("log", "pepper", "tenants"):
        sekisho(served.folder, "keys", "rotate", purpose)
    sekisho(served.folder, "keys", "rotate", "pepper", "--end-overlap")  # the key was seen: it works on
    sekisho(served.folder, "keys", "rotate", "log", "--end-overlap")
    sekisho(served.folder, "keys", "rotate", "log")
    done.set()
    asking.join()
    served.stop(signal.SIGKILL)
    served.start()
    statuses.append(_ask(served, key))
    served.stop()

    assert set(statuses) == {200}
    vkeys = (served.folder / ".sekisho/keys/log-vkeys").read_text().splitlines()
    assert len(vkeys) == 3
    for log in logs(served.folder / ".sekisho" / "audit"):
        assert len(list(search(log, Filter(type="key.rotated", text='"old_signs"')))) == 2, log
        for vkey in vkeys:
            assert verify(log, vkey).ok, log
