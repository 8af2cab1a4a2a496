"""``make bench-fleet``: who chooses best among a simulated fleet's targets. Same seeds, same figures, on any machine.

The gateway's own chooser beside round-robin, least-busy, a hash ring with bounded load, and two oracles, on four kinds
of traces at three loads. A few minutes with 10 seeds. Ends with 1 where what is aimed at is not reached. ::

    python tests/bench/fleet/simulate.py --seeds 3 --traces chat mixed
    python tests/bench/fleet/simulate.py --json found.json --markdown found.md --svg found.svg
    python tests/bench/fleet/simulate.py --ablate     # what each lack of knowledge costs
    python tests/bench/fleet/simulate.py --known found.json    # only our chooser anew, where the others were measured
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:1] = [str(ROOT), str(ROOT / "tests" / "bench")]

from fleet.figures import KIND, ORACLE, OURS, Row, as_data, from_data, markdown, row  # noqa: E402
from fleet.ours import Knows, Ours  # noqa: E402
from fleet.plot import svg  # noqa: E402
from fleet.rules import SIMPLE, KindOracle, Oracle  # noqa: E402
from fleet.traces import KINDS  # noqa: E402
from fleet.world import FLEETS, Rule, asks_of, fleet_for, run  # noqa: E402

LOADS = (0.3, 0.6, 0.9)
WARM_UP = 0.1
"""Part of a trace that does not count, at its beginning: all start with empty machines, and ours with no knowledge."""

RULES: Mapping[str, Callable[[], Rule]] = {OURS: Ours, ORACLE: Oracle, KIND: KindOracle, **SIMPLE}
ABLATED: Mapping[str, Callable[[], Rule]] = {
    **RULES,
    "knows lengths": lambda: Ours(Knows(lengths=True)),
    "knows prompts": lambda: Ours(Knows(prompts=True)),
    "knows both": lambda: Ours(Knows(lengths=True, prompts=True)),
}


def mean_seconds(fleet: str, kind: str, load: float, seed: int, requests: int, rule: Rule) -> float:
    """Return the mean time from arrival to the last token, without the warm-up."""
    machines = fleet_for(fleet, kind)
    answered = run(machines, asks_of(machines, kind, load, seed, requests), rule)
    counted = [each.end for each in answered if each.ask.number >= requests * WARM_UP]
    return sum(counted) / len(counted)


def measure(
    fleet: str, kind: str, load: float, seeds: Sequence[int], requests: int, rules: Mapping[str, Callable[[], Rule]]
) -> dict[str, list[float]]:
    """Return the mean times of each rule, seed by seed."""
    return {
        name: [mean_seconds(fleet, kind, load, seed, requests, make()) for seed in seeds]
        for name, make in rules.items()
    }


def measure_anew(fleet: str, known: Row, seeds: int, requests: int) -> dict[str, list[float]]:
    """As :func:`measure`, with an earlier run's times of the others, as far as it has as many seeds."""
    found = {}
    for name in RULES:
        kept = [] if name == OURS else list(known.seconds[name][:seeds])
        more = measure(fleet, known.kind, known.load, range(len(kept), seeds), requests, {name: RULES[name]})
        found[name] = kept + more[name]
    return found


def main() -> int:
    given = _given()
    known, rules = _known(given), ABLATED if given.ablate else RULES
    rows: list[Row] = []
    for kind in given.traces:
        for load in given.loads:
            if (kind, load) in known:
                found = measure_anew(given.fleet, known[kind, load], given.seeds, given.requests)
            else:
                found = measure(given.fleet, kind, load, range(given.seeds), given.requests, rules)
            rows.append(row(kind, load, found))
            print(_line(rows[-1]), flush=True)
    if given.json:
        said = {"fleet": given.fleet, "requests": given.requests, "seeds": given.seeds, "rows": as_data(rows)}
        given.json.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    if given.markdown:
        given.markdown.write_text(markdown(rows), encoding="utf-8")
    if given.svg:
        given.svg.write_text(svg(rows), encoding="utf-8")
    missed = [f"{each.kind} at {each.load:.0%}" for each in rows if not each.is_reached]
    print(f"not reached: {', '.join(missed)}" if missed else "reached everywhere")
    return 1 if missed else 0


def _known(given: argparse.Namespace) -> dict[tuple[str, float], Row]:
    """Return the rows of an earlier run on the same fleet and as many requests."""
    if not given.known:
        return {}
    said = json.loads(given.known.read_text(encoding="utf-8"))
    if (said["fleet"], said["requests"]) != (given.fleet, given.requests) or "seeds" not in said:
        sys.exit("--known is of another fleet, of traces of another length, or does not say of which seeds.")
    return {(each.kind, each.load): each for each in from_data(said["rows"])}


def _line(row: Row) -> str:
    times = "  ".join(f"{name} {each.value:.2f}" for name, each in row.times.items())
    ratio = f"{row.ratio.value:.3f} ± {row.ratio.within:.3f}"
    return f"{row.kind:9} {row.load:.0%}  of the oracle's {ratio}  of the excess {row.excess:.2f}  {times}"


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fleet", choices=sorted(FLEETS), default="plant")
    parser.add_argument("--traces", nargs="+", choices=sorted(KINDS), default=list(KINDS), metavar="TRACE")
    parser.add_argument("--loads", nargs="+", type=float, default=list(LOADS), metavar="PART")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=600, help="of each trace")
    parser.add_argument("--ablate", action="store_true", help="also with one truth after another told to the chooser")
    parser.add_argument("--known", type=Path, metavar="FILE", help="the other rules' times, as --json wrote them")
    for name in ("json", "markdown", "svg"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
