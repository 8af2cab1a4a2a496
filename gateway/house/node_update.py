"""A joined node as an update carries it: its link, and what the fleet knows of those inside."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from gateway.engines.node_link import BundleFiles, NodeAway, NodeLink, NodeRefused
from gateway.engines.node_wire import Judged, NodeState
from gateway.fleet.nodes.member import NodeMember
from gateway.fleet.nodes.push import Pusher
from gateway.fleet.nodes.updating import Book, Updating

_PIECE_BYTES = 1 << 20


class Office(Protocol):
    """What this needs of :class:`gateway.fleet.nodes.enrol.Enrolment`."""

    async def drain(self, name: str, by: str, *, back: bool = False) -> Mapping[str, Any]: ...


class CarriedNode:
    """Implements :class:`gateway.fleet.nodes.updating.Carried`."""

    def __init__(self, member: NodeMember, link: NodeLink) -> None:
        self._member, self._link = member, link
        self._pusher = Pusher(BundleFiles(link), what="bundle", mend="Give the update again.")

    @property
    def drained(self) -> bool:
        return self._member.is_drained

    @property
    def inside(self) -> int:
        return sum(home.resident.held for home in self._member.homes())

    def progress(self, digest: str) -> tuple[int, int]:
        return self._pusher.progress.get(digest, (0, 0))

    async def bring(self, digest: str, file: Path) -> None:
        await self._pusher.push(digest, file)

    async def judge(self, digest: str) -> Judged:
        return await self._link.judge(digest)

    async def install(self, digest: str) -> str:
        return await self._link.install(digest)

    async def forget(self, digest: str) -> None:
        await BundleFiles(self._link).forget(digest)

    async def state(self) -> NodeState:
        return await self._link.state()


def updating(
    stack: AsyncExitStack, book: Book, office: Office, node: Callable[[str], CarriedNode | None], state: Path
) -> Updating:
    """Return who updates this gateway's nodes; it stops with the stack. What a killed one left is taken back."""

    async def drain(name: str, by: str, back: bool) -> None:
        await office.drain(name, by, back=back)

    made = Updating(book, node, drain, _digest_of, state / "node-update.json", (NodeAway, NodeRefused))
    made.recover()
    stack.push_async_callback(made.stop)
    return made


def _digest_of(file: Path) -> tuple[str, int]:
    """Return SHA-256 and length of a plain file. Raises OSError."""
    digest = hashlib.sha256()
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as reading:
        for piece in iter(partial(reading.read, _PIECE_BYTES), b""):
            digest.update(piece)
        return digest.hexdigest(), reading.tell()
