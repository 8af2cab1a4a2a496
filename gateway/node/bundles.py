"""Bundles that a gateway brings, judged here by what this machine itself trusts; root installs them, when asked to.

Rules:

1. A machine that was not installed from a bundle takes none: it has no root to judge by. Said before the first byte.
2. A bundle is believed by the root and the metadata that this installation accepted, at the latest of the clock, of
   when it accepted them, and of its own log. What the gateway says of a bundle counts for nothing but its SHA-256.
3. Only a plain tar is unpacked, and never to more bytes than it has itself: no compression, no holes.
4. One bundle lies here at a time: the first range of another takes away what was brought before.
5. What is refused is taken away; what is unpacked to be judged is gone when the judgement is, killed or not.

Example::

    bundles = Bundles(settings.data / "bundles", installation(), lambda: log_time_of(settings.data / "audit"))
    await bundles.take(digest, 0, 10, 10, body)     # Took(held=10, whole=True)
    await bundles.judge(digest)                     # Judged(release="1.5.0", snapshot=…), or BundleRefused
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

from gateway.bundle import ordered
from gateway.bundle.install.machine import Machine, check_fit
from gateway.bundle.install.prefix import Prefix
from gateway.bundle.install.verify import verify
from gateway.bundle.refusal import CANNOT_NOW, BundleRefused
from gateway.bundle.repository.reference_time import latest
from gateway.bundle.unpack import unpack_bundle
from gateway.engines.node_wire import Judged, NodeInstalled, Took
from gateway.node.blobs import BlobRefused, Blobs, to_its_end

_JUDGING = ".judging-"
_WHAT = "The bundle"  # a gateway's name for the file is not ours to repeat


def installation() -> Prefix | None:
    """Return the installation that this program is of; ``None``: it was not installed from a bundle."""
    own = Path(sys.prefix).resolve()
    return Prefix(own.parent.parent) if own.parent.name == "versions" else None


class Bundles:
    """The folder of what was brought.

    Args:
        folder: this machine's data; made when the first range comes.
        place: the installation whose trust counts.
        log_time: when the newest record of this machine's log was written, if it has one.
        machine: what a bundle has to fit.
    """

    def __init__(
        self,
        folder: Path,
        place: Prefix | None,
        log_time: Callable[[], datetime | None],
        machine: Callable[[], Machine] = Machine.this,
    ) -> None:
        self._folder = folder
        self._place = place
        self._log_time = log_time
        self._machine = machine
        self._lock = asyncio.Lock()
        for left in folder.glob(f"{_JUDGING}*"):  # rule 5: a judgement that was killed
            shutil.rmtree(left, ignore_errors=True)

    def held(self, digest: str) -> tuple[int, bool]:
        """Return how many bytes of a bundle are there, and whether it is whole. Raises BlobRefused."""
        self._trusting()
        return self._blobs().held(digest)

    async def take(self, digest: str, first: int, length: int, total: int, body: AsyncIterator[bytes]) -> Took:
        """As :meth:`gateway.node.blobs.Blobs.take`. Raises BlobRefused."""
        self._trusting()
        async with self._lock:
            blobs = self._blobs()
            if first == 0:  # rule 4
                for other in {*blobs.all(), *(name for name, _ in blobs.partial())} - {digest}:
                    await blobs.forget(other)
            return await blobs.take(digest, first, length, total, body)

    async def forget(self, digest: str) -> None:
        """Take a bundle away; one that is gone is. Raises BlobRefused."""
        self._trusting()
        async with self._lock:
            await self._blobs().forget(digest)

    async def judge(self, digest: str) -> Judged:
        """Return what a whole bundle is, believed by this machine's own trust and fit for it.

        Raises:
            BlobRefused: it is not here, or nothing can be judged here.
            BundleRefused: by name. It is taken away, unless it may be believed later as it is.
        """
        place = self._trusting()
        async with self._lock:
            blobs = self._blobs()
            if not blobs.held(digest)[1]:
                raise BlobRefused(404, "node.no_bundle", "That bundle is not here whole.")
            try:
                return await to_its_end(asyncio.to_thread(self._judge, self._folder / digest, place))
            except BundleRefused as refused:
                if refused.exit_code != CANNOT_NOW:
                    await blobs.forget(digest)
                raise
            except OSError as error:
                said = f"It cannot be unpacked ({error.strerror or type(error).__name__})."
                raise BlobRefused(507, "node.disk", said) from error

    async def order(self, digest: str) -> str:
        """Ask this machine's root to install a bundle; returns the order's name. It is judged once more before.

        Raises:
            BlobRefused, BundleRefused: as :meth:`judge`; it is what was accepted last; nobody here installs.
        """
        judged = await self.judge(digest)
        if judged.accepted:
            raise BlobRefused(409, "node.up_to_date", f"This machine accepted Sekisho {judged.release} already.")
        async with self._lock:
            try:
                return (await asyncio.to_thread(ordered.give, self._folder, digest)).id
            except OSError as error:
                said = f"The order cannot be written ({error.strerror or type(error).__name__})."
                raise BlobRefused(507, "node.disk", said) from error

    def waits(self) -> str:
        """Return the name of an order that nobody has taken yet; "": there is none."""
        order = ordered.waits(self._folder)
        return order.id if order else ""

    def ended(self) -> NodeInstalled | None:
        """Return how the last order ended."""
        found = ordered.ended(self._place.root) if self._place is not None else None
        return NodeInstalled(found.id, found.how, found.code, found.why) if found else None

    def _judge(self, file: Path, place: Prefix) -> Judged:
        at = latest(datetime.now(UTC), place.accepted_at(), self._log_time())  # rule 2
        with tempfile.TemporaryDirectory(prefix=_JUDGING, dir=self._folder) as made:
            beside = Path(made)
            top = unpack_bundle(file, beside / "bundle", _WHAT)
            (beside / "scratch").mkdir()
            found = verify(top, b"", beside / "scratch", trusted=place.trusted, at=at, has=place.stored())
            check_fit(found.release, self._machine())
        before = place.accepted()
        return Judged(
            release=found.release.version,
            profile=found.release.profile,
            carries=found.release.carries,
            snapshot=found.snapshot,
            accepted=before is not None and before.release_sha256 == found.release_sha256,
        )

    def _trusting(self) -> Prefix:
        """Return the installation. Raises BlobRefused where there is none with a root (rule 1)."""
        if self._place is None or not (self._place.trusted / "root.json").exists():
            said = "This machine was not installed from a bundle: it has no root to judge one by."
            raise BlobRefused(409, "node.not_installed", said)
        return self._place

    def _blobs(self) -> Blobs:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Blobs(self._folder, magic=b"")
