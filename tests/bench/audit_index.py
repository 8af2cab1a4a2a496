"""The benchmark of searching: a log of many records, its index built, first pages for every filter and pairs of them.

    python tests/bench/audit_index.py --records 1000000 --json .cache/bench/audit-index.json

The log is synthetic and of the real form: canonical records in entry bundles, all but the last one packed, in four logs
of one site; 50 tenants, 1,000 projects, 5,000 keys, 30 models, 40 rules, 30 types of personal data, 12 sites and
countries. Hash tiles and signed heads are left out: the index reads neither. ``--folder`` keeps the log and its index,
and takes up what is there. ``--beside`` measures instead what the process that follows the log costs those who write
it: 500 attempts a second, each made durable, in turns without and with it. Nothing here judges.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import uvloop  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from yardstick import machine  # noqa: E402
from yardstick.stats import percentile  # noqa: E402

from gateway.audit import record as records  # noqa: E402
from gateway.audit.index import build, store  # noqa: E402
from gateway.audit.index.child import IndexFollower  # noqa: E402
from gateway.audit.index.query import Query  # noqa: E402
from gateway.audit.index.search import AuditSearch  # noqa: E402
from gateway.audit.log import bundles, layout  # noqa: E402
from gateway.audit.shelf import Shelf  # noqa: E402
from gateway.domain import (  # noqa: E402
    Caller,
    CallerFacts,
    Capability,
    DataFacts,
    Decision,
    EnvFacts,
    Grant,
    Outcome,
    PolicyInput,
    Reason,
    RequestFacts,
    Role,
    Target,
    Usage,
)
from gateway.settings import AuditSettings  # noqa: E402

ATTEMPTS_PER_SECOND = 500
SITE, LOGS = "ingolstadt", ("node1/w0/default", "node1/w1/default", "node2/w0/default", "node2/w0/cross-border")
COUNTRIES = ("DE", "FR", "IT", "ES", "AT", "CZ", "GB", "CH", "JP", "CN", "US", "HU")
CLASSES = ("public", "internal", "internal", "internal", "confidential", "confidential", "strict")
TENANTS, KEYS, MODELS, RULES, ENTITIES, TARGETS = 50, 5000, 30, 40, 30, 60
TEMPLATES, SEED, PER_SECOND = 8000, 20261122, 600
START_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
PLACEHOLDERS = (b"4999999999999991", b'"@TIME@"', b'"@MONO@"', b"@REQUEST@", b"@DECISION@", b"4999999999999992")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def main() -> int:
    options = _options()
    if options.beside:
        with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder:
            print(_told_beside(uvloop.run(beside(Path(folder), options.beside, options.rounds))))
        return 0
    if options.folder:
        report = measure(options.folder, options)
    else:
        with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder:
            report = measure(Path(folder), options)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(_told(report))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="keep the log and the index here")
    parser.add_argument("--rounds", type=int, default=3, help="of each search; the median is told, and the slowest")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth pair of filters")
    parser.add_argument("--beside", type=float, metavar="SECONDS", help="of each turn, without and with the follower")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Make log and index where they are not there yet, and measure."""
    audit, index = folder / "audit", folder / "audit-index"
    if not audit.exists():
        write_log(audit, options.records)
    log_bytes = sum(path.stat().st_size for path in (audit / SITE).rglob("*") if path.is_file())
    seconds, start = 0.0, time.perf_counter()
    with store.locked(index, SITE):
        done = build.update(audit, index, SITE, progress=lambda rows: print(f"indexed {rows}", file=sys.stderr))
        seconds = time.perf_counter() - start
    search = AuditSearch(audit, index)
    count = search.count(Query())
    return {
        "machine": machine.facts(),
        "records": count,
        "log_bytes": log_bytes,
        "index_bytes": store.path_of(index, SITE).stat().st_size,
        "built_rows": done.rows,
        "build_seconds": seconds,
        "pages": [_page(search, name, words, options.rounds) for name, words in _searches(options.every)],
    }


