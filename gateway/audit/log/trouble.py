"""Stable codes of what is wrong with a log, and which errors of the system mean what."""

from __future__ import annotations

import errno

UNAVAILABLE, TAMPERED, DISK_FULL = "audit.unavailable", "audit.tampered", "audit.disk_full"
KEY_SILENT = "audit.key_silent"
RECORD_REFUSED = "audit.record_refused"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
GONE = (errno.ENOENT, errno.ESTALE)
"""What was written into is not there any more."""
