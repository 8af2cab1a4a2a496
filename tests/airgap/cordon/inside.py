"""The near side of the wire. Run by :mod:`cordon.outside` in the server's namespace: ``inside.py PLAN_FILE``.

Takes the near end of the wire as its only way out, starts the server under strace, asks every request of the plan once,
lingers for whoever waits before it phones home, ends the server and writes ``inside.json``.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cordon.outside import FAR, FAR6, NEAR, NEAR6, ip
from cordon.pages import references
from cordon.trace import CALLS, REFUSED
from cordon.watch import PacketWatch

FILES = {
    "resolv.conf": f"nameserver {FAR}\noptions timeout:1 attempts:1\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
}


def settle(folder: Path) -> None:
    """Take the wire, and put resolver settings of our own over those of the machine, for this namespace alone."""
    ip("link set lo up")
    ip(f"address add {NEAR}/30 dev near")
    ip(f"-6 address add {NEAR6}/64 dev near nodad")
    ip("link set near up")
    ip(f"route add default via {FAR}")
    ip(f"-6 route add default via {FAR6}")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="ascii")
        target = Path("/etc", name).resolve()
        if target.exists():
            subprocess.run(["mount", "--bind", str(folder / name), str(target)], check=True)


class Traced:
    """The server under strace. Its output goes to ``server.log``, the trace to ``trace.log``."""

    def __init__(self, plan: dict[str, Any], folder: Path) -> None:
        options = ["-f", "--seccomp-bpf", "-qq", "-e", "signal=none", "-e", f"trace={','.join(CALLS)}"]
        options += ["-e", f"inject={REFUSED}"]
        with (folder / "server.log").open("wb") as log:
            self._strace = subprocess.Popen(
                ["strace", *options, "-s", "256", "-o", str(folder / "trace.log"), *plan["command"]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **plan["environment"]},
                cwd=plan["directory"],
            )

    @property
    def is_running(self) -> bool:
        return self._strace.poll() is None

    def stop(self) -> int | None:
        """SIGTERM to the server itself, not to strace, which would let go of it. Returns its exit status."""
        children = Path(f"/proc/{self._strace.pid}/task/{self._strace.pid}/children")
        with suppress(OSError):
            for pid in children.read_text(encoding="ascii").split():
                os.kill(int(pid), signal.SIGTERM)
        try:
            return self._strace.wait(30)
        except subprocess.TimeoutExpired:
            self._strace.kill()  # what it traced ends with this process namespace
            return None


def ask(base: str, request: dict[str, Any]) -> tuple[int, str, bytes]:
    """Send one request and return (status, content type, body). The address is loopback, so no name is asked for."""
    place = urlsplit(base)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    try:
        body = request.get("body")
        headers = {"content-type": "application/json"} if body is not None else {}
        payload = json.dumps(body) if body is not None else None
        connection.request(request["method"], request["path"], payload, {**headers, **request.get("headers", {})})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("content-type", ""), answer.read()
    finally:
        connection.close()


def wait_until_ready(server: Traced, base: str, path: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.is_running:
        with suppress(OSError, http.client.HTTPException):
            if ask(base, {"method": "GET", "path": path})[0] == 200:
                return True
        time.sleep(0.2)
    return False


def with_key(requests: list[dict[str, Any]], key_file: str) -> list[dict[str, Any]]:
    """Return the requests with the key of `key_file` where they want one."""
    if not key_file:
        return requests
    bearer = {"authorization": f"Bearer {json.loads(Path(key_file).read_text(encoding='utf-8'))['key']}"}
    return [{**r, "headers": {**r.get("headers", {}), **bearer}} if r.get("key") else r for r in requests]


def ask_all(base: str, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask every request once, and once every asset that an HTML answer refers to."""
    answers = []
    waiting = list(requests)
    known = {request["path"] for request in requests}
    for request in waiting:
        began = time.monotonic()
        try:
            status, kind, body = ask(base, request)
        except (OSError, http.client.HTTPException) as error:
            answers.append({**request, "status": 0, "problem": type(error).__name__, "beyond": []})
            continue
        near, beyond = references(kind, body.decode("utf-8", "replace"))
        for path in [urljoin(request["path"], reference) for reference in near]:
            if path not in known:
                known.add(path)
                waiting.append({"method": "GET", "path": path, "asset": True})
        is_done = body.rstrip().endswith(b"data: [DONE]")
        seconds = round(time.monotonic() - began, 3)
        told = {"status": status, "seconds": seconds, "is_done": is_done, "beyond": beyond}
        answers.append({**request, **told})
    return answers


def main() -> int:
    plan_file = Path(sys.argv[1])
    folder = plan_file.parent
    plan = json.loads(plan_file.read_text(encoding="utf-8"))
    print("here", flush=True)
    if sys.stdin.readline() != "wired\n":
        return 4
    settle(folder)
    loopback = PacketWatch("lo", lambda sighting: sighting.port == 53)
    began = time.monotonic()
    server = Traced(plan, folder)
    ready = wait_until_ready(server, plan["base_url"], plan["ready_path"], plan["start_seconds"])
    started_seconds = time.monotonic() - began
    answers = ask_all(plan["base_url"], with_key(plan["requests"], plan["key_file"])) if ready else []
    time.sleep(plan["linger_seconds"])
    status = server.stop()
    told = {
        "ready": ready,
        "started_seconds": started_seconds,
        "exit_status": status,
        "answers": answers,
        "loopback": [asdict(sighting) for sighting in loopback.stop()],
    }
    (folder / "inside.json").write_text(json.dumps(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
