"""The benchmark of policy: what a decision costs, asked and remembered, with a fleet as large as they come.

    python tests/bench/policy.py --seconds 20 --json .cache/bench/policy.json

The shipped rules, 100 sites in twelve countries, 1,000 targets that all serve one model (64 of them candidates),
1,000 projects in 50 tenants, and the balanced rule table. *Asked*: 200 questions a second, each another one, at the
times that they would arrive, whether OPA has answered the one before or not. *Remembered*: the same question again. One
candidate is measured beside, as most installations have it, and an OPA that answers a constant: what asking costs on
this machine before any rule is read. Nothing here judges.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import uvloop  # noqa: E402
import yaml  # noqa: E402
from msgspec.structs import replace  # noqa: E402
from rich.console import Console  # noqa: E402
from yardstick import machine  # noqa: E402
from yardstick.stats import percentile  # noqa: E402

from gateway.app import settle_memory  # noqa: E402
from gateway.domain import Caller, Capability, DataFacts, EnvFacts, PolicyInput, RequestFacts, Role, Target  # noqa: E402
from gateway.policy.client import OpaPolicy, draft  # noqa: E402
from gateway.policy.question import question  # noqa: E402
from gateway.settings import Settings, load  # noqa: E402

CACHE = ROOT / ".cache" / "bench"
SITES, TARGETS, PROJECTS, TENANTS = 100, 1000, 1000, 50
COUNTRIES = ("DE", "FR", "IT", "ES", "AT", "CZ", "GB", "CH", "JP", "CN", "US", "HU")
ENTITIES = ("PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "VIN", "LICENSE_PLATE", "LOCATION", "DE_TAX_ID", "API_KEY")
HERE = "site-000"
SEED = 20261122

Decide = Callable[[PolicyInput], Awaitable[Any]]


def main() -> int:
    options = _options()
    console = Console(stderr=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder:
        report = uvloop.run(_measure(Path(folder), options, console))
    _write(report, options.json)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each rate is kept up")
    parser.add_argument("--rate", type=int, default=200, help="questions a second")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; figures are medians over them")
    parser.add_argument("--json", type=Path, default=CACHE / "policy.json", help="where to write; .md goes beside it")
    return parser.parse_args()


CONSTANT = """\
package sekisho

decision := {
	"version": "sekisho.answer/1",
	"allow": true,
	"granted": {input.candidates[0]: "here"},
	"terms": {"here": {
		"redact": {"*": "mask"},
		"tag_scope": "project",
		"restore": ["text"],
		"obligations": [],
		"output_guard": "off",
	}},
	"reasons": {},
	"facts": data.facts.revision,
	"remember_until": sprintf("%sT23:59:59Z", [substring(input.env.time, 0, 10)]),
}
"""


async def _measure(folder: Path, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    config = _installation(folder)
    targets = fleet()
    settle_memory()  # as the server does once it is put together
    facts = machine.facts()
    console.print(f"[dim]the machine is {facts['busy_before']:.0%} busy with other work")
    settings = load(str(config))
    rows = []
    for title, count, constant in (("64 candidates", 64, False), ("1 candidate", 1, False), ("a constant", 1, True)):
        policy = OpaPolicy(settings, draft(_constant(settings, folder) if constant else settings))
        await policy.start()
        try:
            began = time.perf_counter()
            await policy.push_facts(targets)
            push_seconds = time.perf_counter() - began
            rounds = []
            for number in range(options.rounds):
                console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {title}, round {number + 1} of {options.rounds}")
                rounds.append(await _round(policy.decide, targets, count, options))
            rows.append({"what": title, **_median(rounds)})
            engine = policy.engine
        finally:
            await policy.stop()
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts,
        "engine": engine,
        "rounds": options.rounds,
        "rate": options.rate,
        "push_seconds": round(push_seconds, 3),
        "rows": rows,
    }


def _constant(settings: Settings, folder: Path) -> Settings:
    """Return the settings with policies whose decision hangs on nothing."""
    own = folder / "constant"
    shutil.copytree(ROOT / "policies", own)
    (own / "main" / "decision.rego").write_text(CONSTANT, encoding="utf-8")
    return replace(settings, policy=replace(settings.policy, directory=str(own)))


def _installation(folder: Path) -> Path:
    countries = [COUNTRIES[number % len(COUNTRIES)] for number in range(SITES)]
    organisation = {
        "sites": {f"site-{n:03}": {"jurisdiction": country} for n, country in enumerate(countries)},
        "tenants": {f"tenant-{n:02}": {"entity": f"Beispiel {n} AG"} for n in range(TENANTS)},
        "projects": {
            f"tenant-{n % TENANTS:02}/project-{n:03}": {"human_oversight": n % 3 == 0, "safety_oversight": n % 5 == 0}
            for n in range(PROJECTS)
        },
        "transfers": [
            {"from": "EEA", "to": "US", "route": "scc", "until": "2031-12-31", "reference": "DPA 1"},
            {
                "from": "JP",
                "to": "US",
                "route": "appi-equivalent-measures",
                "until": "2031-12-31",
                "reference": "DPA 2",
            },
        ],
    }
    (folder / "organisation.yaml").write_text(yaml.safe_dump(organisation), encoding="utf-8")
    config = {
        "site": {"name": HERE, "node": "n0", "jurisdiction": "DE", "preset": "demo"},
        "policy": {"deadline_seconds": 5.0, "rules": "rules.csv"},
        "data_dir": "data",
        "run_dir": "run",
    }
    (folder / "rules.csv").write_bytes((ROOT / "policies" / "presets" / "balanced.csv").read_bytes())
    path = folder / "sekisho.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def fleet() -> list[Target]:
    """Return 1,000 targets of one model: this node, its site, and ten at each other site; every 50th is another's."""
    targets = []
    for number in range(TARGETS):
        site, node = f"site-{number % SITES:03}", f"n{number // SITES}"
        targets.append(
            Target(
                id=f"{site}/{node}/w0:m",
                model="m",
                capabilities=(Capability.CHAT,),
                site=site,
                node=node,
                jurisdiction=COUNTRIES[number % SITES % len(COUNTRIES)],
                same_node=number == 0,
                external=number % 50 == 49,
            )
        )
    return targets


