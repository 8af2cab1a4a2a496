"""The image's lowest layer: Debian 12 with Python and openssl, thinned, and free of what differs from build to build.

What is taken out: package lists and archives, logs, manual pages and translations (licences stay), compiled Python,
and everything that tells of the machine that built it: its mirror, its name, its resolver, the day in ``/etc/shadow``.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import layout
from progress import Board, StepFailed
from tools import Tools

SUITE = "bookworm"
PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib", "ca-certificates", "openssl", "libgomp1")
USER, NUMBER = "sekisho", 10001
_EMPTIED = ("var/cache/apt", "var/lib/apt/lists", "var/log", "var/cache/debconf", "tmp", "run", "usr/share/man")
_REMOVED = ("etc/resolv.conf", "etc/apt/sources.list", "etc/.pwd.lock", "var/cache/ldconfig/aux-cache")
_OWN_FOLDERS = ("etc/sekisho", "var/lib/sekisho")
_MEND = "It needs root, a Debian mirror (--mirror) and 600 MB of disk; --base DIR takes a root folder that you made."


def make(board: Board, tools: Tools, folder: Path, mirror: str) -> None:
    """Bootstrap Debian into ``folder``, which must not exist yet.

    Raises:
        StepFailed
    """
    command = [
        str(tools.debootstrap),
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        SUITE,
        str(folder),
        *([mirror] if mirror else []),
    ]
    with board.job(f"Debian {SUITE}"):
        board.run(command, layout.LOGS / "debootstrap.log", _MEND, env=tools.environment)


def thin(root: Path) -> None:
    """Take out what no container needs and what tells of the builder."""
    for name in _EMPTIED:
        _empty(root / name)
    for name in _REMOVED:
        (root / name).unlink(missing_ok=True)
    for folder in (root / "usr/share/locale", root / "usr/share/info"):
        shutil.rmtree(folder, ignore_errors=True)
    for path in (root / "usr/share/doc").rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name != "copyright":
            path.unlink()
    for compiled in list(root.rglob("__pycache__")):
        shutil.rmtree(compiled)
    (root / "etc/hostname").write_text("sekisho\n", encoding="ascii")
    (root / "etc/machine-id").write_text("", encoding="ascii")
    shadow = root / "etc/shadow"
    if shadow.exists():  # the third field counts the days to the last change of a password
        shadow.write_text(
            re.sub(r"(?m)^([^:]*:[^:]*):\d*:", r"\1::", shadow.read_text(encoding="ascii")), encoding="ascii"
        )


def add_user(root: Path) -> None:
    """Have the user that everything runs as, by number, and the two folders that are its own."""
    _append(root / "etc/passwd", f"{USER}:x:{NUMBER}:{NUMBER}:Sekisho:/var/lib/sekisho:/usr/sbin/nologin\n")
    _append(root / "etc/group", f"{USER}:x:{NUMBER}:\n")
    for name in _OWN_FOLDERS:
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        os.chown(folder, NUMBER, NUMBER)
    python = root / "usr/bin/python3"
    if not python.is_symlink() and not python.exists():
        python.symlink_to("python3.11")


def settle(root: Path, epoch: int) -> None:
    """Give every file the time ``epoch`` (seconds), unless it is older: the same packages make the same bytes."""
    for folder, names, files in os.walk(root):
        for name in (*names, *files, "."):
            path = os.path.join(folder, name)
            if os.lstat(path).st_mtime > epoch:
                os.utime(path, (epoch, epoch), follow_symlinks=False)


def packages_of(root: Path) -> list[str]:
    """What Debian packages the layer holds, ``name version``, in order.

    Raises:
        StepFailed: it is no Debian root folder.
    """
    status = root / "var/lib/dpkg/status"
    try:
        text = status.read_text(encoding="utf-8")
    except OSError:
        raise StepFailed(f"{root} is no root folder of Debian: it lacks var/lib/dpkg/status.", _MEND) from None
    fields = [dict(re.findall(r"(?m)^(Package|Version): (.*)$", stanza)) for stanza in text.split("\n\n")]
    return sorted(f"{one['Package']} {one['Version']}" for one in fields if {"Package", "Version"} <= one.keys())


def _append(file: Path, line: str) -> None:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if line not in text:
        file.write_text(text + line, encoding="utf-8")


def _empty(folder: Path) -> None:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
