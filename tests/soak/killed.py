"""A thousand writers killed under load: the long form of ``tests/audit/test_log_killed.py``, a part of ``make soak``.

Two logs at a time, a hundred kills each, until there were as many as asked for; each log is recovered, verified and
compared with what was acknowledged::

    python tests/soak/killed.py              # 1,000
    python tests/soak/killed.py --kills 200 --seed 7
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT)]

from gateway.settings import AuditSettings  # noqa: E402
from tests.audit.conftest import OpenLog  # noqa: E402
from tests.audit.killer import KEY  # noqa: E402
from tests.audit.test_log_killed import check, kill  # noqa: E402

KILLS_A_LOG, BESIDE = 100, 2


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill writers of logs under load, and see that nothing was lost.")
    parser.add_argument("--kills", type=int, default=1000, help="how many; rounded up to hundreds")
    parser.add_argument("--seed", type=int, default=int(time.monotonic()), help="of the moments; told at the end")
    options = parser.parse_args()
    logs = -(-options.kills // KILLS_A_LOG)
    acknowledged = 0
    for first in range(0, logs, BESIDE):
        acknowledged += round_of(range(first, min(logs, first + BESIDE)), options.seed)
        print(f"{min(logs, first + BESIDE) * KILLS_A_LOG} killed, {acknowledged} acknowledged, 0 lost", flush=True)
    print(f"{logs * KILLS_A_LOG} passed, 0 failed, seed {options.seed}")
    return 0


def round_of(numbers: range, seed: int) -> int:
    """Kill writers of some logs beside each other, check the logs, and return how many records were acknowledged."""
    with tempfile.TemporaryDirectory(prefix="sk-") as folder:
        running = [kill(Path(folder) / str(number), KILLS_A_LOG, seed + number) for number in numbers]
        told = [process.communicate()[0] for process in running]
        assert [process.returncode for process in running] == [0] * len(running), f"seed {seed}"
        acknowledged = [json.loads(said) for said in told]
        for number, said in zip(numbers, acknowledged, strict=True):
            log = OpenLog(Path(folder) / str(number), KEY, AuditSettings())
            check(log, said, KILLS_A_LOG)
        return sum(map(len, acknowledged))


if __name__ == "__main__":
    sys.exit(main())
