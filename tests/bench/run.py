"""The benchmark: one run, one table, ratios against named peers on the same machine and the same mock engine.

    python tests/bench/run.py --rounds 5 --json .cache/bench/latest.json

Writes the same as Markdown beside the JSON file. Ends every process it started. Nothing here judges: no speed is
asserted, so a slow machine makes a slow table and not a failed build.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from rich.console import Console
from rich.table import Table
from yardstick import gauge, machine, table
from yardstick.peers import PEERS
from yardstick.plan import CELLS, Measurement, measure, scaled
from yardstick.processes import CACHE, NotStarted
from yardstick.stages import median_means_ms
from yardstick.stats import percentile
from yardstick.tokens import measure_tokens, token_lines

BUSY = 0.15
"""Share of all cores that others may use before the run says so."""


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server is stopped then, too
    console = Console(stderr=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=CACHE))
    try:
        report = _report(options, folder, console)
    except NotStarted as problem:
        console.print(f"[red]{problem}")
        return 3
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    _write(report, options.json)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds; figures are medians over them")
    parser.add_argument("--json", type=Path, default=CACHE / "latest.json", help="where to write; .md goes beside it")
    parser.add_argument("--only", nargs="+", metavar="PEER", choices=[p.name for p in PEERS] + ["tokens"], default=[])
    parser.add_argument("--quick", action="store_true", help="one short round: does everything run?")
    parser.add_argument("--keep", action="store_true", help="keep the peers' folders and logs")
    return parser.parse_args()


def _report(options: argparse.Namespace, folder: Path, console: Console) -> dict[str, object]:
    def tell(text: str) -> None:
        console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {text}", highlight=False)

    program = gauge.build()
    facts = machine.facts()
    if facts["busy_before"] > BUSY:
        tell(f"the machine is {facts['busy_before']:.0%} busy with other work: these numbers will not be fair")
    rounds = 1 if options.quick else options.rounds
    wanted = {*options.only, "direct"} if options.only != ["tokens"] else set()
    chosen = [p for p in PEERS if not options.only or p.name in wanted]
    cells = scaled(CELLS, 0.2) if options.quick else CELLS
    found = measure(program, folder, chosen, cells, rounds, tell)
    rows = _rows(found)
    tokens = []
    if not options.only or "tokens" in options.only:
        tokens = measure_tokens(program, folder, rounds, options.quick, tell)
    syncs = [percentile([sync[which] for sync in found.syncs_ms], 50) for which in (0, 1)]
    _show(rows, tokens)
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts,
        "rounds": rounds,
        "fdatasync_ms": {"p50": syncs[0], "p99": syncs[1]},
        "peers": table.as_data(rows),
        "tokens": tokens,
        "markdown": _markdown(facts, rounds, syncs, rows, tokens),
    }


def _rows(found: Measurement) -> list[table.Row]:
    return [
        table.Row(
            name=one.peer.name,
            title=one.peer.title,
            cells=one.figures(),
            memory_mib=one.memory_mib,
            stages_ms={cell: median_means_ms(stages) for cell, stages in one.stages.items()},
            version=one.version,
            missing=one.missing or _all_failed(one.samples),
        )
        for one in found.seen
    ]


def _all_failed(samples: dict[str, list]) -> str:
    taken = [sample for rounds in samples.values() for sample in rounds]
    failed = next((s.first_error for s in taken if s.first_error), "no answer")
    return "" if any(s.latencies_us for s in taken) else failed


def _show(rows: list[table.Row], tokens: list[dict]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 170)
    if rows:
        console.print(_rich([*table.HEAD, *table.HEAD_MORE], table.lines(rows)))
    for cell in (table.AFTER_20, table.AT_16):
        head, body = table.stage_lines(rows, cell)
        if body:
            console.print(_rich([f"{head[0]} ({cell})", *head[1:]], body))
    if tokens:
        console.print(_rich(*token_lines(tokens)))
    for row in rows:
        if row.missing:
            console.print(f"{row.title}: not measured: {row.missing}", markup=False)
        for cell, one in row.cells.items():
            if one.errors:
                console.print(f"{row.title}: {one.errors} errors in {cell}", markup=False)


def _rich(head: list[str], body: list[list[str]]) -> Table:
    shown = Table(*head)
    for line in body:
        shown.add_row(*line)
    return shown


def _markdown(facts: dict, rounds: int, syncs: list[float], rows: list[table.Row], tokens: list[dict]) -> str:
    parts = [
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_mib'] // 1024} GiB; {facts['system']}, Linux "
        f"{facts['kernel']}, Python {facts['python']}. Medians of {rounds} rounds. The disk makes 1 KiB durable in "
        f"{syncs[0]:.2f} ms (p99 {syncs[1]:.2f} ms). Before the run, others used {facts['busy_before']:.0%} of it.\n",
        table.markdown([*table.HEAD, *table.HEAD_MORE], table.lines(rows)),
    ]
    for cell in (table.AFTER_20, table.AT_16):
        head, body = table.stage_lines(rows, cell)
        if body:
            parts += [f"Stages, {cell}:\n", table.markdown(head, body)]
    if tokens:
        parts.append(table.markdown(*token_lines(tokens)))
    parts += [f"- {row.title}: {row.missing or row.version}" for row in rows if row.missing or row.version]
    return "\n".join(parts) + "\n"


def _write(report: dict[str, object], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = str(report.pop("markdown"))
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"written: {path} and {path.with_suffix('.md')}")


if __name__ == "__main__":
    sys.exit(main())
