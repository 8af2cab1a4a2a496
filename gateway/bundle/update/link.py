"""``PREFIX/current``: the one link that says which version runs, exchanged by ``rename(2)``."""

from __future__ import annotations

import os
from pathlib import Path

from gateway import durable
from gateway.bundle.refusal import BundleRefused


def current(prefix: Path) -> str:
    """The folder of the version that runs, as it is called below ``versions``.

    Raises:
        BundleRefused: nothing is installed here.
    """
    try:
        return Path(os.readlink(prefix / "current")).name
    except OSError as problem:
        raise BundleRefused(
            "bundle.permission", f"{prefix} has no version that runs.", "install.sh of a bundle installs the first."
        ) from problem


def point(prefix: Path, folder: str) -> None:
    """Let ``folder`` be what runs. MUST NOT return before that is on stable storage.

    Raises:
        BundleRefused: there is no such version.
        OSError: the old one still is what runs.
    """
    if not (prefix / "versions" / folder).is_dir():
        raise BundleRefused("bundle.base_missing", f"There is no version {folder} here.")
    beside = prefix / ".current.new"
    beside.unlink(missing_ok=True)
    beside.symlink_to(Path("versions") / folder)
    beside.replace(prefix / "current")
    durable.sync_folder(prefix)
