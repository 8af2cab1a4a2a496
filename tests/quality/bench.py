"""``make bench-privacy``: quality and speed of detection in one table, beside Presidio's default English pipeline.

    python tests/quality/bench.py --data FOLDER --json .cache/bench/privacy.json
    python tests/quality/bench.py --quick --only speed

Writes the same as Markdown beside the JSON file. Nothing here judges: a slow machine makes a slow table. Quality is
"span recall / character precision" by the rules of :mod:`gateway.privacy.evaluate`. Rows whose corpus is absent are
skipped and say so; those that say "generator" are measured on documents made here from templates of test.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench"), str(ROOT)]

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from trial import quality, report, speed  # noqa: E402
from trial.searchers import Cascade, PatternTier, Peer  # noqa: E402
from yardstick import machine  # noqa: E402

from gateway.errors import SetupError  # noqa: E402

CORPORA = ROOT / ".cache" / "corpora"
"""Where corpora are looked for when nobody names a folder."""

PAGE = ROOT / "docs" / "privacy" / "measurements.md"
LAST_RUN = "## Last run\n"

Tell = Callable[[str], None]


def main() -> int:
    options = _options()
    console = Console(stderr=True)

    def tell(text: str) -> None:
        console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {text}", highlight=False)

    facts = machine.facts()
    tell("loading detectors")
    try:
        ours = Cascade()
    except SetupError as problem:
        tell(f"{problem.problem} {problem.mend}")
        return 3
    peer = None if options.no_peer else _peer(tell)
    searchers = [ours] if peer is None else [peer, ours]
    most = options.texts or (120 if options.quick else 100_000)
    found = quality.measure(searchers, options.data, most, tell) if options.only != "speed" else []
    rounds = 1 if options.quick else options.rounds
    speeds = _speeds(ours, peer, rounds, options.quick, tell) if options.only != "quality" else []
    text = _write(options.json, facts, rounds, most, found, speeds)
    if options.docs:
        head, mark, _ = PAGE.read_text(encoding="utf-8").partition(LAST_RUN)
        PAGE.write_text(f"{head}{mark}\n{text}", encoding="utf-8")
    return 0


def _peer(tell: Tell) -> Peer | None:
    """Return the peer; ``None``, said aloud, where its pipeline is not installed."""
    try:
        return Peer()
    except ImportError as missing:
        tell(f"Presidio is not measured: {missing.name} is not installed")
        return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("SEKISHO_PII_DATA", "")
    parser.add_argument("--data", type=Path, default=Path(given) if given else CORPORA, help="folder of the corpora")
    parser.add_argument(
        "--json", type=Path, default=ROOT / ".cache" / "bench" / "privacy.json", help=".md goes beside it"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the speeds; figures are medians over them")
    parser.add_argument("--texts", type=int, default=0, help="texts of each corpus; 0: all, or 120 with --quick")
    parser.add_argument("--only", choices=["quality", "speed"], help="half of the table")
    parser.add_argument("--no-peer", action="store_true", help="leave Presidio out")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/privacy/measurements.md too")
    parser.add_argument("--quick", action="store_true", help="one round, few texts: does everything run?")
    return parser.parse_args()


def _speeds(ours: Cascade, peer: Peer | None, rounds: int, quick: bool, tell: Tell) -> list[dict[str, Any]]:
    """Return the rows of speed; "unit" says what the numbers are."""
    patterns, small = PatternTier(), 1 if quick else 4
    rows: list[dict[str, Any]] = []

    def row(title: str, unit: str, reach: str, mine: float, theirs: float | None = None) -> None:
        rows.append({"title": title, "unit": unit, "reach": reach, "ours": mine, "peer": theirs})
        tell(f"{title}: {mine:,.1f} {unit}")

    tier = speed.throughput(patterns, 400_000 * small, rounds, 10_000)
    row("pattern tier, prose", "characters/s, one core", "5,000,000", tier)
    dense = speed.throughput(patterns, 200_000 * small, rounds, 15_000, speed.dense)
    row("pattern tier, a value in every line", "characters/s, one core", "", dense)
    row("pattern tier, 2 KB", "ms, p99", "under 1", speed.latency(patterns, 2048, 200 * small, 99, 20_000))
    cold = speed.throughput(ours, 64_000 * small, rounds, 30_000)
    theirs = None if peer is None else speed.throughput(peer, 24_000, 1, 40_000)
    row("cascade, cold text", "characters/s, one core", "100,000", cold, theirs)
    row("cascade, 1 KB cold", "ms, p95", "under 25", speed.latency(ours, 1024, 60 * small, 95, 50_000))
    goals = {"64 KB cold": "300", "64 KB of known passages": "20", "20th turn, without its message": "under 5"}
    for name, value in speed.prompts(rounds, 60_000).items():
        row(name, "ms", goals[name], value)
    times, grown = speed.hostile(ours)
    for name, value in times.items():
        row(f"1 MB of {name}", "ms", "under 250", value)
    row("growth when all of these come again", "MiB", "0", grown)
    return rows


def _write(path: Path, facts: dict[str, Any], rounds: int, most: int, found: list[Any], speeds: list[Any]) -> str:
    """Write both files and show the table; return the Markdown."""
    rows = report.lines(found, speeds)
    table = Table(*report.HEAD)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    said = (
        f"{facts['cpu']}, {facts['cores']} cores; {facts['system']}, Python {facts['python']}. At most {most:,} texts "
        f"of each corpus; speeds are medians of {rounds} rounds. Before the run, others used "
        f"{facts['busy_before']:.0%} of the machine.\n\n"
    )
    data = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts,
        "rounds": rounds,
        "texts": most,
        "quality": found,
        "speed": speeds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    kinds = report.kind_lines(found)
    by_kind = f"\nRecall by kind, generator:\n\n{report.markdown(kinds, report.KINDS_HEAD)}" if kinds else ""
    text = said + report.markdown(rows) + by_kind
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"written: {path.name} and {path.with_suffix('.md').name} in {path.parent}")
    return text


if __name__ == "__main__":
    sys.exit(main())
