"""The TUF client: what it has accepted lies in a folder, and nothing is believed that the root there does not lead to.

The workflow is TUF's own (specification 1.0.34, section 5.3), carried out by python-tuf's ``Updater``. Ours are the
source (a folder, or HTTP), the reference time, and the name of each refusal.

``metadata_dir`` holds ``root.json``, ``timestamp.json``, ``snapshot.json``, ``targets.json`` (and delegated roles) as
they were last accepted. Not for two processes at once.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tuf.api import exceptions as tuf
from tuf.api.metadata import Metadata, TargetFile
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.repository.break_glass import BreakGlass
from gateway.bundle.repository.fetching import CutShort, FolderFetcher, HttpFetcher
from gateway.bundle.repository.metadata import read_root

_SCHEMES = ("http", "https")
_BEFORE_ANY_END = datetime(1970, 1, 1, tzinfo=UTC)

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
        self._folder, self._walked = metadata_dir, False
        with named(f"What {metadata_dir} holds"):
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
        self.refresh_root()
        self._load_below_root()

    def refresh_past_end(self, said: BreakGlass) -> bool:
        """As :meth:`refresh`, where a statement lets timestamp and snapshot be past their end.

        Returns:
            Whether they were, so that the statement was needed.

        Raises:
            BundleRefused: as ever; or the statement does not count, or is for another snapshot. What was loaded by
                then lies in ``metadata_dir``, so that folder should be one on trial.
        """
        self.refresh_root()
        at = self.trusted.reference_time
        if self.trusted.root.is_expired(at):  # python-tuf looks only when it loads the timestamp
            raise BundleRefused("bundle.expired", "root.json is past its end.", "Ask the maker for a newer root.")
        said.check(self.trusted.root, at)
        self.trusted.reference_time = _BEFORE_ANY_END
        try:
            self._load_below_root()
        finally:
            self.trusted.reference_time = at
        if self.trusted.targets.is_expired(at):
            raise BundleRefused("bundle.expired", "targets.json is past its end.", "Ask the maker for a newer bundle.")
        if self.trusted.snapshot.version != said.statement.snapshot:
            problem = f"It is for snapshot {said.statement.snapshot}, this bundle has {self.trusted.snapshot.version}."
            raise BundleRefused("bundle.break_glass", problem)
        return bool(self.trusted.timestamp.is_expired(at) or self.trusted.snapshot.is_expired(at))

    def _load_below_root(self) -> None:
        with named("timestamp.json", tuf.BadVersionNumberError, _ROLLED_BACK):
            self._updater._load_timestamp()
        self._load_snapshot()
        with self._changed_or_mixed("targets", "root"):
            self._updater._load_targets("targets", "root")

    def refresh_root(self) -> None:
        """Walk to the newest root; done once.

        Raises:
            BundleRefused
        """
        if self._walked:
            return
        before = self.trusted.root
        with named("The chain of roots", tuf.BadVersionNumberError, _MIXED):
            self._updater._load_root()
        self._walked = True
        # TUF 5.3.11: keys of timestamp or snapshot were rotated, so what they had signed no longer holds back
        if any(set(before.roles[name].keyids) - set(self.trusted.root.roles[name].keyids) for name in _FORWARDED):
            for name in _FORWARDED:
                (self._folder / f"{name}.json").unlink(missing_ok=True)

    def _load_snapshot(self) -> None:
        kept = _version(self._folder / "snapshot.json")
        try:
            with self._changed_or_mixed("snapshot", "root"):
                self._updater._load_snapshot()
        except BundleRefused as refused:
            # one of another timestamp is loaded by then, one that takes versions back is not
            loaded = self.trusted.snapshot.version if "snapshot" in self.trusted else 0
            if isinstance(refused.__cause__, tuf.BadVersionNumberError) and loaded == kept:
                raise BundleRefused(_ROLLED_BACK[0], f"snapshot.json {_ROLLED_BACK[1]}.") from refused.__cause__
            raise

    @contextmanager
    def _changed_or_mixed(self, role: str, delegator: str) -> Iterator[None]:
        """Tell a file that was changed from one that its role did sign, for another release."""
        try:
            with named(f"{role}.json"):
                yield
        except BundleRefused as refused:
            if isinstance(refused.__cause__, tuf.LengthOrHashMismatchError) and self._is_signed(role, delegator):
                raise BundleRefused(_MIXED[0], f"{role}.json {_MIXED[1]}.") from refused.__cause__
            raise

    def _is_signed(self, role: str, delegator: str) -> bool:
        above = (
            self.trusted.timestamp.snapshot_meta if role == "snapshot" else self.trusted.snapshot.meta[f"{role}.json"]
        )
        version = above.version if self.trusted.root.consistent_snapshot else None
        try:
            raw = self._updater._download_metadata(role, CONFIG.targets_max_length, version)
            metadata = Metadata[Any].from_bytes(raw)
            self.trusted[delegator].verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except (tuf.RepositoryError, tuf.DownloadError):
            return False
        return True

    def find(self, path: str) -> TargetFile | None:
        """What a target must be, also one of a delegated role; ``None``: nobody signed such a target.

        Raises:
            BundleRefused
        """
        if "targets" not in self.trusted:
            self.refresh()
        with named("the repository", (tuf.BadVersionNumberError, tuf.LengthOrHashMismatchError), _MIXED):
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
            name = str(into / quote(path, safe=""))
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
    for old in metadata_dir.glob("*.json"):
        old.unlink()
    shutil.rmtree(metadata_dir / "root_history", ignore_errors=True)
    metadata_dir.mkdir(parents=True, exist_ok=True)
    with named("That root"):
        Updater(str(metadata_dir), "file:///nonexistent", fetcher=FolderFetcher(metadata_dir), bootstrap=root)


@contextmanager
def named(
    what: str, kinds: type[Exception] | tuple[type[Exception], ...] = (), told: tuple[str, str] = ("", "")
) -> Iterator[None]:
    """Turn python-tuf's errors into refusals by name; those of ``kinds`` are told as ``told``, a code and words."""
    try:
        yield
    except (tuf.RepositoryError, tuf.DownloadError) as problem:
        code, words = told if isinstance(problem, kinds) else _told(problem)
        raise BundleRefused(code, f"{what} {words}.") from problem
    except ValueError as problem:  # an address that is none
        raise BundleRefused("bundle.unreachable", f"{what} cannot be asked for.") from problem
    except OSError as problem:
        code = "bundle.disk_full" if problem.errno in (errno.ENOSPC, errno.EDQUOT) else "bundle.permission"
        raise BundleRefused(code, f"{what} cannot be read or kept ({problem.strerror}).") from problem


