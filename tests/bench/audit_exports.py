"""The benchmark of exports: how long a log takes in each form, and how much memory.

    python tests/bench/audit_exports.py --records 1000000 --forms parquet,csv --json .cache/bench/exports.json

The log is synthetic and a real one all the same: its records are as the gateway writes them for one request after the
other (an intent of about 2 KB, its outcome), in real bundles, under a signed head. Each form is written in a process of
its own, whose largest resident memory is what is told. Nothing here judges.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from yardstick import machine  # noqa: E402

from gateway.audit import record as records  # noqa: E402
from gateway.audit.export.forms import Ways  # noqa: E402
from gateway.audit.export.kinds import NAMES  # noqa: E402
from gateway.audit.export.manifest import sealed  # noqa: E402
from gateway.audit.export.run import Keys, Wish, export  # noqa: E402
from gateway.audit.log import layout  # noqa: E402
from gateway.audit.log.merkle import CompactRange, leaf_hash  # noqa: E402
from gateway.audit.log.note import Signer  # noqa: E402
from gateway.audit.log.reader import Filter  # noqa: E402
from gateway.domain import Outcome, Usage  # noqa: E402

ORIGIN = "berlin/node1/w0"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@dataclass(frozen=True)
class Measured:
    form: str
    records: int
    rows: int
    seconds: float
    cpu_seconds: float
    most_mib: int
    bytes: int
    manifest_bytes: int


def main() -> int:
    options = _options()
    place = Path(tempfile.mkdtemp(prefix="sekisho-bench-", dir=options.place))
    try:
        folder = place / "audit" / ORIGIN / "default"
        began = time.perf_counter()
        size = _make_log(folder, options.records)
        print(f"{options.records} records, {size / 2**20:.0f} MiB, in {time.perf_counter() - began:.0f} s", flush=True)
        found = [_measured(folder, place, form, options.filter) for form in options.forms.split(",")]
    finally:
        shutil.rmtree(place)
    if options.json:
        report = {"machine": machine.facts(), "measured": [asdict(each) for each in found]}
        Path(options.json).write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--forms", default=",".join(NAMES))
    parser.add_argument("--filter", default="", help="a record type: what a filtered export costs")
    parser.add_argument("--place", default=None, help="folder for the log and the exports")
    parser.add_argument("--json", default="")
    return parser.parse_args()


def _make_log(folder: Path, count: int) -> int:
    """Write bundles and one signed head; return how many bytes the bundles have."""
    from tests.audit.conftest import CALLER, DECISION, TARGET, question

    tree, size = CompactRange(), 0
    intent = records.Intent(
        request="",
        caller=records.caller_ref(CALLER),
        input=question("01J", "m"),
        decision=DECISION,
        target=TARGET,
        redactions={"PERSON": 1},
    )
    outcome = records.outcome_record("", 0, Outcome("done", usage=Usage(700, 250), first_byte_seconds=0.2))
    for bundle in range((count + layout.BUNDLE_RECORDS - 1) // layout.BUNDLE_RECORDS):
        first, frames = bundle * layout.BUNDLE_RECORDS, []
        for sequence in range(first, min(count, first + layout.BUNDLE_RECORDS)):
            record: records.Intent | records.OutcomeRecord = outcome if sequence % 2 else intent
            record.request = f"01J{sequence // 2:023d}"
            outcome.intent = sequence - 1
            records.stamp(record, ORIGIN, sequence, "synchronised")
            data = records.encode(record)
            tree.append(leaf_hash(data))
            frames.append(layout.frame(data))
        path = folder / layout.tile_path("entries", bundle)
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_bytes(b"".join(frames))
    (folder / layout.HISTORY).write_bytes(Signer(ORIGIN, KEY).sign(tree.size, tree.root()) + b"\n")
    return size


def _measured(folder: Path, place: Path, form: str, kind: str) -> Measured:
    """Export in a process of its own."""
    answers: multiprocessing.Queue[Measured] = multiprocessing.get_context("spawn").Queue()
    worker = multiprocessing.get_context("spawn").Process(target=_export, args=(folder, place, form, kind, answers))
    worker.start()
    found = answers.get()
    worker.join()
    rate, size = found.records / found.seconds, found.bytes / 2**20
    told = f"{form:8} {found.seconds:7.1f} s, {found.cpu_seconds:7.1f} s of a core, {rate:7.0f} records/s"
    print(f"{told}, {found.most_mib:4} MiB, file {size:.0f} MiB", flush=True)
    return found


def _export(folder: Path, place: Path, form: str, kind: str, answers: multiprocessing.Queue[Measured]) -> None:
    signer = Signer("sekisho-log", KEY)
    keys = Keys((signer.verifier,), signer.verifier_key(), lambda payload: sealed(payload, signer))
    wish = Wish(place / f"out.{form}", form, (folder,), Filter(type=kind), Ways(ZoneInfo("Europe/Berlin")))
    began = time.perf_counter()
    done = export(wish, keys)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu, most = used.ru_utime + used.ru_stime, used.ru_maxrss // 1024
    manifest = done.manifest.stat().st_size
    done.out.unlink()
    answers.put(Measured(form, done.logs[0].size, done.rows, seconds, cpu, most, done.bytes, manifest))


if __name__ == "__main__":
    sys.exit(main())
