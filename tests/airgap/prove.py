"""``make airgap-proof``: from the bundle to an export, behind the cordon; a signed report of what was seen.

    python tests/airgap/prove.py --out docs/assets/no-egress.json --page docs/explanation/no-egress.md

One life of a site under one trace: ``install.sh`` of a bundle of this very tree, every command of the command line, an
update and the way back, the server with every endpoint, exports. Then the same server with a library planted
that phones home: each of the three instruments must catch it, or the report says that nothing is proven. The report is
signed (DSSE) with the key of the maker's targets role, whose public half the bundle's root names; then the installation
that was watched checks it and puts it on record.

Needs what ``make airgap`` needs, and what ``sekisho bundle build`` needs. Leaves with 1 when something was seen.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE), str(REPOSITORY)]

from cordon.run import PLANTED, Barred, Plan, Report, watch  # noqa: E402
from securesystemslib.dsse import Envelope  # noqa: E402
from securesystemslib.signer import CryptoSigner  # noqa: E402
from test_airgap_server import ADDRESS, CHAT, MODEL, REQUESTS, TEXT, get, post  # noqa: E402

from gateway.bundle.repository import keys  # noqa: E402
from gateway.bundle.repository.no_egress import PAYLOAD_TYPE  # noqa: E402
from gateway.cli.doctor_egress_proof import EVENT  # noqa: E402

SEKISHO = REPOSITORY / ".venv" / "bin" / "sekisho"
CONTROL = "trace: connect to 192.0.2.1 port 9"  # of `sekisho doctor --egress`: seen, and no packet of it
TRIED = "127.0.0.1:8098"  # where installer and update try the server; who asks the requests must not meet that one
ASKED = {"model": MODEL, "messages": CHAT["messages"]}
MORE = (  # the other dialects, and what keeps something
    post("/v1/responses", {"model": MODEL, "input": TEXT, "max_output_tokens": 16}),
    post("/v1/messages", {**ASKED, "max_tokens": 4}),
    post("/v1/messages/count_tokens", ASKED),
    post("/api/chat", {**ASKED, "stream": False, "options": {"num_predict": 4}}),
    post("/api/generate", {"model": MODEL, "prompt": TEXT, "stream": False, "options": {"num_predict": 4}}),
    post("/api/show", {"model": MODEL}),
    get("/api/tags"),
    get("/api/version"),
    post("/tokenize", {"model": MODEL, "content": TEXT}),
    post("/detokenize", {"model": MODEL, "tokens": [1, 2, 3]}),
    get("/v1/files"),
    get("/v1/batches"),
    post("/v1/embeddings", {"model": MODEL, "input": TEXT}, 404),
)
LINGER_SECONDS = 15.0  # for who waits before it phones home, and for `doctor --egress`
START_SECONDS = 1_500.0
WORDS = (  # what an operator, an officer, an auditor do, beside --help of every command
    "doctor", "fleet status", "models list", "models verify", "models fit", "keys list", "policy check",
    "policy test", "policy status", "policy cases", "policy render --lang de", "audit status", "audit verify",
    "audit export --out {site}/export.jsonl", "bundle status", "version", "audit templates",
)  # fmt: skip


def main() -> int:
    said = _options()
    work = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    try:
        made = bundles(said.cache)
        _say("the life of a site, behind the cordon")
        began = time.monotonic()
        silent = life(work / "a", made, [*REQUESTS, *MORE])
        seconds = time.monotonic() - began
        _say("the same server, with a library that phones home")
        planted = life(work / "b", made, [get("/health/live", key=False)], PLANTED, short=True)
        report = told(silent, planted, made, seconds)
        write(report, made, said.out, said.page)
        put_on_record(work / "a" / "site", said.out)
    except Barred as barred:
        print(f"not proven: {barred}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps({**report, "life": len(report["life"])}, indent=1))
    return 0 if report["proven"] else 1


def bundles(cache: Path) -> dict[str, Any]:
    """Build the bundle of this tree and one of its policies alone, with a maker of their own."""
    cache.mkdir(parents=True, exist_ok=True)
    maker, whole, part = cache / "maker", cache / "whole.tar", cache / "policies.tar"
    program = [str(SEKISHO), "bundle"]
    if not (maker / "roots" / "1.root.json").exists():
        _run([*program, "keys", "create", "--dir", str(maker)])
    _say("building the bundle")
    now = int(time.time())
    build = [*program, "build", "--keys", str(maker), "--models", "smollm2-135m-instruct"]
    _run([*build, "--out", str(whole), "--source-date-epoch", str(now - 60)])
    carries = ["--carries", "policies", "--base", str(whole), "--out", str(part)]
    _run([*program, "build", "--keys", str(maker), *carries, "--source-date-epoch", str(now)])
    root = (maker / "roots" / "1.root.json").read_bytes()
    return {"maker": maker, "whole": whole, "part": part, "root_sha256": hashlib.sha256(root).hexdigest()}


def life(
    folder: Path,
    made: dict[str, Any],
    requests: list[dict[str, Any]],
    environment: dict[str, str] | None = None,
    short: bool = False,
) -> Report:
    """Run one life of a site; what it said is in the report's log."""
    site, notes = folder / "site", folder / "notes"
    site.mkdir(parents=True)
    notes.mkdir()
    with tarfile.open(made["whole"]) as tar:
        tar.extractall(folder, filter="data")
    (top,) = folder.glob("sekisho-*")
    script = _script(site, top, made, short=short)
    plan = Plan(
        ["sh", "-c", script],
        f"http://{ADDRESS}",
        requests,
        environment={"SEKISHO_CONFIG": "", "HOME": str(site), **(environment or {})},
        directory=str(site),
        key_file=str(site / "key.json"),
        start_seconds=START_SECONDS,
        linger_seconds=1.0 if short else LINGER_SECONDS,
    )
    report = watch(plan, notes, [str(site), "/tmp"])
    if not report.ready:
        raise Barred(f"the server was not ready: {report.server_log[-1500:]}")
    return report


