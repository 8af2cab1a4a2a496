"""Other people's clients for the tests: Python's in an environment of their own, JavaScript's beside it.

The Node.js that runs the latter comes as a wheel in the same lock. npm's own settings stay in force, nothing of a
package runs while it is installed, and every file must have the hash that package-lock.json gives. Nothing of it is
part of what Sekisho ships.
"""

from __future__ import annotations

import shutil

import environment
import layout
from progress import Board

VENV = layout.CACHE / "clients-venv"
NODE = layout.CACHE / "clients-node"
NEEDED = layout.ROOT / "tests" / "clients" / "others" / "node"
FILES = ("package.json", "package-lock.json")
MEND = "Is a package registry within reach? npm's own settings count: npm config, .npmrc, HTTPS_PROXY."


def install(board: Board) -> None:
    """Have every client that the tests put before a gateway. Raises StepFailed."""
    environment.install(board, VENV, "clients")
    stamp, key = NODE / ".done", layout.key_of(*(NEEDED / name for name in FILES), str(NODE))
    if layout.is_done(stamp, key):
        return
    NODE.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(NEEDED / name, NODE / name)
    npm = [str(VENV / "bin" / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    path = {**environment.pip_environment(), "npm_config_update_notifier": "false"}
    path["PATH"] = f"{VENV / 'bin'}:{path.get('PATH', '')}"
    with board.job("JavaScript packages (clients)"):
        board.run(npm, layout.LOGS / "npm.log", MEND, cwd=NODE, env=path)
    layout.mark_done(stamp, key)
