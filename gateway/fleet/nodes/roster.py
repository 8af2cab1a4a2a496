"""Which machines have joined, and by which certificate each is known: ``<data>/nodes/roster.json``.

The file is a contract between releases (``sekisho.nodes/1``): unknown fields refuse. Nodes and tokens stand in one
file, which is replaced as a whole: a token is used up in the same moment in which its node is there. A node that was
removed stays in it, so that everybody sees that there was one; its certificate counts nowhere from then on. ::

    roster = Roster(settings.data / "nodes")
    roster.node("gpu1").address      # "10.0.0.7:8443"
    roster.by_fingerprint(shown)     # None: no certificate that counts
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from gateway.errors import SetupError
from gateway.fleet.nodes.contexts import fingerprint
from gateway.fleet.nodes.papers import read_private, write_private
from gateway.fleet.nodes.tokens import Country, Instant, Name, TokenRecord

FILE = "roster.json"
Changed = Callable[[str], None]


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One machine that joined. ``site`` and ``jurisdiction`` are the operator's word; policy sees them.

    ``previous`` is the certificate before a renewal, until the new one was shown.
    """

    name: Name
    site: Name
    jurisdiction: Country
    address: str  # host:port
    version: str  # of Sekisho, as the node said when it joined or renewed
    certificate: str  # PEM
    ends: Instant  # when that is over
    since: Instant
    previous: str = ""
    renewed: Instant | None = None
    drained: Instant | None = None  # it gets no new prompts since then
    removed: Instant | None = None
    distrusted: str = ""  # what it lied about, in one line; it serves nobody until an operator trusts it again

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the certificate's DER, in hex."""
        return fingerprint(self.certificate)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Those of all certificates that count for it now."""
        return () if self.removed else tuple(map(fingerprint, self.pinned))

    @property
    def pinned(self) -> tuple[str, ...]:
        """The certificates that count for it, PEM, newest first; none when it was removed."""
        return () if self.removed else tuple(pem for pem in (self.certificate, self.previous) if pem)


class NodeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``roster.json``."""

    nodes: tuple[Node, ...] = ()
    tokens: tuple[TokenRecord, ...] = ()
    version: Literal["sekisho.nodes/1"] = "sekisho.nodes/1"


class Roster:
    """The nodes of one data folder. Who changes it holds the folder's lock.

    Args:
        folder: ``<data>/nodes``; it need not exist.

    Raises:
        SetupError: the file is damaged, or open to others.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self.content = _read(self._path)
        self._watchers: list[Changed] = []

    def nodes(self) -> tuple[Node, ...]:
        """Return those that are joined now, in the order in which they came."""
        return tuple(node for node in self.content.nodes if node.removed is None)

    def node(self, name: str) -> Node | None:
        """Return the node that is joined under that name."""
        return next((node for node in self.nodes() if node.name == name), None)

    def by_fingerprint(self, fingerprint: str) -> Node | None:
        """Return whose certificate that is; ``None``: nobody's that counts."""
        return next((node for node in self.nodes() if fingerprint in node.fingerprints), None)

    def watch(self, changed: Changed) -> None:
        """Have ``changed`` called, with a node's name, after each change of it; from the thread that changed it."""
        self._watchers.append(changed)

    def write(self, content: NodeFile) -> None:
        """Replace everything, durably. Blocks. Raises SetupError: nothing was changed."""
        write_private(self._path, msgspec.json.format(msgspec.json.encode(content), indent=1))
        self.content = content

    def tell(self, name: str) -> None:
        """Let who watches know that a node changed."""
        for changed in self._watchers:
            changed(name)


def replaced(content: NodeFile, node: Node) -> NodeFile:
    """Return the content with a node in place of those of its name; a new one comes last."""
    known = any(each.name == node.name for each in content.nodes)
    nodes = tuple(node if each.name == node.name else each for each in content.nodes)
    return msgspec.structs.replace(content, nodes=nodes if known else (*nodes, node))


def view(node: Node, now: datetime) -> dict[str, object]:
    """Return what people and the audit log may see of a node."""
    state = "removed" if node.removed else "ended" if node.ends <= now else _standing(node)
    said: dict[str, object] = msgspec.to_builtins(node)
    del said["certificate"], said["previous"]
    return {**said, "state": state, "fingerprint": node.fingerprint}


def _standing(node: Node) -> str:
    return "distrusted" if node.distrusted else "drained" if node.drained else "joined"


def _read(path: Path) -> NodeFile:
    try:
        content = msgspec.json.decode(read_private(path), type=NodeFile)
        [node.fingerprint for node in content.nodes]
    except FileNotFoundError:
        return NodeFile()
    except (msgspec.DecodeError, ValueError) as error:  # also a certificate that is none
        raise SetupError(f"The roster of nodes {path} is damaged.", "Restore it from a backup.") from error
    return content
