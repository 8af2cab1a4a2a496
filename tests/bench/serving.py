"""What the gateway costs in front of an engine: ``make bench-fleet``; one run, one table, ratios within the run.

    python tests/bench/serving.py --rounds 3 --json .cache/bench/fleet.json
    python tests/bench/serving.py --only streams

Three parts, each in rounds that take turns: tokens a second with the real engine, beside the bare one with the same
parameters and priority, an engine that was built here (`--engine FOLDER`), and llama-cpp-python's own server; time to
the first text, beyond detection; 512 streams at once. Writes Markdown beside the JSON. Nothing here judges.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from rich.console import Console
from yardstick import gauge, machine, streams, table
from yardstick.gauge import Load, Mock, ask
from yardstick.peers import PYTHON, Running, sekisho
from yardstick.plan import read_stages
from yardstick.processes import CACHE, NotStarted, Server, free_port
from yardstick.stats import Sample, percentile
from yardstick.tokens import BARE, CONTEXT_TOKENS, Start, bare_engine, gateway, measure_tokens, token_lines

PARTS = ("tokens", "added", "streams")
THROUGH = "through Sekisho"
BARE_BUILT, THROUGH_BUILT = "bare engine, built here", "through Sekisho, engine built here"
LIBRARY_SERVER = "llama-cpp-python's own server"
LIBRARY_NEEDS = ("sse-starlette", "starlette-context", "pydantic-settings", "python-dotenv")
"""What llama-cpp-python's server imports and the main environment lacks; put into a folder of the benchmark's own."""

Tell = Callable[[str], None]


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server is stopped then, too
    console = Console(stderr=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="fleet-", dir="/tmp"))  # sockets have short paths
    try:
        report = measured(options, folder, lambda text: console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {text}"))
    except NotStarted as problem:
        console.print(f"[red]{problem}")
        return 3
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = str(report.pop("markdown"))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    options.json.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    print(f"written: {options.json} and {options.json.with_suffix('.md')}")
    return 0


def _whole(path: str) -> Path:
    return Path(path).resolve()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds; figures are medians over them")
    parser.add_argument("--json", type=Path, default=CACHE / "fleet.json", help="where to write; .md goes beside it")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--engine", type=lambda path: Path(path).resolve(), help="folder of an engine that `sekisho engines build` made"
    )
    parser.add_argument("--streams", type=int, default=512)
    parser.add_argument("--pace-ms", type=int, default=500, help="between two pieces of text of a stream")
    parser.add_argument("--ramp-seconds", type=float, default=16.0, help="over which the streams are opened")
    parser.add_argument(
        "--hold-seconds", type=float, default=25.0, help="that the last one stays open, beside all others"
    )
    parser.add_argument("--quick", action="store_true", help="one short round: does everything run?")
    return parser.parse_args()


def measured(options: argparse.Namespace, folder: Path, tell: Tell) -> dict[str, Any]:
    program, facts = gauge.build(), machine.facts()
    tell(f"before the run others used {facts['busy_before']:.0%} of the machine")
    rounds = 1 if options.quick else options.rounds
    report: dict[str, Any] = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": facts}
    report["rounds"] = rounds
    parts = [
        f"{facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']}. Medians of {rounds} rounds. Before the run, "
        f"others used {facts['busy_before']:.0%} of it.\n"
    ]
    if "tokens" in options.only:
        tokens = measure_tokens(program, folder, rounds, options.quick, tell, _peers(options.engine))
        report |= {"tokens": tokens, "ratios": ratios(tokens)}
        parts += [table.markdown(*token_lines(tokens)), _ratio_lines(report["ratios"])]
    if "added" in options.only:
        report["added"] = measure_added(program, folder, rounds, options.quick, tell)
        parts.append(table.markdown(*added_lines(report["added"])))
    if "streams" in options.only:
        plan = streams.Plan(options.streams, options.pace_ms, options.ramp_seconds, options.hold_seconds)
        plan = replace(plan, ramp_seconds=2.0, hold_seconds=2.0) if options.quick else plan
        report["streams"] = streams.measure_streams(program, folder, plan, rounds, tell)
        parts.append(table.markdown(*streams.lines(report["streams"])))
    return {**report, "markdown": "\n".join(parts)}


# --- tokens a second


def _peers(built: Path | None) -> Callable[[Path, Path], dict[str, Start]]:
    def peers(weights: Path, folder: Path) -> dict[str, Start]:
        found: dict[str, Start] = {
            BARE: lambda: bare_engine(weights, folder / "engine", "gateway"),
            THROUGH: lambda: gateway(weights, folder / "on", True),
        }
        if built:
            found[BARE_BUILT] = lambda: bare_engine(weights, folder / "built", "gateway", built)
            found[THROUGH_BUILT] = lambda: gateway(weights, folder / "on-built", True, built)
        return found | {LIBRARY_SERVER: lambda: library_server(weights, folder / "library")}

    return peers


def library_server(weights: Path, folder: Path) -> Running:
    """Start llama-cpp-python's server with the same model; what it lacks is fetched by name, once."""
    folder.mkdir()
    needs = CACHE / "library-server"
    if not needs.is_dir():
        fetch = [PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--target", needs, *LIBRARY_NEEDS]
        done = subprocess.run([str(part) for part in fetch], capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(needs, ignore_errors=True)
            raise NotStarted(f"its server lacks {', '.join(LIBRARY_NEEDS)}: {done.stderr.strip()[-200:]}")
    port = free_port()
    command = [PYTHON, "-m", "llama_cpp.server", "--model", weights, "--model_alias", "bench", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--n_ctx", str(CONTEXT_TOKENS), "--interrupt_requests", "false"]
    server = Server([*command, "--verbose", "false"], folder / "log", {"PYTHONPATH": str(needs)})
    server.wait_for(f"http://127.0.0.1:{port}/v1/models", 120)
    return Running(f"127.0.0.1:{port}", server, model="bench")


def ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what one peer does of what another does, with as many callers, in this run. Pure."""
    rate = {(row["peer"], row["callers"]): row["tokens_per_second"] for row in rows if "missing" not in row}
    pairs = [(THROUGH, BARE), (THROUGH_BUILT, BARE_BUILT), (BARE_BUILT, BARE)]
    pairs += [(each, LIBRARY_SERVER) for each in (THROUGH, THROUGH_BUILT)]
    return [
        {"of": one, "to": other, "callers": callers, "ratio": rate[one, callers] / rate[other, callers]}
        for one, other in pairs
        for callers in sorted({callers for _, callers in rate})
        if rate.get((one, callers)) and rate.get((other, callers))
    ]


def _ratio_lines(found: list[dict[str, Any]]) -> str:
    body = [[f"{each['of']} : {each['to']}", str(each["callers"]), f"{each['ratio']:.3f}"] for each in found]
    return table.markdown(["tokens a second", "callers", "ratio"], body)


# --- time to the first text


def measure_added(program: Path, folder: Path, rounds: int, quick: bool, tell: Tell) -> list[dict[str, Any]]:
    """Return, for each peer, what it adds to the engine's own time to the first text, and what detection says it took.

    Each round asks every peer the same requests, one stream at a time, of an engine that thinks for 20 ms.
    """
    load = Load(1, 600.0 if not quick else 2.0, stream=True, requests=100 if quick else 400, warmup_seconds=0)
    with ExitStack() as stack:
        mock = Mock(program, folder)
        stack.callback(mock.stop)
        mock.think(20)
        running = {"direct": Running(mock.address)}
        starts = {THROUGH: sekisho({}), f"{THROUGH}, no detection": sekisho({"privacy": {"detection": False}})}
        for number, (name, start) in enumerate(starts.items()):
            own = folder / f"added-{number}"
            own.mkdir()
            running[name] = start(mock.address, own)
            stack.callback(_server(running[name]).stop)
        seen: dict[str, list[tuple[Sample, float]]] = {name: [] for name in running}
        for number in range(-1, rounds):
            for name, here in running.items():
                tell(
                    f"time to the first text, {'warm-up' if number < 0 else f'round {number + 1} of {rounds}'}: {name}"
                )
                before = read_stages(here.metrics)
                sample = ask(program, here.address, here.key, here.model, load, seed=5_000_000 + number)
                detected = read_stages(here.metrics).since(before).means_ms().get("detect", 0.0)
                if number >= 0:
                    seen[name].append((sample, detected))
        return added_rows(seen)


def _server(here: Running) -> Server:
    assert here.server is not None
    return here.server


def added_rows(seen: dict[str, list[tuple[Sample, float]]]) -> list[dict[str, Any]]:
    """Return the added times, p50 and p99, each the median over rounds of that round's own difference. Pure."""
    rows = []
    for name, taken in seen.items():
        if name == "direct" or not all(sample.first_text_us for sample, _ in taken):
            continue
        added = {
            percent: median(
                (percentile(sample.first_text_us, percent) - percentile(base.first_text_us, percent)) / 1000
                for (sample, _), (base, _) in zip(taken, seen["direct"], strict=True)
            )
            for percent in (50, 99)
        }
        detected = median(each for _, each in taken)
        rows.append(
            {
                "peer": name,
                "added_p50_ms": added[50],
                "added_p99_ms": added[99],
                "detection_mean_ms": detected,
                "beyond_detection_p50_ms": added[50] - detected,
                "beyond_detection_p99_ms": added[99] - detected,
                "answers": sum(len(sample.first_text_us) for sample, _ in taken),
                "errors": sum(sample.errors for sample, _ in taken),
            }
        )
    return rows


def added_lines(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return head and body of the table."""
    columns = (
        "added_p50_ms",
        "added_p99_ms",
        "detection_mean_ms",
        "beyond_detection_p50_ms",
        "beyond_detection_p99_ms",
    )
    head = ["added to the first text", "p50 ms", "p99 ms", "detection (mean) ms", "beyond it: p50 ms", "p99 ms"]
    return head, [[row["peer"], *(f"{row[column]:.2f}" for column in columns)] for row in rows]


if __name__ == "__main__":
    sys.exit(main())
