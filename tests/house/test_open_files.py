"""How many files the server may open: what the system allows, not what shells begin with."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

_PROGRAM = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from gateway.app import allow_open_files
allow_open_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.real
@pytest.mark.parametrize(("soft", "hard", "after"), [(256, 4096, 4096), (512, 512, 512)])
def test_the_server_takes_what_the_system_allows(soft: int, hard: int, after: int) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip("this process may open fewer files than the test needs")
    program = _PROGRAM.format(soft=soft, hard=hard)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(after), str(hard)]
