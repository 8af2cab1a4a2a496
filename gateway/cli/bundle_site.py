"""A site with an installation, as the command line sees it: where it lies, what it trusts, what time it is at least."""

from __future__ import annotations

import pwd
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.session import USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.bundle.install.prefix import Accepted, Prefix
    from gateway.bundle.install.site import Wishes
    from gateway.bundle.install.verify import Verified
    from gateway.bundle.update.steps import Installed


def prefix_of(said: Path | None) -> Prefix:
    """The installation that was named, else the one that this program is of. Raises SetupError: none is there."""
    from gateway.bundle.install.prefix import Prefix
    from gateway.bundle.update import link

    if said is not None:
        link.current(said.resolve())
        return Prefix(said.resolve())
    own = Path(sys.prefix).resolve()
    if own.parent.name != "versions":
        mend = "Name the installation: --prefix /opt/sekisho"
        raise SetupError("This program was not installed from a bundle.", mend, exit_code=USED_WRONGLY)
    return Prefix(own.parent.parent)


def wishes_of(session: Session) -> Wishes:
    """Where configuration and data lie, and who serves. Raises SetupError: there is no configuration."""
    from gateway.bundle.install.site import Wishes

    settings = session.settings
    if not settings.source:
        raise SetupError(
            "There is no configuration.", "Name it: --config /etc/sekisho/sekisho.yaml", exit_code=USED_WRONGLY
        )
    return Wishes(Path(settings.source).parent, settings.data, _owner_of(settings.data))


def is_node(session: Session) -> bool:
    """Whether this machine lends its engines to a gateway, and is none itself."""
    from gateway.bundle.update.steps import UNIT, systemctl
    from gateway.fleet.nodes.membership import FOLDER, has_joined

    return has_joined(session.settings.data / FOLDER) and systemctl("is-enabled", "--quiet", UNIT) != 0


def steps_of(
    session: Session, place: Prefix, wishes: Wishes, found: Verified | None = None, said: Accepted | None = None
) -> Installed:
    """What an update does on this machine, a gateway or a node. ``found`` and ``said`` are of a bundle, if one is."""
    from gateway.bundle.update.node_steps import InstalledNode
    from gateway.bundle.update.steps import Installed
    from gateway.fleet.nodes.membership import FOLDER, read

    if not is_node(session):
        return Installed(place, wishes, session.output.note, found, said)
    listen = read(session.settings.data / FOLDER).listen
    return InstalledNode(place, wishes, session.output.note, listen, found, said)


def _owner_of(data: Path) -> str:
    """Who serves: the owner of the data. Raises SetupError: the machine has no name for that user."""
    if not data.exists():
        return "sekisho"
    number = data.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        mend = f"Give it one: useradd --uid {number} --no-create-home NAME"
        raise SetupError(f"The data belong to user {number}, who has no name on this machine.", mend) from None


@contextmanager
def verified(
    session: Session, file: Path, place: Prefix, root: bytes, glass: Path | None
) -> Iterator[tuple[Verified, datetime]]:
    """Unpack a bundle beside the installation and verify it; it is gone when the block ends.

    Args:
        place: the installation, whose root, parts and times count.
        root: a root to begin with instead, where nothing is trusted.
        glass: the file of a break-glass statement.

    Yields:
        The bundle, and the reference time.

    Raises:
        SetupError: by name.
    """
    from gateway.bundle.install.verify import verify
    from gateway.bundle.repository.reference_time import latest
    from gateway.bundle.unpack import unpack_bundle
    from gateway.cli.bundle_glass import read_statement
    from gateway.installing import log_time_of

    log_time = None if root else log_time_of(session.settings.data / "audit")
    scratch_place = place.root / "state" if (place.root / "state").is_dir() else None
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=scratch_place) as folder:
        with session.output.progress(f"Unpacking and verifying {file.name}"):
            if not file.is_file():
                raise SetupError(f"{file} cannot be read.", "Give the .tar of a bundle.", exit_code=USED_WRONGLY)
            top = unpack_bundle(file, Path(folder, "bundle"), file.name)
            at = latest(datetime.now(UTC), place.accepted_at(), log_time)
            Path(folder, "scratch").mkdir()
            found = verify(
                top,
                root,
                Path(folder, "scratch"),
                trusted=place.trusted,
                at=at,
                has=place.stored(),
                break_glass=None if glass is None else read_statement(glass),
            )
        yield found, at


@contextmanager
def refusals_told(place: Prefix, by: str) -> Iterator[None]:
    """Leave word for the audit log of a bundle that is not believed or does not fit."""
    from gateway.bundle.refusal import DOES_NOT_FIT, NOT_BELIEVED, BundleRefused
    from gateway.bundle.update.told import Happened, Spool

    try:
        yield
    except BundleRefused as refused:
        if refused.exit_code in (NOT_BELIEVED, DOES_NOT_FIT):
            Spool.of(place.root).tell(Happened(type="update.refused", details={"by": by, "why": refused.code}))
        raise


def taken_here(session: Session) -> tuple[str, ...]:
    """The ids of what the audit log has of updates, as far as this user can see.

    Raises:
        BundleRefused: it cannot be read.
    """
    import msgspec

    from gateway.bundle.refusal import BundleRefused
    from gateway.bundle.update.told import Taken, taken_file

    file = taken_file(session.settings.state)
    try:
        return Taken.read(file).taken
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as problem:
        said = f"{file} does not say what the audit log has of updates."
        raise BundleRefused("bundle.permission", said) from problem


def not_in_log(session: Session, place: Prefix) -> list[dict[str, str]] | None:
    """What updates left for the audit log and no server has taken yet: id, at, type; the earliest first.

    ``None``: there is no configuration, so nobody knows whose log that is.
    """
    from gateway.bundle.update.told import Spool

    if not session.settings.source:
        return None
    spool, taken = Spool.of(place.root), taken_here(session)
    missing = [(id, spool.read(id)) for id in spool.ids() if id not in taken]
    return [
        {"id": id, "at": one.at if one else "", "type": one.type if one else "update.unreadable"} for id, one in missing
    ]
