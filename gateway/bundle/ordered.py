"""An order to install a bundle: given by a node's service, which may not install, and carried out by root, who may.

::

    DATA/bundles/<sha256>       the bundle, as a gateway brought it and the service judged it
    DATA/bundles/order.json     the order, of the service's user; gone once somebody has taken it
    PREFIX/state/ordered.tar    root's own copy, while it is installed
    PREFIX/state/ordered.json   how the last one stands; everybody may read it
    PREFIX/state/ordered.lock   held by whoever carries one out; the kernel lets go of it with the process

Root believes the order nothing but which file is meant, by its SHA-256. It follows no link, reads the file once, into a
folder that only root writes, and what it verifies and installs is that copy.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gateway import durable
from gateway.bundle.refusal import BundleRefused

ORDER = "order.json"
_COPY, _ENDED, _LOCK = "ordered.tar", "ordered.json", "ordered.lock"
_JOURNAL = "update.json"  # of an update that has begun: whoever ends that says how the order ended
_MOST_ORDER_BYTES = 1024
_PIECE_BYTES = 1 << 20
_KEPT_FREE_BYTES = 64 << 20
_KILLED = "It was interrupted before the update began; nothing was changed. Order it again."

Hex = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
OrderId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
Line = Annotated[str, msgspec.Meta(max_length=400)]


class Ordered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order. ``id`` tells it from an earlier one of the same bundle."""

    id: OrderId
    sha256: Hex


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an order stands: taken; or ended, and then the new version runs, the old one does again, or always did."""

    id: OrderId
    sha256: Hex
    how: Literal["taken", "kept", "back", "refused"]
    code: Line = ""
    why: Line = ""


# --- the service's side


def give(folder: Path, sha256: str) -> Ordered:
    """Order a bundle of this folder; an order that nobody has taken yet is replaced. Raises OSError."""
    order = Ordered(secrets.token_hex(8), sha256)
    durable.replace(folder / ORDER, msgspec.json.encode(order))
    return order


def waits(folder: Path) -> Ordered | None:
    """Return the order that nobody has taken yet."""
    try:
        return msgspec.json.decode((folder / ORDER).read_bytes(), type=Ordered)
    except (OSError, msgspec.DecodeError):
        return None


def ended(prefix: Path) -> Ended | None:
    """Return how the last order that was taken stands; ``None``: there was none, or it cannot be read.

    One whose process was killed before the update began is refused: nothing was changed, and nobody goes on with it.
    """
    state = prefix / "state"
    with _held(state / _LOCK, os.O_RDONLY, fcntl.LOCK_SH | fcntl.LOCK_NB) as is_free:
        said = _ended(state)
        if said is not None and said.how == "taken" and is_free and not (state / _JOURNAL).exists():
            return Ended(said.id, said.sha256, "refused", "bundle.busy", _KILLED)
        return said


def _ended(state: Path) -> Ended | None:
    try:
        return msgspec.json.decode((state / _ENDED).read_bytes(), type=Ended)
    except (OSError, msgspec.DecodeError):
        return None


@contextmanager
def _held(lock: Path, how: int, operation: int) -> Iterator[bool]:
    """Hold the lock of those who carry orders out; yields whether it is held: not where somebody else has it."""
    try:
        descriptor = os.open(lock, how | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, operation)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


# --- root's side


@contextmanager
def taken(folder: Path, prefix: Path) -> Iterator[tuple[Ordered, Path]]:
    """Take the order of a folder and copy its bundle; the copy is gone when the block ends.

    Yields:
        The order, and the copy, whose SHA-256 is the order's.

    Raises:
        BundleRefused: there is none, it cannot be read, or its bundle is not there as it is named. Nothing waits then.
    """
    copy, lock = prefix / "state" / _COPY, prefix / "state" / _LOCK
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _none() from error
    with ExitStack() as stack:
        stack.callback(os.close, place)
        lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not stack.enter_context(_held(lock, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX)):
            raise BundleRefused("bundle.permission", f"{lock} cannot be held.")
        copy.unlink(missing_ok=True)  # of one that was killed
        stack.callback(copy.unlink, missing_ok=True)
        order = _read(place)
        tell(prefix, Ended(order.id, order.sha256, "taken"))
        try:
            _copy(place, order.sha256, copy)
            yield order, copy
        except BundleRefused as refused:
            tell(prefix, Ended(order.id, order.sha256, "refused", refused.code, str(refused)[:400]))
            raise


def interrupted(prefix: Path, *, runs: bool, why: str) -> None:
    """Say how an order ended that was interrupted, if one was: whether its version runs. Raises OSError."""
    order = _ended(prefix / "state")
    if order is not None and order.how == "taken":
        tell(prefix, Ended(order.id, order.sha256, "kept" if runs else "back", "", why[:400]))


def tell(prefix: Path, how: Ended) -> None:
    """Say how an order ended. MUST NOT return before that is on stable storage. Raises OSError."""
    durable.replace(prefix / "state" / _ENDED, msgspec.json.encode(how), mode=0o644)


def _read(place: int) -> Ordered:
    """Return the order and take it away: what cannot be read is not looked at again."""
    try:
        with _opened(place, ORDER) as file:
            said = os.read(file, _MOST_ORDER_BYTES)
        order = msgspec.json.decode(said, type=Ordered)
    except FileNotFoundError as error:
        raise _none() from error
    except (OSError, msgspec.DecodeError) as error:
        raise BundleRefused("bundle.malformed", "The order cannot be read.", "Give it again.") from error
    finally:
        with suppress(OSError):
            os.unlink(ORDER, dir_fd=place)
    return order


def _copy(place: int, sha256: str, copy: Path) -> None:
    try:
        with _opened(place, sha256) as file:
            _fits(os.fstat(file).st_size, copy.parent)
            digest = hashlib.sha256()
            made = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(made, "wb") as writing:
                while piece := os.read(file, _PIECE_BYTES):
                    digest.update(piece)
                    writing.write(piece)
    except FileNotFoundError as error:
        raise BundleRefused(
            "bundle.truncated", "The bundle that was ordered is not here.", "Bring it again."
        ) from error
    except OSError as error:
        code = "bundle.disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "bundle.permission"
        raise BundleRefused(code, f"The bundle that was ordered cannot be copied ({error.strerror}).") from error
    if digest.hexdigest() != sha256:
        raise BundleRefused("bundle.tampered", "The bundle that was ordered is another file now.", "Bring it again.")


def _fits(length: int, folder: Path) -> None:
    found = os.statvfs(folder)
    if length + _KEPT_FREE_BYTES > found.f_bavail * found.f_frsize:
        raise BundleRefused("bundle.disk_full", f"The bundle's {length >> 20} MiB do not fit in {folder}.")


@contextmanager
def _opened(place: int, name: str) -> Iterator[int]:
    """Open a plain file of a folder that somebody else writes. Raises OSError: it is a link, a pipe, or not there."""
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "no plain file")
        yield file
    finally:
        os.close(file)


def _none() -> BundleRefused:
    return BundleRefused("bundle.base_missing", "No update is ordered on this machine.", "See: sekisho bundle status")
