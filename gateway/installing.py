"""What ``install.sh`` runs: the installer, with the site's audit log as a witness of the time.

It runs from the wheels of ``gateway.bundle.places.STAGE_TWO`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from gateway.audit.log.reader import newest_time
from gateway.bundle.install import main as installer
from gateway.bundle.refusal import BundleRefused


def main(arguments: Sequence[str]) -> int:
    """Install, or check, as :func:`gateway.bundle.install.main.main` says."""
    return installer.main(arguments, lambda data: log_time_of(data / "audit"))


def log_time_of(base: Path) -> datetime | None:
    """The time of the newest record of the site's logs: a clock that was turned back does not take it back.

    Raises:
        BundleRefused: a log cannot be read.
    """
    try:
        return newest_time(base)
    except OSError as problem:
        said = f"{base} cannot be read, which bears witness of the time ({problem.strerror})."
        raise BundleRefused("bundle.permission", said) from problem
