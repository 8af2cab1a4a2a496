"""The TUF client: what it has accepted lies in a folder, and nothing is believed that the root there does not lead to.

The workflow is TUF's own (specification 1.0.34, section 5.3), carried out by python-tuf's ``Updater``. Ours are the
source (a folder, or HTTP), the reference time, and the name of each refusal.

``metadata_dir`` holds ``root.json``, ``timestamp.json``, ``snapshot.json``, ``targets.json`` (and delegated roles) as
they were last accepted. Not for two processes at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tuf.api import exceptions as tuf
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.repository.metadata import read_root

_CHUNK_BYTES = 1 << 20
_SCHEMES = ("http", "https")

#: Bounds of what is read before it is known to be right (TUF 5.3: "up to some X number of bytes").
CONFIG = UpdaterConfig(
    max_root_rotations=256,
    max_delegations=32,
    root_max_length=512_000,
    timestamp_max_length=16_384,
    snapshot_max_length=2_000_000,
    targets_max_length=5_000_000,
    app_user_agent="sekisho",
)


class FolderFetcher(FetcherInterface):
    """Reads ``file://`` addresses below one folder; no link and no ``..`` leads out of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = Path(unquote(urlsplit(url).path))
        if not path.resolve().is_relative_to(self._folder) or not path.is_file():
            raise tuf.DownloadHTTPError("there is no such file", 404)
        return self._chunks(path)

    @staticmethod
    def _chunks(path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


class Client:
    """One repository, seen from ``metadata_dir``.

    Args:
        metadata_dir: what was accepted so far; :func:`trust` made it.
        metadata: a folder, or the address below which the metadata lie.
        targets: likewise for targets; empty: none will be downloaded.
        at: the reference time; without one, the clock.

    Raises:
        BundleRefused: the root in ``metadata_dir`` is no root.
    """

    def __init__(self, metadata_dir: Path, metadata: str | Path, targets: str | Path = "", at: datetime | None = None):
        with named(f"what {metadata_dir} holds"):
            self._updater = Updater(
                metadata_dir=str(metadata_dir),
                metadata_base_url=_address(metadata),
                target_base_url=_address(targets) if targets else None,
                fetcher=_fetcher(metadata),
                config=CONFIG,
                bootstrap=None,
            )
        if at is not None:  # there is no door for it: test_reference_time holds that this is what is compared
            self._updater._trusted_set.reference_time = at.astimezone(UTC)

    def refresh(self) -> None:
        """Accept the newest metadata, in the order root, timestamp, snapshot, targets.

        Raises:
            BundleRefused: by name; what was accepted before it stays accepted, as TUF says.
        """
        with named("the repository"):
            self._updater.refresh()

    def find(self, path: str) -> TargetFile | None:
        """What a target must be, also one of a delegated role; ``None``: nobody signed such a target.

        Raises:
            BundleRefused
        """
        with named("the repository"):
            return self._updater.get_targetinfo(path)

    def download(self, path: str, into: Path) -> Path:
        """Have a target in the folder ``into``, verified; one that is there already and is right is left as it is.

        Raises:
            BundleRefused: there is no such target, or it is not what was signed.
        """
        wanted = self.find(path)
        if wanted is None:
            raise BundleRefused(
                "bundle.malformed", f"There is no target {path}.", "Its name is the one in targets.json."
            )
        with named(path):
            into.mkdir(parents=True, exist_ok=True)
            name = str(into / _file_name(path))
            return Path(self._updater.find_cached_target(wanted, name) or self._updater.download_target(wanted, name))

    @property
    def trusted(self) -> Any:
        """The metadata that were verified: python-tuf's ``TrustedMetadataSet``, to be read only."""
        return self._updater._trusted_set


def trust(root: bytes, metadata_dir: Path) -> None:
    """Begin with this root: everything that was accepted before is forgotten.

    Raises:
        BundleRefused: it is no root, or its own keys have not signed it.
    """
    read_root(root, "That file")
    for name in ("timestamp.json", "snapshot.json", "targets.json", "root.json"):
        (metadata_dir / name).unlink(missing_ok=True)
    shutil.rmtree(metadata_dir / "root_history", ignore_errors=True)
    metadata_dir.mkdir(parents=True, exist_ok=True)
    with named("that root"):
        Updater(str(metadata_dir), "file:///nonexistent", fetcher=FolderFetcher(metadata_dir), bootstrap=root)


@contextmanager
def named(what: str) -> Iterator[None]:
    """Turn python-tuf's errors into refusals by name."""
    try:
        yield
    except (tuf.RepositoryError, tuf.DownloadError) as problem:
        raise refusal_of(problem, what) from problem
    except ValueError as problem:  # an address that is none
        raise BundleRefused("bundle.unreachable", f"{what} cannot be asked for.") from problem
    except OSError as problem:
        raise BundleRefused("bundle.permission", f"{what} cannot be read or kept ({problem.strerror}).") from problem


def refusal_of(problem: tuf.RepositoryError | tuf.DownloadError, what: str) -> BundleRefused:
    """Return the refusal of one of python-tuf's errors, told by its type."""
    said: dict[type[Exception], tuple[str, str]] = {
        tuf.UnsignedMetadataError: ("bundle.signature", "is not signed by enough of the right keys"),
        tuf.BadVersionNumberError: ("bundle.rolled_back", "is older than what was accepted, or of mixed versions"),
        tuf.EqualVersionNumberError: ("bundle.rolled_back", "has the version of what was accepted"),
        tuf.ExpiredMetadataError: ("bundle.expired", "is past its end"),
        tuf.LengthOrHashMismatchError: ("bundle.tampered", "is not what was signed"),
        tuf.DownloadLengthMismatchError: ("bundle.endless", "is longer than what was signed"),
        tuf.SlowRetrievalError: ("bundle.unreachable", "comes too slowly"),
        tuf.DownloadHTTPError: ("bundle.truncated", "lacks a file"),
        tuf.DownloadError: ("bundle.unreachable", "cannot be fetched"),
        tuf.RepositoryError: ("bundle.malformed", "does not follow the specification"),
    }
    code, words = next(said[kind] for kind in type(problem).__mro__ if kind in said)
    return BundleRefused(code, f"{what[:1].upper()}{what[1:]} {words}.")


def _fetcher(source: str | Path) -> FetcherInterface:
    if isinstance(source, Path):
        return FolderFetcher(source.parent)
    if urlsplit(source).scheme not in _SCHEMES:
        raise BundleRefused("bundle.unreachable", "The address begins with neither http:// nor https://.")
    return Urllib3Fetcher(app_user_agent="sekisho")


def _address(source: str | Path) -> str:
    return source.resolve().as_uri() if isinstance(source, Path) else source


def _file_name(path: str) -> str:
    """A target's name as a file: no ``/`` of it makes a folder."""
    return path.replace("%", "%25").replace("/", "%2F") if os.sep in path or "%" in path else path
