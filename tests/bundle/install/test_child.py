"""What an updater started ends with it, however it ended."""

from __future__ import annotations

import subprocess
import sys

from patience import within

STARTS = """
import subprocess, sys, time
from gateway.bundle.install.child import bound
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=bound())
print(child.pid, flush=True)
time.sleep(600)
"""


def is_there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_updater_leaves_nothing_running() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True) as updater:
        assert updater.stdout is not None
        child = int(updater.stdout.readline())
        assert is_there(child)
        updater.kill()
    assert within(5.0, lambda: not is_there(child))
