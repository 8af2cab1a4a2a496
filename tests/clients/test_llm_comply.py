"""llm-comply: answers held against the schemas that OpenAI, Anthropic and Open Responses publish.

Its one case that fails shows an image to a model that does not see. The bare engine refuses it with that model too.
No case says how to draw, how often to call a tool, or how long its argument may be, and this small model then talks on
until its context is full. So a relay between the two writes that into each request: the likeliest, one call, short.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from running import Running, free_port

pytestmark = [pytest.mark.real, pytest.mark.slow]

PROGRAM = Path(__file__).resolve().parents[2] / ".cache" / "clients-venv" / "bin" / "llm-comply"
IMAGES = {"openai-chat": "chat-image-input", "open-responses": "image-input", "anthropic": "anth-image-input"}
LONGEST_ARGUMENT = 40  # characters
BARE = """
import sys, threading, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.port, parameters.offline = sys.argv[1], int(sys.argv[2]), True
parameters.hostnames, parameters.use_jinja, parameters.n_ctx = ["127.0.0.1"], True, 2048
server = xllamacpp.Server(parameters)
threading.Event().wait()
"""


def comply(base: str, key: str, model: str, form: str, *more: str) -> dict[str, Any]:
    """Run all cases of a form. Returns each case's result by its id."""
    command = [str(PROGRAM), "run", "-u", f"{base}/v1", "-k", key, "-m", model, "--format", form, "--json", *more]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=280, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    results = json.loads(done.stdout)["results"]
    return {result["id"]: result for result in results}


@pytest.fixture(scope="module")
def key(short_of_words: Running) -> str:
    return short_of_words.key("comply")


@pytest.fixture(scope="module")
def bare(model_file: Path) -> Iterator[str]:
    """The engine with nothing before it, on loopback."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", BARE, str(model_file), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            base = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 120
            while not answers(f"{base}/health"):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield base
        finally:
            process.kill()


def answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310  # our own loopback
        return bool(answer.status == 200)
    return False


class Likeliest(BaseHTTPRequestHandler):
    """Hands a request on, drawn from the likeliest, with one short call at most; the answer back as it comes."""

    to: str  # host and port

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"]))) | {"temperature": 0}
        for tool in body.get("tools", []):
            schema = tool.get("input_schema") or tool.get("function", tool)["parameters"]
            for argument in schema["properties"].values():
                argument["maxLength"] = LONGEST_ARGUMENT
        if self.path.endswith("/messages") and "tools" in body:
            body["tool_choice"]["disable_parallel_tool_use"] = True
        elif "tools" in body:
            body["parallel_tool_calls"] = False
        said = {name: self.headers[name] for name in self.headers if name.lower() not in {"content-length", "host"}}
        there = http.client.HTTPConnection(self.to, timeout=120)
        there.request("POST", self.path, json.dumps(body), said)
        answer = there.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "server", "date"}:
                self.send_header(name, value)
        self.end_headers()
        while part := answer.read1():
            self.wfile.write(part)
            self.wfile.flush()
        there.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def relay(short_of_words: Running) -> Iterator[str]:
    to = short_of_words.base.removeprefix("http://")
    with ThreadingHTTPServer(("127.0.0.1", 0), type("To", (Likeliest,), {"to": to})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("form", IMAGES)
def test_answers_are_what_the_published_schemas_say(relay: str, key: str, model_name: str, form: str) -> None:
    results = comply(relay, key, model_name, form, "--timeout", "120")

    failed = {name: result["errors"] for name, result in results.items() if result["status"] == "failed"}
    assert failed.pop(IMAGES[form])[0].startswith("HTTP 400")
    assert failed == {}
    assert sum(result["status"] == "passed" for result in results.values()) >= len(results) - 2


@pytest.mark.parametrize("form", IMAGES)
def test_the_bare_engine_shows_no_image_to_this_model_either(bare: str, model_name: str, form: str) -> None:
    results = comply(bare, "none", model_name, form, "-f", IMAGES[form])

    assert results[IMAGES[form]]["status"] == "failed"