_ROLLED_BACK = ("bundle.rolled_back", "is older than what was accepted")
_MIXED = ("bundle.mixed", "does not belong to the rest of the metadata")
_FORWARDED = ("timestamp", "snapshot")
_TOLD: dict[type[Exception], tuple[str, str]] = {
    tuf.UnsignedMetadataError: ("bundle.signature", "is not signed by enough of the right keys"),
    tuf.BadVersionNumberError: _MIXED,
    tuf.ExpiredMetadataError: ("bundle.expired", "is past its end"),
    tuf.LengthOrHashMismatchError: ("bundle.tampered", "is not what was signed"),
    tuf.DownloadLengthMismatchError: ("bundle.endless", "is longer than what was signed"),
    tuf.SlowRetrievalError: ("bundle.unreachable", "comes too slowly"),
    CutShort: ("bundle.truncated", "was cut short"),
    tuf.DownloadHTTPError: ("bundle.truncated", "is not there"),
    tuf.DownloadError: ("bundle.unreachable", "cannot be fetched"),
    tuf.RepositoryError: ("bundle.malformed", "does not follow the specification"),
}


def _told(problem: Exception) -> tuple[str, str]:
    return next(_TOLD[kind] for kind in type(problem).__mro__ if kind in _TOLD)


def _version(file: Path) -> int:
    """The version that a metadata file states, believed or not; 0 where there is none."""
    try:
        return int(json.loads(file.read_bytes())["signed"]["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _fetcher(source: str | Path) -> FetcherInterface:
    if isinstance(source, Path):
        return FolderFetcher(source.parent)
    if urlsplit(source).scheme not in _SCHEMES:
        raise BundleRefused("bundle.unreachable", "The address begins with neither http:// nor https://.")
    return HttpFetcher()


def _address(source: str | Path) -> str:
    return source.resolve().as_uri() if isinstance(source, Path) else source
