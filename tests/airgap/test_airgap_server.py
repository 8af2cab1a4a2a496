"""The proof: Sekisho, from `init` to SIGTERM, serves every endpoint and never tries to leave the machine.

`init`, `keys create`, `doctor` and `serve` run one after the other behind the cordon, under one trace. A second run has
a library planted that phones home; each instrument must catch it in the very server that the first run finds silent.
"""

import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from cordon.run import PLANTED, Plan

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
SEKISHO = Path(sys.executable).parent / "sekisho"
ADDRESS = "127.0.0.1:8099"
MODEL = "smollm2-135m-instruct"
# An e-mail address and a link make presidio's recognizers ask tldextract, which would fetch the public-suffix list.
TEXT = "Anneliese Musterfrau (anneliese@mail.example.com, https://www.example.com/a) asks for the next service date."
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": TEXT}], "max_tokens": 4}
COMPLETION = {"model": MODEL, "prompt": TEXT, "max_tokens": 4}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def get(path: str, expected: int = 200, *, key: bool = True) -> dict:
    return {"method": "GET", "path": path, "expected": expected, "key": key}


def post(path: str, body: object, expected: int = 200, *, key: bool = True) -> dict:
    return {"method": "POST", "path": path, "body": body, "expected": expected, "key": key}


REQUESTS = [
    post("/v1/chat/completions", CHAT),
    post("/v1/chat/completions", {**CHAT, **STREAM}),
    post("/v1/completions", COMPLETION),
    post("/v1/completions", {**COMPLETION, **STREAM}),
    get("/v1/models"),
    get(f"/v1/models/{MODEL}"),
    get("/health/live", key=False),
    get("/health/ready", key=False),
    get("/metrics", key=False),
    get("/docs", key=False),
    get("/openapi.json", key=False),
    get("/", key=False),
    get("/no/such/route", 404),
    get("/v1/models/no-such-model", 404),
    post("/v1/chat/completions", CHAT, 401, key=False),
    post("/v1/chat/completions", {"model": MODEL, "messages": "not a list"}, 400),
]


def life(folder: Path) -> str:
    """A shell line: set up a site in `folder`, make a key, look over the machine, serve."""
    sekisho, there = shlex.quote(str(SEKISHO)), shlex.quote(str(folder))
    config = f"--config {there}/sekisho.yaml"
    return (
        f"set -e; {sekisho} init --site plant --jurisdiction DE --preset demo --listen {ADDRESS} --dir {there}\n"
        f"sed -i 's/^ *# *threads: 0.*/  threads: 1/' {there}/sekisho.yaml\n"  # kind to whoever shares the cores
        f"{sekisho} keys create --name airgap --tenant airgap --json {config} > {there}/key.json\n"
        f"{sekisho} doctor {config} || true\n"
        f"exec {sekisho} serve {config}\n"
    )


@pytest.fixture(scope="module")
def proof(observe, model_file):
    """Runs one life of a fresh site behind the cordon and returns the report."""
    folders = []

    def run(requests, environment=None):
        folders.append(Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp")))
        site, notes = folders[-1] / "site", folders[-1] / "notes"
        store = site / ".sekisho" / "store" / "sha256"
        store.mkdir(parents=True)
        notes.mkdir()
        shutil.copy(model_file, store / model_file.name)
        plan = Plan(
            ["sh", "-c", life(site)],
            f"http://{ADDRESS}",
            requests,
            environment={"SEKISHO_CONFIG": "", **(environment or {})},
            directory=str(site),
            key_file=str(site / "key.json"),
            start_seconds=100,
        )
        report = observe(plan, notes, [site])
        if not report.ready:
            pytest.fail(f"the server was not ready, so nothing is proven: {report.server_log[-2000:]}")
        return report

    yield run
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def silent(proof):
    return proof(REQUESTS)


def test_every_endpoint_answers_behind_the_cordon(silent):
    wrong = [(a["method"], a["path"], a["status"]) for a in silent.answers if a["status"] != a.get("expected", 200)]

    assert wrong == []
    assert len([answer for answer in silent.answers if "expected" in answer]) == len(REQUESTS)


def test_streams_end_behind_the_cordon(silent):
    streams = [answer for answer in silent.answers if "stream" in (answer.get("body") or {})]

    assert [answer["is_done"] for answer in streams] == [True, True]


def test_the_page_of_the_api_brings_its_own_assets(silent):
    assets = [answer for answer in silent.answers if answer.get("asset")]

    assert len(assets) >= 2
    assert {answer["status"] for answer in assets} == {200}


def test_nothing_tries_to_leave_the_machine(silent):
    assert [str(sighting) for sighting in silent.sightings] == []


def test_the_server_ends_in_order_behind_the_cordon(silent):
    assert silent.exit_status == 0


@pytest.fixture(scope="module")
def planted(proof):
    return proof([get("/health/live", key=False)], PLANTED)


def test_the_trace_catches_a_library_planted_in_the_server(planted):
    places = {(sighting.what, sighting.to, sighting.port) for sighting in planted.traced}

    assert {("connect", "203.0.113.7", 443), ("sendto", "203.0.113.7", 4000)} <= places


def test_the_sink_catches_a_library_planted_in_the_server(planted):
    places = {(sighting.what, sighting.to, sighting.port) for sighting in planted.packets}

    assert {("tcp", "203.0.113.7", 443), ("udp", "203.0.113.7", 4000), ("udp", "192.0.2.1", 53)} <= places


def test_the_resolver_catches_a_library_planted_in_the_server(planted):
    assert "telemetry.example.invalid" in {sighting.to for sighting in planted.names}