def questions(targets: Sequence[Target], count: int, many: int, seed: int = SEED) -> list[PolicyInput]:
    """Return that many questions, no two alike; chance with a fixed seed."""
    chance = Random(seed)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    asked = []
    for number in range(many):
        project = chance.randrange(PROJECTS)
        caller = Caller(
            f"key-{number}", f"tenant-{project % TENANTS:02}", f"project-{project:03}", (Role.APP,), "support",
            HERE, "DE", chance.choice(COUNTRIES), "DE",
        )  # fmt: skip
        entities = {type_: chance.choice(("1", "2-4", "5-19")) for type_ in sorted(chance.sample(ENTITIES[:-1], 3))}
        data = DataFacts(
            chance.choice(("internal", "confidential", "strict")), caller.collected_in, entities, "cascade/1"
        )
        request = RequestFacts(f"r{number}", "/v1/chat/completions", Capability.CHAT, "m", True, False, caller.purpose)
        candidates = [targets[0], *chance.sample(targets[1:], count - 1)]
        asked.append(question(request, caller, data, candidates, EnvFacts(HERE, "n0", now, 1)))
    return asked


async def _round(
    decide: Decide, targets: Sequence[Target], count: int, options: argparse.Namespace
) -> dict[str, float]:
    many = int(options.rate * options.seconds)
    asked = questions(targets, count, many)
    for one in questions(targets, count, 50, SEED + 1):  # both sides are warm
        await decide(one)
    used = _cpu_of_children()
    seconds = await _at_rate(decide, asked, options.rate)
    opa_share = (_cpu_of_children() - used) / many
    remembered = await _again(decide, asked[-1])
    return {
        "asked_p50_ms": percentile(seconds, 50) * 1e3,
        "asked_p99_ms": percentile(seconds, 99) * 1e3,
        "remembered_p50_us": percentile(remembered, 50) * 1e6,
        "remembered_p99_us": percentile(remembered, 99) * 1e6,
        "opa_cpu_ms": opa_share * 1e3,
    }


async def _at_rate(decide: Decide, asked: Sequence[PolicyInput], rate: int) -> list[float]:
    """Return each answer's time since it was due: a slow one delays nobody's clock but its own."""
    seconds: list[float] = []

    async def ask(one: PolicyInput, due: float) -> None:
        await decide(one)
        seconds.append(time.perf_counter() - due)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        for number, one in enumerate(asked):
            due = began + number / rate
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            asking.create_task(ask(one, max(due, time.perf_counter() - 0.001)))
    return seconds


async def _again(decide: Decide, one: PolicyInput, times: int = 2000) -> list[float]:
    await decide(one)
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        await decide(one)
        seconds.append(time.perf_counter() - began)
    return seconds


def _cpu_of_children() -> float:
    """Return the processor seconds of OPA, which is our one child and lives: so from /proc, by its parent."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _median(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(sorted(one[name] for one in rounds)[len(rounds) // 2], 3) for name in rounds[0]}


def _write(report: dict[str, Any], path: Path) -> None:
    lines = [
        "| decision | asked: p50 ms | asked: p99 ms | OPA's processor ms | remembered: p50 µs | remembered: p99 µs |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {row['what']} | {row['asked_p50_ms']:.2f} | {row['asked_p99_ms']:.2f} | {row['opa_cpu_ms']:.2f} "
            f"| {row['remembered_p50_us']:.0f} | {row['remembered_p99_us']:.0f} |"
            for row in report["rows"]
        ),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(f"\n{SITES} sites, {TARGETS} targets and {PROJECTS} projects were in force after {report['push_seconds']} s.")
    print(f"Written: {path}")


if __name__ == "__main__":
    sys.exit(main())