def _script(site: Path, top: Path, made: dict[str, Any], *, short: bool) -> str:
    """The shell lines of a life; each command leaves its exit status in ``ran.txt``."""
    there, prefix = shlex.quote(str(site)), shlex.quote(str(site / "p"))
    sekisho = f"{prefix}/current/bin/sekisho --config {prefix}/etc/sekisho.yaml"
    lines = [
        "set -e",
        f"{shlex.quote(str(top))}/install.sh --root-sha256 {made['root_sha256']} --prefix {prefix} --user root "
        f"--listen {TRIED} --site plant --jurisdiction DE --yes",
        'ran() { "$@" >>out.txt 2>&1 && s=0 || s=$?; echo "$s $*" >>ran.txt; }',
        f"{sekisho} keys create --name airgap --tenant airgap --json >{there}/key.json",
    ]
    if not short:
        lines += [f"ran {sekisho} {' '.join(verb)} --help" for verb in verbs()]
        lines += [f"ran {sekisho} {words.format(site=there)}" for words in WORDS]
        lines += [f"ran {sekisho} bundle verify {made['part']}", f"ran {sekisho} bundle diff current {made['part']}"]
        lines += [f"ran {sekisho} bundle update {made['part']}", f"ran {sekisho} bundle rollback"]
        ready = f"for i in 1 2 3 4 5 6 7 8 9; do {sekisho} fleet status >/dev/null 2>&1 && break; sleep 2; done"
        lines.append(f"( {ready}; ran {sekisho} doctor --egress --seconds 1; ran {sekisho} fleet status ) &")
    lines.append(f"sed -i s/{TRIED}/{ADDRESS}/ {prefix}/etc/sekisho.yaml")
    return "\n".join([*lines, f"exec {sekisho} serve"]) + "\n"


def verbs() -> list[tuple[str, ...]]:
    """Every command of the command line, as its own contract lists them."""
    from tests.cli.test_cli_contract import COMMANDS

    return [tuple(verb) for verb in COMMANDS]


