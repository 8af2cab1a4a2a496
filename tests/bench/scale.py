"""Requests a second with 1, 2 and 4 workers, in front of the same mock engine and with the same Redis.

    python tests/bench/scale.py --rounds 3 --json .cache/bench/scale.json

One worker is measured twice: as it is without Redis, and with it, so that what Redis costs is not taken for what
workers bring. Load generator, mock engine, Redis and all workers share the machine: the table says how many cores there
are. Nothing here judges.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "fakes"))

from redis_server import RedisServer
from rich.console import Console
from rich.table import Table
from yardstick import gauge, machine
from yardstick.gauge import Load, Mock, ask
from yardstick.peers import Running, start_gateway
from yardstick.processes import CACHE, NotStarted
from yardstick.stats import Sample, figure

CALLERS = 32
KINDS = (("1 worker, no Redis", 1, False), ("1 worker", 1, True), ("2 workers", 2, True), ("4 workers", 4, True))


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server is stopped then, too
    console = Console(stderr=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="s-", dir="/tmp"))  # short: sockets lie in it
    try:
        report = _measured(options, folder, console)
    except NotStarted as problem:
        console.print(f"[red]{problem}")
        return 3
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    Console().print(_table(report))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds; figures are medians over them")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--json", type=Path, default=CACHE / "scale.json", help="where to write")
    return parser.parse_args()


def _measured(options: argparse.Namespace, folder: Path, console: Console) -> dict[str, Any]:
    facts, program = machine.facts(), gauge.build()
    mock, redis = Mock(program, folder), RedisServer(folder)
    redis.start()
    running: dict[str, Running] = {}
    found: dict[str, list[Sample]] = {name: [] for name, _, _ in KINDS}
    try:
        for turn in range(options.rounds):
            for name, workers, shared in KINDS:  # one after the other: what is not measured does not run
                home = folder / f"{turn}{workers}{int(shared)}"
                home.mkdir()
                running[name] = served = start_gateway(home, _settings(mock, redis, workers, shared), "mock")
                _await_all(served.address, workers)
                sample = ask(program, served.address, served.key, "mock", Load(CALLERS, options.seconds))
                served.server.stop()
                found[name].append(sample)
                rate = len(sample.latencies_us) / sample.seconds
                console.print(f"[dim]round {turn + 1}: {name}: {rate:.0f} requests/s", highlight=False)
    finally:
        for each in running.values():
            each.server.stop()
        redis.stop()
        mock.stop()
    figures = {name: asdict(figure(samples)) for name, samples in found.items()}
    return {"machine": facts, "callers": CALLERS, "seconds": options.seconds, "figures": figures}


def _settings(mock: Mock, redis: RedisServer, workers: int, shared: bool) -> dict[str, dict[str, Any]]:
    where = {"kind": "openai-http", "url": f"http://{mock.address}"}
    engine = {**where, "model": "mock", "slots": 64, "context_tokens": 4096}
    limits = {"redis": {"url": f"unix:{redis.socket}"}} if shared else {}
    return {"engine": engine, "server": {"workers": workers}, "limits": limits}


def _await_all(address: str, workers: int) -> None:
    """Return once every worker tells its metrics. Raises NotStarted."""
    deadline = time.monotonic() + 120
    while workers > 1 and time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            if f"sekisho_workers {workers + 1}.0".encode() in answer.read():
                return
        time.sleep(0.1)
    if workers > 1:
        raise NotStarted("not all workers came up")


def _table(report: dict[str, Any]) -> Table:
    facts, figures = report["machine"], report["figures"]
    shared = f"{facts['cores']} cores, shared with load generator, mock engine and Redis"
    table = Table(title=f"{report['callers']} callers; {shared}; {facts['busy_before']:.0%} busy before")
    for column in ("", "requests/s", "of one worker", "p50 ms", "p99 ms", "errors", "spread"):
        table.add_column(column, justify="left" if not column else "right")
    one = figures["1 worker"]["requests_per_second"]
    for name, each in figures.items():
        rate = each["requests_per_second"]
        more = (f"{each['p50_ms']:.1f}", f"{each['p99_ms']:.1f}", str(each["errors"]), f"{each['spread']:.0%}")
        table.add_row(name, f"{rate:.0f}", f"{rate / one:.2f}", *more)
    return table


if __name__ == "__main__":
    sys.exit(main())