def _page(search: AuditSearch, name: str, words: dict[str, tuple[str, ...]], rounds: int) -> dict[str, Any]:
    query = Query({**words}) if "@" not in words else Query(request=words["@"][0])
    taken, used = [], []
    for _ in range(rounds):
        start, before = time.perf_counter(), time.process_time()
        page = search.page(query, 100)
        taken.append(time.perf_counter() - start)
        used.append(time.process_time() - before)
    found = page.found if page.found is not None else -1
    times = {"median": median(taken), "slowest": max(taken), "processor": median(used)}
    return {"search": name, "found": found, "shown": len(page.records), **times}


SEARCHED = {
    "type": "denial",
    "decision": "denied",
    "tenant": "tenant-07",
    "project": "project-0107",
    "key": "key-0107",
    "model": "model-07",
    "code": "policy.code_07",
    "reason": "policy.code_07",
    "rule": "rule-07",
    "class": "strict",
    "entity": "ENTITY_07",
    "site": "site-07",
    "origin": "ingolstadt/node1/w0",
    "collected": "JP",
    "destination": "CN",
    "target": "site-07/node/w0:model-07",
    "purpose": "purpose-3",
    "revision": "revision-2",
    "status": "failed",
}


def _searches(every: int) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    """Yield every filter alone, and every pair, or every second or third of them, and so on."""
    yield "everything", {}
    for name, word in SEARCHED.items():
        yield name, {name: (word,)}
    for one, other in list(combinations(SEARCHED, 2))[::every]:
        yield f"{one} + {other}", {one: (SEARCHED[one],), other: (SEARCHED[other],)}


# --- beside writing --------------------------------------------------------------------------------------------------


async def beside(folder: Path, seconds: float, rounds: int) -> dict[str, list[float]]:
    """Return how long it took to write an attempt and make it durable, in seconds, ``without`` and ``with`` it."""
    shelf = Shelf(
        folder / "audit", origin=f"{SITE}/node1/w0", log_key=Ed25519PrivateKey.generate(), settings=AuditSettings()
    )
    shelf.open()
    taken: dict[str, list[float]] = {"without": [], "with": []}
    try:
        for turn in ("without", "with") * rounds:
            follower = IndexFollower(folder / "audit", folder / "audit-index")
            if turn == "with":
                await follower.start()
            taken[turn] += await _attempts(shelf, seconds)
            await follower.stop()
    finally:
        shelf.close()
    return taken


async def _attempts(shelf: Shelf, seconds: float) -> list[float]:
    draw, taken = Random(SEED), []
    start = time.perf_counter()
    for number in range(int(seconds * ATTEMPTS_PER_SECOND)):
        await asyncio.sleep(max(0.0, start + number / ATTEMPTS_PER_SECOND - time.perf_counter()))
        asked, decision, target, _ = _case(draw)
        who = Caller(asked.caller.key_id, asked.caller.tenant, asked.caller.project, (), "", SITE, "DE", "DE", "DE")
        begun = time.perf_counter()
        entry = shelf.intent(who, asked, decision, target, {"PERSON": 1})
        await entry.durable()
        taken.append(time.perf_counter() - begun)
        entry.close(Outcome("done"))
    return taken


def _told_beside(taken: dict[str, list[float]]) -> str:
    lines = ["| the index follows | attempts | p50 ms | p99 ms |", "| --- | ---: | ---: | ---: |"]
    for turn, times in taken.items():
        p50, p99 = (percentile(times, share) * 1000 for share in (50, 99))
        lines.append(f"| {turn} | {len(times):,} | {p50:.2f} | {p99:.2f} |")
    return "\n".join(lines)


# --- the synthetic log -----------------------------------------------------------------------------------------------


