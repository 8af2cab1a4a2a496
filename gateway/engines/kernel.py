"""The few system calls that Python has no function for. Each raises :class:`OSError` with the kernel's errno."""

from __future__ import annotations

import ctypes
import os
import platform

ARCHITECTURE = platform.machine()
"""``x86_64`` or ``aarch64``: the two whose system call numbers this package knows."""

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def syscall(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make a system call by number. Integers are passed as C ``long``, buffers by address."""
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(int(_libc.syscall(ctypes.c_long(number), *words)))


def prctl(option: int, value: int = 0) -> int:
    """Call ``prctl(option, value, 0, 0, 0)``."""
    words = [ctypes.c_ulong(word) for word in (value, 0, 0, 0)]
    return _checked(int(_libc.prctl(ctypes.c_int(option), *words)))


def unshare(flags: int) -> None:
    """Leave the namespaces that ``flags`` name. The process must have one thread only for ``CLONE_NEWUSER``."""
    _checked(int(_libc.unshare(ctypes.c_int(flags))))


def drop_capabilities() -> None:
    """Give up every capability of this thread, root's included."""
    header = ctypes.create_string_buffer(_LINUX_CAPABILITY_VERSION_3.to_bytes(4, "little") + bytes(4), 8)
    syscall(_CAPSET[ARCHITECTURE], header, ctypes.create_string_buffer(24))
