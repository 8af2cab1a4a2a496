"""``make soak``: mixed load on one gateway, and whether its memory stays flat after the first quarter of an hour.

Every half minute the anonymous memory (Linux's ``/proc/PID/smaps_rollup``) of the gateway, of OPA and of all engines
is read: not their PSS, which changes as other processes of the machine share the same files, or no longer do. Flat is:
the median of the last quarter of the samples after the warm-up is at most ``MOST_GROWTH`` above the median of their
first quarter, for the whole and for the gateway alone.

A part is a server of its own and at most an hour; ``.cache/soak/memory.json`` keeps all samples. Examples::

    python tests/soak/memory.py                         # the next part, 60 minutes
    python tests/soak/memory.py --parts 2 --minutes 60  # two hours
    python tests/soak/memory.py --again                 # forget what was done
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "fakes"))

import msgspec  # noqa: E402
from memory_seen import MOST_GROWTH, Sample, grown, held_kib  # noqa: E402
from mixed_load import CHAT, EMBEDDER, day, fill  # noqa: E402
from running import Running, install, sekisho  # noqa: E402

from gateway.registry.manifest import Manifest  # noqa: E402

DONE = ROOT / ".cache" / "soak" / "memory.json"
LONGEST_MINUTES = 60
WARM_UP_SECONDS, EACH_SECONDS = 15 * 60, 30
CALLERS = 6
REMEMBERED_MIB = 2
"""Memory for findings: small enough to be full when the warm-up ends, so that its filling is not taken for a leak."""
REMEMBERED_REQUESTS = 9000
"""Sent first, and answered by no model: more than the log's 8,192 recent ones, with more new words than are kept."""


def main() -> int:
    options = _options()
    parts: list[dict[str, Any]] = [] if options.again or not DONE.exists() else json.loads(DONE.read_text())
    goal = options.parts or len(parts) + 1
    for number in range(len(parts) + 1, goal + 1):
        print(f"part {number}: {options.minutes} minutes, began {time.strftime('%H:%M')}", flush=True)
        parts.append(part(number, options.minutes * 60, WARM_UP_SECONDS))
        DONE.parent.mkdir(parents=True, exist_ok=True)
        DONE.write_text(json.dumps(parts, indent=1))
        print(json.dumps({name: value for name, value in parts[-1].items() if name != "samples"}), flush=True)
    failed = [number for number, one in enumerate(parts, 1) if one["wrong"]]
    print(f"{len(parts) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def part(number: int, seconds: float, warm_up: float) -> dict[str, Any]:
    """Serve, load, sample for ``seconds``; return samples (KiB by role), growth after ``warm_up``, what was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    weights = [_weights(name) for name in (CHAT, EMBEDDER)]
    fleet = {"models": [{"model": CHAT}, {"model": EMBEDDER}]}
    install(folder, weights[0], fleet=fleet, privacy={"memory_mib": REMEMBERED_MIB})
    for file in weights[1:]:
        shutil.copyfile(file, folder / ".sekisho" / "store" / "sha256" / file.name)
    (folder / "organisation.yaml").write_text("projects: {acme/default: {keep_content_days: 30}}\n", encoding="utf-8")
    running = Running(folder)
    try:
        running.start()
        seen, samples = asyncio.run(_loaded(running, number, seconds))
        verified = json.loads(sekisho(folder, "audit", "verify", "--json"))["ok"]
    finally:
        running.stop()
        shutil.rmtree(folder)
    growth = {role: grown(samples, role, warm_up) for role in ("all", "gateway")}
    wrong = [f"{role} grew by {share:.1%}" for role, share in growth.items() if share > MOST_GROWTH]
    wrong += [f"{what} ({count} times)" for what, count in seen.items() if ": 500" in what or "broken" in what]
    wrong += [] if verified else ["the log does not verify"]
    return {"minutes": round(seconds / 60, 1), "answers": dict(sorted(seen.items())), "growth": growth, "wrong": wrong,
            "samples": samples}  # fmt: skip


async def _loaded(running: Running, seed: int, seconds: float) -> tuple[Counter[str], list[Sample]]:
    key, samples = await asyncio.to_thread(running.key, "plant"), []
    began = time.monotonic()
    await fill(running.base, key, REMEMBERED_REQUESTS)
    load = asyncio.create_task(day(running.base, key, seed, seconds - (time.monotonic() - began), CALLERS))
    while not load.done():
        samples.append({"second": round(time.monotonic() - began), **await asyncio.to_thread(held_kib, running.pid)})
        await asyncio.wait([load], timeout=EACH_SECONDS)
    return load.result(), samples


def _weights(name: str) -> Path:
    manifest = msgspec.yaml.decode((ROOT / "models" / f"{name}.yaml").read_bytes(), type=Manifest)
    return ROOT / ".sekisho" / "store" / "sha256" / manifest.sha256


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Mixed load and memory, in resumable parts of at most an hour.")
    parser.add_argument("--parts", type=int, default=0, help="go on until so many parts are done; default: one more")
    parser.add_argument("--minutes", type=float, default=60, help="length of a part: more than 20, at most 60")
    parser.add_argument("--again", action="store_true", help="forget the parts that were done")
    options = parser.parse_args()
    if not 20 < options.minutes <= LONGEST_MINUTES:
        parser.error(f"a part takes more than 20 and at most {LONGEST_MINUTES} minutes")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
