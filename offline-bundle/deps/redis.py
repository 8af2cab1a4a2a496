"""A Redis server for the tests, unpacked beside the checkout instead of installed: installing it would start it.

Debian 12's redis-server is 7.0, the last line under the three-clause BSD licence (from 7.4 on it is RSALv2 or SSPLv1);
the libraries beside it are libjemalloc2 and liblzf1 (BSD) and libatomic1 (GPL with GCC's runtime exception). Packages
are fetched and checked by apt; nothing of them runs but the program, on a Unix socket or on loopback, for the time of
a test. Nothing of it is part of what Sekisho ships. A site brings its own Redis, or has one worker and needs none.
"""

from __future__ import annotations

import shutil

import layout
from progress import Board, StepFailed

FOLDER = layout.CACHE / "redis"
PACKAGES = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1")
MEND = "Install it by hand (apt-get install redis-server); the tests of limits in Redis need it."


def install(board: Board) -> None:
    """Have a ``redis-server`` in PATH or in ``.cache/redis/usr/bin``; a failure is shown and is no error."""
    if shutil.which("redis-server") or (FOLDER / "usr/bin/redis-server").exists():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = layout.LOGS / "redis.log"
    try:
        with board.job("redis"):
            board.run(["apt-get", "download", *PACKAGES], log, MEND, cwd=FOLDER)
            for package in sorted(FOLDER.glob("*.deb")):
                board.run(["dpkg-deb", "-x", package, FOLDER], log, MEND)
    except StepFailed as failure:
        print(failure.report())
