"""What time it is, and whether something keeps it right: the kernel's own word (``adjtimex(2)``), read, never set."""

from __future__ import annotations

import ctypes
import struct
from datetime import UTC, datetime
from time import monotonic

from gateway.domain import Clock

READ_EACH_SECONDS = 1.0

_TIMEX_BYTES = 256  # struct timex has 208 on 64-bit Linux; the kernel writes no more
_STATUS_OFFSET = 40  # after modes (4, padded to 8), offset, freq, maxerror, esterror
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5  # return value: the clock is not synchronised


def now() -> str:
    """Return the wall clock in RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ClockQuality:
    """Answers whether this machine's clock is kept right; asks the kernel at most once a second."""

    def __init__(self) -> None:
        self._read_at = float("-inf")
        self._known: Clock = "unknown"

    def __call__(self) -> Clock:
        """Return ``synchronised``, ``free`` when nothing keeps it, ``unknown`` when the kernel does not say."""
        at = monotonic()
        if at - self._read_at >= READ_EACH_SECONDS:
            self._read_at, self._known = at, read_clock()
        return self._known


def read_clock() -> Clock:
    """Ask the kernel. ``modes`` is 0, so that nothing is changed and no privilege is needed."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        result = int(ctypes.CDLL(None, use_errno=True).adjtimex(timex))
    except (AttributeError, OSError):  # no Linux, or no such function in its C library
        return "unknown"
    (status,) = struct.unpack_from("i", timex, _STATUS_OFFSET)
    return quality(result, status)


def quality(result: int, status: int) -> Clock:
    """Return what ``adjtimex`` means by its result and the status it wrote."""
    if result < 0:  # forbidden here, by a sandbox for instance
        return "unknown"
    return "free" if result == _TIME_ERROR or status & _STA_UNSYNC else "synchronised"
