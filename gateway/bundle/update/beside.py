"""Where a staged version answers beside the one that runs: an installation of its own, for as long as that takes.

It lies in ``/tmp``, since paths of sockets must be short, and ``PREFIX/state/beside`` names it before it is made.
So what an update leaves that is killed there is found by whoever ends it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway import durable

_OURS = re.compile(r"/tmp/sk-[0-9a-f]{16}")  # noqa: S108  made by us alone, under a name that nobody knows before


@dataclass(frozen=True)
class Beside:
    """The folders of one installation's trials. ``root`` is its ``PREFIX``."""

    root: Path

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Make a folder that others may look into; it is gone at the end. Raises OSError."""
        self.clear()
        scratch = Path(f"/tmp/sk-{secrets.token_hex(8)}")  # noqa: S108  as above; mkdir takes no folder that is there
        durable.replace(self._name, str(scratch).encode())
        scratch.mkdir(mode=0o755)
        scratch.chmod(0o755)
        try:
            yield scratch
        finally:
            self.clear()

    def clear(self) -> None:
        """Remove the folder of a trial that is over. What still is in use then goes another time. Raises OSError."""
        try:
            named = self._name.read_text()
        except FileNotFoundError:
            return
        is_ours = _OURS.fullmatch(named) is not None and _is_our_folder(named)
        if is_ours:
            shutil.rmtree(named, ignore_errors=True)
        if not is_ours or not os.path.lexists(named):
            self._name.unlink(missing_ok=True)

    @property
    def _name(self) -> Path:
        return self.root / "state" / "beside"


def _is_our_folder(path: str) -> bool:
    try:
        return os.lstat(path).st_uid == os.geteuid() and not os.path.islink(path)
    except FileNotFoundError:
        return False
