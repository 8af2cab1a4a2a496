"""How many bytes of disk one request leaves: ``python tests/bench/disk.py``; a real gateway before the mock engine.

Texts are new each time and hold personal data, the demonstration's rules redact them. The log is weighed as it was
written, and again once every full bundle is packed; the index is built by the server. Sums of what lies there, not of
blocks. Writes JSON; docs/reference/sizing.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from rich.console import Console
from yardstick import gauge, machine
from yardstick.gauge import Load, Mock, ask
from yardstick.peers import Running, start_gateway
from yardstick.processes import CACHE, NotStarted

PACKED_WITHIN_SECONDS = 420.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--json", type=Path, default=CACHE / "disk.json", help="where to write")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="disk-", dir="/tmp"))  # sockets have short paths
    try:
        report = _measured(options.requests, folder)
    except NotStarted as problem:
        Console(stderr=True).print(f"[red]{problem}")
        return 3
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))
    return 0


def _measured(requests: int, folder: Path) -> dict[str, Any]:
    facts, mock = machine.facts(), Mock(gauge.build(), folder)
    home = folder / "site"
    home.mkdir()
    engine = {"kind": "openai-http", "url": f"http://{mock.address}", "model": "mock", "slots": 64}
    served: Running | None = None
    try:
        served = start_gateway(home, {"engine": {**engine, "context_tokens": 4096}}, "mock")
        data = home / ".sekisho"
        before, index_before = _bytes(data / "audit"), _bytes(data / "state" / "audit-index")
        load = Load(8, 280.0, requests=requests, warmup_seconds=0.0)
        sample = ask(gauge.build(), served.address, served.key, "mock", load)
        answered = len(sample.latencies_us)
        plain, full = _as_written(data / "audit") - before, _full_bundles(data / "audit")
        packed_after = _await_packed(data / "audit")
        if served.server is not None:
            served.server.stop()  # the index is whole at an ordered end
        packed, index = _bytes(data / "audit") - before, _bytes(data / "state" / "audit-index") - index_before
    finally:
        if served is not None and served.server is not None:
            served.server.stop()
        mock.stop()
    sums = {"log_bytes_as_written": plain, "log_bytes_packed": packed, "index_bytes": index}
    each = {f"{name}_a_request": round(value / answered, 1) for name, value in sums.items()}
    said = {"requests": answered, "errors": sample.errors, "full_bundles": full, "packed_after_seconds": packed_after}
    return {"machine": facts, **said, **sums, **each}


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.name != "reserve")


def _logs(audit: Path) -> list[Path]:
    return [entries.parent.parent for entries in audit.rglob("tile/entries")]


def _full_bundles(audit: Path) -> int:
    return sum(len(_sizes(log)) for log in _logs(audit))


def _sizes(log: Path) -> list[int]:
    """Return the length of every full bundle when it was plain; none yet: no file."""
    file = log / "sizes"
    data = file.read_bytes() if file.exists() else b""
    return [int.from_bytes(data[at : at + 8], "big") for at in range(0, len(data), 8)]


def _as_written(audit: Path) -> int:
    """Return what lies there, each packed bundle by its length before: `sizes`, docs/reference/files.md."""
    packed = plain = 0
    for log in _logs(audit):
        lengths = _sizes(log)
        entries = log / "tile" / "entries"
        for file in entries.rglob("*.gz"):
            number = int("".join(file.relative_to(entries).as_posix().removesuffix(".gz").replace("x", "").split("/")))
            packed += file.stat().st_size
            plain += 0 if file.with_suffix("").exists() else lengths[number]
    return _bytes(audit) - packed + plain


def _await_packed(audit: Path) -> float:
    """Wait until all full bundles of every log are packed and only the growing ones are plain. Returns seconds."""
    started = time.monotonic()
    while time.monotonic() - started < PACKED_WITHIN_SECONDS:
        plain = [file for file in audit.rglob("tile/entries/**/[0-9]*") if file.is_file() and file.suffix != ".gz"]
        if len(plain) <= len(_logs(audit)):
            return round(time.monotonic() - started, 1)
        time.sleep(1.0)
    raise NotStarted("the log's full bundles were not packed in time")


if __name__ == "__main__":
    sys.exit(main())
