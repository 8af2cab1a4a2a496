"""What a site's logs last had, kept outside the audit folder too: ``state/audit-heads/<site>``, lines as in site-heads.

Everything that the audit folder says of its logs goes with it when it is deleted, or put back whole from a backup. So
the heads that were bound are copied into the folder of the state: when a log comes to be known, and then at most once
a minute, durably. A log of which the copy speaks and which is not there was lost; no new one is begun in its place.
It is no proof against whoever deletes both: that only the places show that keep heads elsewhere.

A copy is written after the heads are bound, so it never says more than the logs have.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from gateway.audit.log.disk import replace
from gateway.audit.log.growing import Tampered
from gateway.durable import sync_folder

FOLDER = "audit-heads"
EVERY_SECONDS = 60.0

Heads = dict[str, tuple[int, bytes]]


class CopiedHeads:
    """The copy of one site. Not for two threads at once.

    Args:
        base: the audit folder, which lies in the data folder.
        site: its name.
    """

    def __init__(self, base: Path, site: str) -> None:
        self._path = place(base) / site
        self._known: set[str] = set()
        self._due = 0.0

    def read(self) -> Heads:
        """Return what was copied. Raises Tampered, OSError."""
        return parse(self._path)

    def keep(self, heads: Mapping[str, tuple[int, bytes]]) -> None:
        """Copy the heads, where it is time to. Durable when it returns. Raises OSError."""
        now = monotonic()
        if self._known == set(heads) and now < self._due:
            return
        folder = self._path.parent
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            sync_folder(folder.parent)
        replace(self._path, text(heads).encode(), durable=True)
        self._known, self._due = set(heads), now + EVERY_SECONDS


def place(base: Path) -> Path:
    """Return where the copies lie, of the logs in an audit folder."""
    return base.parent / "state" / FOLDER


def all_of(base: Path) -> Heads:
    """Return what was copied of every site, by the log's name. Raises Tampered, OSError."""
    found: Heads = {}
    for path in sorted(place(base).glob("*")):
        if path.is_file() and not path.name.startswith("."):
            found |= parse(path)
    return found


def line(name: str, size: int, root: bytes) -> str:
    """Return a log's line, without its newline."""
    return f"{name} {size} {base64.b64encode(root).decode()}"


def text(heads: Mapping[str, tuple[int, bytes]]) -> str:
    """Return the lines of a file, sorted."""
    return "".join(f"{line(name, *head)}\n" for name, head in sorted(heads.items()))


def parse(path: Path) -> Heads:
    """Return the heads in a file, nothing where there is none. Raises Tampered when it is no such file; OSError."""
    heads: Heads = {}
    try:
        for each in path.read_text(encoding="ascii").splitlines():
            name, size, root = each.split(" ")
            heads[name] = (int(size), base64.b64decode(root, validate=True))
    except FileNotFoundError:
        return {}
    except (ValueError, binascii.Error) as error:
        raise Tampered(f"{path.name} is damaged") from error
    return heads
