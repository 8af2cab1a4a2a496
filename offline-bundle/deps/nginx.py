"""nginx for `make bench` and the tests behind a proxy, unpacked beside the checkout: installing it would start it.

The Debian package is fetched and checked by apt; nothing of it runs but the program, under settings of their own.
Where that is not possible those tests are skipped, and the bench leaves nginx out and says so.
"""

from __future__ import annotations

import os
import shutil

import layout
from progress import Board, StepFailed

FOLDER = layout.CACHE / "nginx"
MEND = "Install it by hand (apt-get install nginx-light), or do without: tests behind it are skipped."


def install(board: Board) -> None:
    """Have an nginx in PATH, /usr/sbin or ``.cache/nginx/usr/sbin``; a failure is shown and is no error."""
    if shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin") or (FOLDER / "usr/sbin/nginx").is_file():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = layout.LOGS / "nginx.log"
    try:
        with board.job("nginx"):
            board.run(["apt-get", "download", "nginx"], log, MEND, cwd=FOLDER)
            package = sorted(FOLDER.glob("nginx_*.deb"))[-1]
            board.run(["dpkg-deb", "-x", package, FOLDER], log, MEND)
    except StepFailed as failure:
        print(failure.report())