def write_log(audit: Path, count: int) -> None:
    """Write ``count`` records into the logs, as many into each."""
    each = -(-count // len(LOGS))
    for number, name in enumerate(LOGS):
        folder = audit / SITE / name
        (folder / "tile" / "entries").mkdir(parents=True)
        (folder / "lock").touch()
        _write(folder, each, Random(SEED + number), "/".join((SITE, *name.split("/")[:2])))
        print(f"wrote {each} records of {name}", file=sys.stderr)


def _write(folder: Path, count: int, draw: Random, origin: str) -> None:
    pieces = [_template(draw, origin) for _ in range(TEMPLATES)]
    step = 1_000_000 * len(LOGS) // PER_SECOND
    for first in range(0, count, layout.BUNDLE_RECORDS):
        size = min(layout.BUNDLE_RECORDS, count - first)
        raw = bytearray()
        for sequence in range(first, first + size, 2):
            opening, closing = draw.choice(pieces)
            at = START_US + sequence * step + draw.randrange(step)
            ids = (_ulid(at, draw), _ulid(at, draw))
            for shift, fill in enumerate((opening, closing)):
                if sequence + shift < first + size:
                    raw += layout.frame(fill(sequence + shift, at + shift * step // 2, ids))
        path = bundles.plain_path(folder, first // layout.BUNDLE_RECORDS)
        path.parent.mkdir(parents=True, exist_ok=True)
        if size < layout.BUNDLE_RECORDS:
            path.write_bytes(raw)
        else:
            packed = bundles.packed_path(folder, first // layout.BUNDLE_RECORDS)
            packed.write_bytes(gzip.compress(bytes(raw), 1, mtime=0))


Fill = Callable[[int, int, tuple[str, str]], bytes]


def _template(draw: Random, origin: str) -> tuple[Fill, Fill]:
    """Return what makes an intent and its outcome, or a denial and a heartbeat, of the same random caller and data."""
    asked, decision, target, code = _case(draw)
    who = records.CallerRef(asked.caller.key_id, asked.caller.tenant, asked.caller.project)
    if draw.random() < 0.1:
        denial = records.Denial(
            request="@REQUEST@",
            code=code,
            status=403,
            source="",
            caller=who,
            input=asked,
            decision=decision,
            decision_id="@DECISION@",
        )
        return _fill(denial, origin), _fill(records.Event(type="heartbeat", details={"size": 1}), origin)
    intent = records.Intent(
        request="@REQUEST@", caller=who, input=asked, decision=decision, target=target, redactions={"PERSON": 2}
    )
    failed = draw.random() < 0.02
    usage = Usage(draw.randrange(9000), draw.randrange(2000))
    ended = Outcome("failed" if failed else "done", "engine.unavailable" if failed else "", usage, "stop", 0.2, 1.3)
    outcome = records.outcome_record("@REQUEST@", 4999999999999992, ended)
    return _fill(intent, origin), _fill(outcome, origin)


def _case(draw: Random) -> tuple[PolicyInput, Decision, Target, str]:
    key = draw.randrange(KEYS)
    place, here = draw.randrange(len(COUNTRIES)), draw.randrange(len(COUNTRIES))
    model, rule = draw.randrange(MODELS), min(int(draw.expovariate(0.12)), RULES - 1)
    site = draw.randrange(12)
    target = Target(
        f"site-{site:02}/node/w0:model-{model:02}",
        f"model-{model:02}",
        (Capability.CHAT,),
        f"site-{site:02}",
        "node",
        COUNTRIES[place],
        False,
        digest="c" * 64,
        build="xllamacpp/2026.10",
    )
    kinds = {f"ENTITY_{draw.randrange(ENTITIES):02}": "2-4" for _ in range(draw.randrange(4))}
    asked = PolicyInput(
        RequestFacts(
            "@REQUEST@",
            "/v1/chat/completions",
            Capability.CHAT,
            target.model,
            True,
            False,
            f"purpose-{draw.randrange(6)}",
        ),
        CallerFacts(
            f"key-{key:04}",
            f"tenant-{key % TENANTS:02}",
            f"project-{key % 1000:04}",
            (Role.APP,),
            f"site-{here:02}",
            COUNTRIES[here],
            COUNTRIES[here],
        ),
        DataFacts(draw.choice(CLASSES), COUNTRIES[here], kinds, "cascade/3 gliner/1"),  # type: ignore[arg-type]
        (target.id,),
        EnvFacts(SITE, "node1", "2026-01-01T00:00:00Z", 1),
    )
    code = f"policy.code_{rule:02}"
    reasons = (
        Reason(code, f"rule-{rule:02}", "GDPR art. 6", "info", {"to": COUNTRIES[place]}),
        Reason("policy.target_allowed", "targets"),
    )
    grant = Grant(target.id, {"*": "pseudonymise"}, restore=("text",), obligations=("log",))
    revision = f"revision-{draw.randrange(4)}"
    decision = Decision("@DECISION@", True, (grant,), reasons, revision, "a" * 64, "b" * 64, "opa/1.22.2")
    return asked, decision, target, code


def _fill(record: records.Record, origin: str) -> Fill:
    """Return what puts sequence, time and ids into the canonical bytes of a record."""
    record.origin, record.sequence, record.time, record.monotonic_ns = origin, 4999999999999991, "@TIME@", "@MONO@"
    whole = records.encode(record)
    marks = sorted((at, mark) for mark in PLACEHOLDERS for at in _places(whole, mark))
    fixed, kinds, before = [], [], 0
    for at, mark in marks:
        fixed.append(whole[before:at])
        kinds.append(PLACEHOLDERS.index(mark))
        before = at + len(mark)
    rest = whole[before:]

    def fill(sequence: int, at_us: int, ids: tuple[str, str]) -> bytes:
        seconds, us = divmod(at_us, 1_000_000)
        time_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        values = (
            b"%d" % sequence,
            f'"{time_text}.{us:06}Z"'.encode(),
            b'"%d000"' % at_us,
            ids[0].encode(),
            ids[1].encode(),
            b"%d" % (sequence - 1),
        )
        return b"".join(part for piece, kind in zip(fixed, kinds, strict=True) for part in (piece, values[kind])) + rest

    return fill


def _places(whole: bytes, mark: bytes) -> Iterator[int]:
    at = whole.find(mark)
    while at >= 0:
        yield at
        at = whole.find(mark, at + 1)


def _ulid(at_us: int, draw: Random) -> str:
    number = (at_us // 1000) << 80 | draw.getrandbits(80)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def _told(report: dict[str, Any]) -> str:
    count, pages = report["records"], report["pages"]
    singles = [page for page in pages if "+" not in page["search"]]
    pairs = [page for page in pages if "+" in page["search"]]
    lines = [
        f"{count:,} records, {report['log_bytes'] / count:.0f} bytes a record in the log (packed), "
        f"{report['index_bytes'] / count:.1f} in the index",
    ]
    if report["built_rows"]:
        rate = report["built_rows"] / report["build_seconds"]
        lines.append(f"built {report['built_rows']:,} rows in {report['build_seconds']:.0f} s: {rate:,.0f}/s")
    lines += ["", "| first page of 100 by | found | median ms | slowest ms | of it processor ms |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    lines += [_line(page, page["search"]) for page in singles]
    worst = max(pairs, key=lambda page: page["median"])
    middle = sorted(pairs, key=lambda page: page["median"])[len(pairs) // 2]
    lines += [_line(middle, f"of {len(pairs)} pairs the median: {middle['search']}")]
    lines += [_line(worst, f"the slowest pair: {worst['search']}")]
    return "\n".join(lines)


def _line(page: dict[str, Any], name: str) -> str:
    times = (page[of] * 1000 for of in ("median", "slowest", "processor"))
    return f"| {name} | {page['found']:,} |" + "".join(f" {time_ms:.0f} |" for time_ms in times)


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
