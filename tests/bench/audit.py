"""What the book costs: ``make bench-audit``. Durable records a second in one process, what waiting for them adds, how
fast a log verifies, and how large records are, beside what the disk itself does.

Records are of real size: a question with its candidates, a decision with its reasons, a target. Callers write an
intent, wait until it is on stable storage, and close it, as requests do: first as fast as they can, then at a fixed
rate, where the wait is what a request would feel. Writes a table, and JSON with ``--json FILE``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from gateway.audit.log import bundles
from gateway.audit.log.layout import bundle_indexes
from gateway.audit.shelf import Shelf
from gateway.domain import (
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
from gateway.settings import AuditSettings

MODEL = "qwen2.5-7b-instruct"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CALLER = Caller("01JKEY", "acme", "support", (Role.APP,), "customer-support", "berlin", "DE", "DE", "DE")
TARGETS = tuple(
    Target(f"{site}/node1/w0:{MODEL}", MODEL, (Capability.CHAT,), site, "node1", "DE", True,
           digest="a" * 64, device="cpu: 2 threads", build="xllamacpp/2026.10.11549 b1-0000000")
    for site in ("berlin", "munich", "stuttgart")
)  # fmt: skip
DECISION = Decision(
    "01JDECISION0000000000000000",
    True,
    tuple(Grant(each.id, {"*": "pseudonymise", "SECRET": "redact"}, restore=("text", "arguments")) for each in TARGETS),
    tuple(
        Reason(code, rule, legal, params={"origin": "DE", "destination": "DE", "row": "4"})
        for code, rule, legal in (
            ("policy.residency_adequate", "residency", "GDPR art. 44 and 45: within the Union no transfer takes place"),
            ("policy.table_allowed", "table", "the organisation's own rule table, row 4"),
            ("policy.class_allowed", "classes", "the organisation's classes of data"),
        )
    ),
    "2026-11-22.1",
    "b" * 64,
    "c" * 64,
    "opa/1.22.2",
)
PROJECTS = ("support", "recall", "paint-shop", "payroll", "gearbox")
FOUND = ("PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "VIN", "LOCATION", "DE_TAX_ID")
OUTCOME = Outcome("done", usage=Usage(812, 164), finish_reason="stop", first_byte_seconds=0.21, total_seconds=3.4,
                  parts={"detect": 0.004, "decide": 0.002, "choose": 0.0001, "redact": 0.001, "sync": 0.004},
                  redactions={"PERSON": 2, "EMAIL_ADDRESS": 1}, restored=3)  # fmt: skip


def question(number: int) -> PolicyInput:
    return PolicyInput(
        RequestFacts(f"01J{number:023d}", "/v1/chat/completions", Capability.CHAT, MODEL, True, False, "help"),
        CallerFacts("01JKEY", "acme", "support", (Role.APP,), "berlin", "DE", "DE"),
        DataFacts("internal", "DE", {"PERSON": "2-4", "EMAIL_ADDRESS": "1"}, "cascade/0123456789abcdef"),
        tuple(target.id for target in TARGETS),
        EnvFacts("berlin", "node1", "2026-11-22T12:00:00.000Z", 1, "synchronised"),
    )


def ids(random: Random) -> str:
    return "".join(random.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=26))


def varied(count: int) -> list[tuple[PolicyInput, Decision]]:
    """Return questions and decisions that differ as real ones do: ids, keys, projects, counts, the table's row."""
    random, made = Random(5), []
    for number in range(count):
        asked = question(number)
        caller = replace(asked.caller, key_id=f"01J{number % 50:023d}", project=random.choice(PROJECTS))
        data = replace(
            asked.data, entities={name: random.choice(("1", "2-4", "5-19")) for name in random.sample(FOUND, 3)}
        )
        request = replace(asked.request, id=ids(random))
        reasons = tuple(
            replace(each, params={**each.params, "row": str(random.randint(1, 40))}) for each in DECISION.reasons
        )
        made.append(
            (
                replace(asked, request=request, caller=caller, data=data),
                replace(DECISION, id=ids(random), reasons=reasons),
            )
        )
    return made


