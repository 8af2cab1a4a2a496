"""The Python environments: made with ``venv``, filled with plain pip from hash locks.

pip's own settings stay in force (``PIP_*``, pip.conf, proxies): no index is named here, and every file must have the
hash that the lock gives, whichever mirror it comes from. Only wheels are taken, so nothing of a package runs while it
is installed, and no build pulls in what no lock names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import layout
from progress import Board

MEND = "Is a package index within reach? pip's own settings count: PIP_INDEX_URL, pip.conf, HTTPS_PROXY, PIP_CERT."

_SCRIPT = """#!{python}
import sys

from gateway.cli.main import main

sys.exit(main())
"""


def install(board: Board, venv: Path, lock: str, covers: tuple[str, ...] = ()) -> None:
    """Bring ``venv`` to the lock's packages. ``covers`` names locks that are part of this one.

    Raises:
        StepFailed
    """
    key = _key(venv, lock)
    if layout.is_done(_stamp(venv, lock), key):
        return
    log = layout.LOGS / f"pip-{lock}.log"
    log.unlink(missing_ok=True)
    with board.job(f"Python packages ({lock})"):
        create(board, venv)
        board.run([*pip(venv), "install", *_options(lock)], log, MEND, env=pip_environment())
    for name in (*covers, lock):
        layout.mark_done(_stamp(venv, name), _key(venv, name))


def create(board: Board, venv: Path) -> None:
    """Make the environment unless it is there and works. One of another place or Python is made anew.

    Raises:
        StepFailed
    """
    if _works(venv):
        return
    command = [sys.executable, "-m", "venv", "--clear", str(venv)]
    with board.job(f"Python environment {venv.name}"):
        board.run(command, layout.LOGS / "venv.log", "On Debian: apt-get install python3.11-venv")


def pip(venv: Path) -> list[str]:
    """The command that runs this environment's pip."""
    return [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def pip_environment() -> dict[str, str]:
    """The user's environment, less what would send packages to another place than the environment meant."""
    barred = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if name not in barred}


def link_project() -> None:
    """Make the checkout importable in ``.venv`` and put the command ``sekisho`` there: an editable install."""
    python = layout.VENV / "bin" / "python"
    site = layout.VENV / "lib" / "python3.11" / "site-packages"
    _write(site / "sekisho-checkout.pth", f"{layout.ROOT}\n")
    script = layout.VENV / "bin" / "sekisho"
    _write(script, _SCRIPT.format(python=python))
    script.chmod(0o755)


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _options(lock: str) -> list[str]:
    return ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(layout.LOCKS / f"{lock}.txt")]


def _stamp(venv: Path, lock: str) -> Path:
    return venv / f".sekisho-{lock}"


def _key(venv: Path, lock: str) -> str:
    return layout.key_of(layout.LOCKS / f"{lock}.txt", str(venv))


def _works(venv: Path) -> bool:
    """Whether the environment runs Python 3.11, has pip, and was made in this very place."""
    python, script = venv / "bin" / "python", venv / "bin" / "pip"
    question = "import sys, pip; print(sys.version_info[:2] == (3, 11), sys.prefix)"
    try:
        answer = subprocess.run(
            [python, "-c", question], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        shebang = script.read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return False
    return answer.stdout.split() == ["True", str(venv)] and str(venv) in shebang