def told(silent: Report, planted: Report, made: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Put together what was seen."""
    seen = [str(sighting) for sighting in silent.sightings]
    caught = {
        "trace": any(one.to == "203.0.113.7" for one in planted.traced),
        "sink": any(one.to == "203.0.113.7" for one in planted.packets),
        "resolver": any(one.to == "telemetry.example.invalid" for one in planted.names),
        "doctor --egress": CONTROL in seen,
    }
    wrong = [one for one in silent.answers if one["status"] != one.get("expected", 200)]
    left = [one for one in seen if one != CONTROL]
    with made["whole"].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "schema": "sekisho.no-egress/1",
        "proven": not left and all(caught.values()) and not wrong and silent.exit_status == 0,
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "bundle_sha256": digest,
        "root_sha256": made["root_sha256"],
        "kernel": platform.release(),
        "seconds": round(seconds),
        "seen": left,
        "controls_caught": caught,
        "endpoints": [f"{one['method']} {one['path']} {one['status']}" for one in silent.answers],
        "not_as_expected": [f"{one['method']} {one['path']} {one['status']}" for one in wrong],
        "life": [f"sekisho {' '.join(verb)} --help" for verb in verbs()] + [f"sekisho {words}" for words in WORDS],
        "server_exit": silent.exit_status,
    }


def write(report: dict[str, Any], made: dict[str, Any], out: Path, page: Path | None) -> None:
    """Write the signed report, and the page that people read."""
    key = min((made["maker"] / "keys").glob("targets*.pem"))
    signer = keys.signer(key)
    envelope = Envelope(json.dumps(report, indent=1, sort_keys=True).encode(), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(envelope.to_dict(), indent=1) + "\n", encoding="utf-8")
    if page is not None:
        page.write_text(_page(report, signer), encoding="utf-8")


def put_on_record(site: Path, report: Path) -> None:
    """Have the installation that was watched check the report and put it into its log. Raises Barred: it does not."""
    program = [str(site / "p/current/bin/sekisho"), "--config", str(site / "p/etc/sekisho.yaml")]
    _run([*program, "doctor", "--egress", "--proof", str(report.resolve())], fine=(0, 1))  # 1: on record, not proven
    found = json.loads(_run([*program, "audit", "search", "--type", EVENT, "--json"]))
    digest = hashlib.sha256(report.read_bytes()).hexdigest()
    if [one["details"]["report_sha256"] for one in found["data"]] != [digest]:
        raise Barred("the report is not on record in the installation that was watched")


def _page(report: dict[str, Any], signer: CryptoSigner) -> str:
    controls = report["controls_caught"].items()
    more = {
        "caught": "\n".join(f"| {name} | {'caught' if yes else 'NOT CAUGHT'} |" for name, yes in controls),
        "public": signer.public_key.keyval["public"],
        "words": len(report["life"]),
        "asked": len(report["endpoints"]),
        "shown": "\n".join(f"- {one}" for one in report["seen"]) or "Nothing.",
        "verdict": "Nothing tried to leave." if report["proven"] else "NOT PROVEN.",
    }
    return _WORDS.format(**report, **more)


_WORDS = """# What was seen when nothing may leave

{verdict} Made by `make airgap-proof` at {at}, in {seconds} s, on Linux {kernel}.

From a bundle of this tree (SHA-256 `{bundle_sha256}`): it was installed, {words} commands ran,
a bundle of policies updated it and it went back, the server answered {asked} requests, and ended in order;
all in a network namespace whose only way out is a sink, under one trace. How the instruments work is told in
[prove that nothing leaves](../how-to/prove-no-egress.md).

## What tried to leave

{shown}

## Whether the instruments would have seen it

A library that phones home was planted in the same server; and `sekisho doctor --egress` makes a socket of its own that
must be seen, and sends nothing.

| Instrument | Its control |
| --- | --- |
{caught}

The report with every command and endpoint is signed (DSSE, Ed25519) by the key `{public}`.
The installation that was watched checked it against the root that it trusts and put it on record as
`admin.egress_proven`.
"""


def _run(command: list[str], fine: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    if done.returncode not in fine:
        raise Barred(f"{command[1:4]} said: {done.stderr.strip()[-400:]}")
    return done.stdout


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / ".cache/airgap/no-egress.json")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--cache", type=Path, default=REPOSITORY / ".cache/airgap")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