class Run:
    """Callers beside each other on one shelf; ``waits`` are the seconds from an intent's call to its durability."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.waits: list[float] = []
        self.number = 0
        self.cpu_us = 0.0

    async def one(self) -> None:
        self.number += 1
        asked, decision = VARIED[self.number % len(VARIED)]
        began = time.perf_counter()
        entry = self.shelf.intent(CALLER, asked, decision, TARGETS[0], {"PERSON": 2, "EMAIL_ADDRESS": 1})
        await entry.durable()
        self.waits.append(time.perf_counter() - began)
        entry.close(OUTCOME)

    async def flat_out(self, callers: int, seconds: float) -> float:
        """Return records a second."""
        end = time.perf_counter() + seconds

        async def caller() -> None:
            while time.perf_counter() < end:
                await self.one()

        began, used = time.perf_counter(), time.process_time()
        await asyncio.gather(*(caller() for _ in range(callers)))
        await self.shelf.durable()
        self.cpu_us = 1e6 * (time.process_time() - used) / (2 * len(self.waits))
        return 2 * len(self.waits) / (time.perf_counter() - began)

    async def at(self, requests_per_second: float, seconds: float) -> None:
        """Begin requests at a fixed rate, whether the earlier ones are done or not."""
        began, tasks = time.perf_counter(), []
        for number in range(int(requests_per_second * seconds)):
            due = began + number / requests_per_second
            delay = due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            tasks.append(asyncio.ensure_future(self.one()))
        await asyncio.gather(*tasks)


VARIED = varied(4096)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return milliseconds."""
    ordered = sorted(seconds)
    return {
        name: round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99), ("max_ms", 1.0))
    }


def disk(folder: Path, rounds: int = 200, size: int = 100_000) -> dict[str, float]:
    """Return what one append of so many bytes and its fdatasync take, with nothing else going on."""
    descriptor = os.open(folder / "disk", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    took = []
    for _ in range(rounds):
        os.write(descriptor, b"x" * size)
        began = time.perf_counter()
        os.fdatasync(descriptor)
        took.append(time.perf_counter() - began)
    os.close(descriptor)
    return percentiles(took)


def sizes(folder: Path) -> dict[str, float]:
    """Return bytes a record, plain and packed."""
    raws = [bundles.read(folder, index) or b"" for index in bundle_indexes(folder)[:-1][:40]]
    count, plain = 256 * len(raws), sum(map(len, raws))
    packed = sum(len(bundles.pack(raw)) for raw in raws)
    began = time.perf_counter()
    for raw in raws:
        bundles.pack(raw)
    took = time.perf_counter() - began
    return {
        "plain_bytes": round(plain / count),
        "packed_bytes": round(packed / count),
        "packed_mb_per_second": round(plain / took / 1e6, 1),
        "gzip_9_bytes": round(sum(len(gzip.compress(raw, 9)) for raw in raws) / count),
    }


def verified(folder: Path, vkey: str) -> dict[str, Any]:
    """Return how fast one process checks everything, and hashes, tree and signatures alone, by its processor time."""
    from gateway.audit.verify import verify

    found: dict[str, Any] = {}
    for name, hashes_only in (("records_per_second", False), ("hashes_only_per_second", True)):
        began = time.process_time()
        report = verify(folder, vkey, hashes_only=hashes_only)
        found[name] = round(report.records / (time.process_time() - began))
        assert report.ok, report.problems[:3]
    return {"records": report.records, **found}


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"disk": disk(folder)}
    shelf = Shelf(folder / "audit", origin="berlin/node1/w0", log_key=KEY, settings=AuditSettings())
    shelf.open()
    uvloop.run(Run(shelf).flat_out(64, 1.0))  # warm
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # as the server sets it
    rates = []
    for callers in options.callers:
        run = Run(shelf)
        rate = uvloop.run(run.flat_out(callers, options.seconds))
        rates.append(
            {
                "callers": callers,
                "records_per_second": round(rate),
                "cpu_us": round(run.cpu_us, 1),
                **percentiles(run.waits),
            }
        )
    found["flat_out"] = rates
    found["at_rate"] = []
    for rate in options.rates:
        run = Run(shelf)
        uvloop.run(run.at(rate / 2, options.seconds))
        found["at_rate"].append({"records_per_second": rate, **percentiles(run.waits)})
    vkey = shelf.verifier_key()
    shelf.close()
    log = folder / "audit/berlin/node1/w0/default"
    found["size"] = sizes(log)
    found["verify"] = verified(log, vkey)
    found["mean_wait_ms"] = round(1000 * statistics.mean(run.waits), 2)
    return found


def tell(found: dict[str, Any]) -> None:
    print(f"disk alone: fdatasync of 100 KB {found['disk']}")
    for row in found["flat_out"]:
        rate, used = row["records_per_second"], row["cpu_us"]
        print(f"{row['callers']:4d} callers, flat out: {rate:6d} durable records/s, {used} us of processor each")
        print(f"     waiting {_ms(row)}")
    for row in found["at_rate"]:
        print(f"at {row['records_per_second']:6d} records/s, waiting {_ms(row)}")
    print(f"a record: {found['size']}")
    print(f"verification: {found['verify']}")


def _ms(row: dict[str, Any]) -> str:
    return ", ".join(f"{name[:-3]} {row[name]} ms" for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the log is written; else a temporary folder here")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--callers", type=int, nargs="*", default=[16, 64, 256])
    parser.add_argument("--rates", type=int, nargs="*", default=[1000, 5000, 10000])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder or Path.cwd() / ".cache") as folder:
        found = measure(Path(folder), options)
    tell(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
