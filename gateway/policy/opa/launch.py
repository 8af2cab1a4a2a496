"""Become another program that dies with its parent and leaves no core file.

Run as a file, by path, with ``python -I -S``; imports nothing of the package. Usage: ``launch.py PARENT_PID PROGRAM
[ARGUMENT...]``. A ``preexec_fn`` would do the same, but is not safe in a process that has threads.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main(parent: int, command: list[str]) -> None:
    """Replace this process by ``command``. Exits at once when the parent is gone already."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        sys.exit(126)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(125)
    os.execv(command[0], command)  # noqa: S606  no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
