"""Policies that a maker gives for a bundle: an archive of a policy folder, read, judged, and packed again.

What travels is the source that a site builds its revisions from; it has no signature of its own. The bundle's targets
role signs it, as it signs the program, and what is put in force is signed by the site's own approvers afterwards
(`sekisho policy build`, `sign`, `activate`), which no signature made elsewhere can stand for. So it is looked at here:
what would not compile or fails its own tests is not carried anywhere.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from gateway.bundle.build import archive
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.unpack import unpack
from gateway.errors import SetupError

Judge = Callable[[Path], None]
#: Without these it is no policy folder, whatever else is in it.
NEEDED = ("capabilities.json", "main/decision.rego")
_MOST_SECONDS = 120
_MEND = "Give a .tar.gz of a policy folder, or `shipped`."


def read(given: Path, judge: Judge, epoch: int) -> bytes:
    """Return the archive as a bundle carries it: the same files, in an order and with names that any site unpacks.

    Args:
        judge: looks at the unpacked folder, and raises SetupError where it finds a fault.

    Raises:
        SetupError: it is no such archive, or ``judge`` says so.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "policies")
        folder.mkdir()
        _unpack(given, Path(scratch, "plain.tar"), folder)
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            raise SetupError(f"{given} lacks {missing[0]}.", _MEND)
        judge(folder)
        return archive.tar_gz(archive.of_folder(folder), epoch)


def _unpack(given: Path, plain: Path, folder: Path) -> None:
    """Take the files out, whether their names begin with ``./`` or not; links and names that lead out are refused."""
    try:
        members = archive.read_tar_gz(given.read_bytes())
    except OSError as problem:
        why = "is not there" if isinstance(problem, FileNotFoundError) else "is no .tar.gz"
        raise SetupError(f"{given} {why}.", _MEND) from None
    except (EOFError, ValueError, tarfile.TarError):
        raise SetupError(f"{given} is no .tar.gz.", _MEND) from None
    archive.write_tar(plain, {name.removeprefix("./"): member for name, member in members.items()}, 0)
    try:
        unpack(plain, folder, given.name)
    except BundleRefused as refused:
        raise SetupError(f"{refused.problem}", "Make the archive anew.") from None
