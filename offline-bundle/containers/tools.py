"""The two programs that make an image without a registry and without a daemon: debootstrap and umoci, both of Debian.

Taken from PATH, else fetched and checked by apt and unpacked under ``.cache/containers``: nothing is installed.
debootstrap (MIT) fetches and checks Debian's packages; umoci (Apache-2.0) writes layers and an OCI image layout.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import layout
from progress import Board

FOLDER = layout.CACHE / "containers"
_MEND = "Install them by hand: apt-get install debootstrap umoci"


@dataclass(frozen=True)
class Tools:
    """Where they are, and the environment that debootstrap wants to find its own scripts."""

    debootstrap: Path
    umoci: Path
    environment: dict[str, str]


def find(board: Board) -> Tools:
    """Have both programs.

    Raises:
        StepFailed: they are not here and cannot be fetched.
    """
    installed = [shutil.which(name) for name in ("debootstrap", "umoci")]
    environment = dict(os.environ)
    if all(installed):
        return Tools(Path(str(installed[0])), Path(str(installed[1])), environment)
    debootstrap, umoci = FOLDER / "usr/sbin/debootstrap", FOLDER / "usr/bin/umoci"
    if not (debootstrap.exists() and umoci.exists()):
        FOLDER.mkdir(parents=True, exist_ok=True)
        log = layout.LOGS / "containers.log"
        with board.job("debootstrap and umoci"):
            board.run(["apt-get", "download", "debootstrap", "umoci"], log, _MEND, cwd=FOLDER)
            for package in sorted(FOLDER.glob("*.deb")):
                board.run(["dpkg-deb", "-x", str(package), str(FOLDER)], log, _MEND)
    return Tools(debootstrap, umoci, environment | {"DEBOOTSTRAP_DIR": str(FOLDER / "usr/share/debootstrap")})
