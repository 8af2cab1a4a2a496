"""A real token for tests: SoftHSM (Debian's softhsm2), with tokens in a folder of the test's own.

The library reads its configuration once, when it is loaded; so one folder serves a whole process, and each test has
keys of its own in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL, PIN = "sekisho-test", "4711"


def new_token(folder: Path) -> dict[str, str]:
    """Make a token; return the variable of the environment that leads the library to it."""
    tool = shutil.which("softhsm2-util")
    assert tool and MODULE.is_file(), "There is no SoftHSM. Run: make deps"
    (folder / "tokens").mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    where = {"SOFTHSM2_CONF": str(config)}
    wish = ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "47114711"]
    subprocess.run([tool, *wish], check=True, capture_output=True, env={**os.environ, **where})
    return where
