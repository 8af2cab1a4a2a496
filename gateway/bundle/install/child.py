"""Processes that an installation or update starts, and that never outlive it: a killed updater leaves nothing running.

Else pip would go on writing into a folder that is being swept, and a server on trial would hold the site's address, so
that whoever looks whether the site is healthy asks the wrong one.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True)


def bound() -> Callable[[], None]:
    """What a child calls before it becomes its program (``preexec_fn``): the kernel ends it when this process ends.

    It is called after the change of user, which would take that back (prctl(2)).
    """
    parent = os.getpid()

    def bind() -> None:
        if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) or os.getppid() != parent:
            os._exit(127)

    return bind
