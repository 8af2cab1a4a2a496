"""How a machine becomes a node, stays one, and ends being one. Every step is on record before it counts.

1. An operator makes a token: a name, a site, a jurisdiction, a time. The node can change none of them.
2. The node shows the token once, with a request for a certificate and the address where it will listen.
3. Two thirds of ninety days later it asks for the next one, over the certificate that it has. The one before counts
   until the new one was shown.
4. An operator drains it (no new prompts), takes that back, or removes it: its certificate counts no more, at once.
5. Of one that lied about a model it is remembered, also beyond a restart, until an operator trusts it again.

Whoever has no valid token learns nothing but that. A token that was right and is refused even so (used, over, …) leaves
a record of its own, ``node.refused``: somebody has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import SSLContext
from typing import Any, Protocol

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from gateway.errors import BadRequest, Forbidden, RouteNotFound, SekishoError, SetupError, Unauthenticated
from gateway.fleet.nodes import asking as words
from gateway.fleet.nodes import contexts, tokens
from gateway.fleet.nodes.address import host_of
from gateway.fleet.nodes.asking import Asking, Greeting, NewToken, Papers
from gateway.fleet.nodes.authority import (
    AUTHORITY,
    Authority,
    Cabinet,
    RequestRefused,
    is_due,
    make_authority,
    open_authority,
    take_in,
)
from gateway.fleet.nodes.roster import Node, NodeFile, Roster, replaced, view
from gateway.fleet.nodes.tokens import TokenRecord

CLOCKS_APART = timedelta(minutes=5)
"""How far the clocks of gateway and node may differ: certificates and records go by them."""

_LOOK_AGAIN = timedelta(minutes=1)  # at whether the gateway's own certificate is due
Clock = Callable[[], datetime]
View = dict[str, Any]


class Events(Protocol):
    """What this needs of the book."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class Place(Protocol):
    """Where this gateway stands."""

    @property
    def name(self) -> str: ...

    @property
    def node(self) -> str: ...

    @property
    def jurisdiction(self) -> str: ...


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Enrolment:
    """Who may be a node. One instance for each process that holds the data folder's lock.

    Args:
        folder: ``<data>/nodes``; it need not exist.
        place: the gateway's own.
        book: where each step is written first.
        cabinet: where the authority's key lies.
        peppers: what seals tokens, the one in force first.
        taken: names that other targets have.
        hosts: by which nodes call this gateway.

    Raises:
        SetupError: the authority or the roster is damaged, or open to others.
    """

    def __init__(  # noqa: PLR0913  where it lies, who it is, what it writes and asks
        self,
        folder: Path,
        place: Place,
        book: Events,
        cabinet: Cabinet,
        *,
        peppers: Callable[[], Sequence[bytes]],
        taken: Collection[str] = (),
        hosts: Sequence[str] = (),
        clock: Clock = _now,
    ) -> None:
        self.folder, self._place, self._book = folder, place, book
        self._peppers, self._taken, self._hosts, self._clock = peppers, {*taken, place.node}, hosts, clock
        self.roster = Roster(folder)
        self._cabinet = cabinet
        take_in(folder, cabinet)
        self._authority = open_authority(folder, place.name, cabinet)
        self._contexts: dict[str, tuple[tuple[object, ...], SSLContext]] = {}
        self._listening: SSLContext | None = None
        self._own: tuple[datetime, Path] | None = None  # and when it was looked at
        self._one_at_a_time = asyncio.Lock()

    def ensure_authority(self) -> None:
        """Make the authority where there is none yet. Blocks. Raises SetupError."""
        if self._authority is None:
            self._authority = make_authority(self.folder, self._place.name, self._clock(), self._cabinet)

    # --- what others need to speak to nodes

    @property
    def authority(self) -> Authority:
        """The site's authority. Raises SetupError: none was made yet."""
        if self._authority is None:
            raise SetupError("No node was ever asked to join.", "Run: sekisho node token --name NAME", exit_code=2)
        return self._authority

    def own_papers(self) -> Path:
        """Return the file of the gateway's own key and certificate, made anew when that is due. Raises SetupError."""
        now = self._clock()
        if self._own is None or not self._own[0] <= now < self._own[0] + _LOOK_AGAIN:
            self._own = now, self.authority.gateway_papers(self._hosts, now)
        return self._own[1]

    def client_context(self, name: str) -> SSLContext:
        """Return what that node is called with: the same one for as long as no certificate changed.

        Raises:
            SetupError: there is no such node, or it was removed.
        """
        node = self._known(name)
        own = self.own_papers()
        state: tuple[object, ...] = (*node.pinned, own.stat().st_mtime_ns, own.stat().st_ino)
        known = self._contexts.get(name)
        if known is None or known[0] != state:
            known = self._contexts[name] = (state, contexts.client_context(own, node.pinned))
        return known[1]

    def listener_context(self) -> SSLContext:
        """Return what the listener for nodes answers with; :meth:`refresh` keeps it current. Raises SetupError."""
        self._listening = contexts.gateway_context(self.own_papers(), self.folder / AUTHORITY)
        return self._listening

    def refresh(self) -> None:
        """Let new connections to the listener see the gateway's newest certificate. Blocks. Raises SetupError."""
        if self._listening is not None:
            contexts.load_own(self._listening, self.own_papers())

    def greeting(self) -> Greeting:
        """Return what everybody may know: the authority, which a token pins, and the site. Raises SetupError."""
        return Greeting(self.authority.pem, self._place.name)

    def show(self, *, removed: bool = False) -> list[View]:
        """Return all nodes as people may see them."""
        nodes = self.roster.content.nodes if removed else self.roster.nodes()
        return [view(node, self._clock()) for node in nodes]

    # --- what an operator does

    async def make_token(self, wish: NewToken, by: str) -> View:
        """Make a token. The answer's ``token`` is its plain text: the one time it is shown.

        Raises:
            SetupError: the name is taken, or of another site's jurisdiction nothing was said.
            AuditUnavailable: it could not be put on record, and does not count.
        """
        async with self._one_at_a_time:
            self._refuse_taken(wish.name)
            now = self._clock()
            await asyncio.to_thread(self.ensure_authority)
            site, jurisdiction = self._where(wish)
            token = tokens.new_token(wish.name, self.authority.fingerprint)
            record = TokenRecord(
                name=wish.name,
                site=site,
                jurisdiction=jurisdiction,
                seal=tokens.seal(self._peppers()[0], token),
                made=now,
                ends=now + timedelta(seconds=wish.seconds),
                by=by,
            )
            said: View = msgspec.to_builtins(record)
            del said["seal"], said["used"], said["by"]
            content = self.roster.content
            kept = (*tokens.remembered(content.tokens, now), record)
            await self._change("node.token_made", {"by": by, "node": said}, replace(content, tokens=kept))
            return {**said, "token": token, "authority": self.authority.fingerprint}

    async def remove(self, name: str, by: str) -> View:
        """Let a node's certificate count no more, nor tokens for that name. Raises RouteNotFound, AuditUnavailable."""
        async with self._one_at_a_time:
            now = self._clock()
            node = replace(self._found(name), removed=now, previous="")
            content = replaced(self.roster.content, node)
            ended = tuple(replace(t, ends=min(t.ends, now)) if t.name == name else t for t in content.tokens)
            self._contexts.pop(name, None)
            return await self._node_changed("node.removed", node, by, replace(content, tokens=ended))

    async def drain(self, name: str, by: str, *, back: bool = False) -> View:
        """Give a node no new prompts; ``back``: give it some again. Raises RouteNotFound, AuditUnavailable."""
        async with self._one_at_a_time:
            node = replace(self._found(name), drained=None if back else self._clock())
            what = "node.resumed" if back else "node.drained"
            return await self._node_changed(what, node, by, replaced(self.roster.content, node))

    async def distrust(self, name: str, lie: str) -> None:
        """Remember what a node lied about, if it is still joined. Who saw it put it on record. Raises SetupError."""
        async with self._one_at_a_time:
            node = self.roster.node(name)
            if node is not None and not node.distrusted:
                content = replaced(self.roster.content, replace(node, distrusted=lie))
                await asyncio.to_thread(self.roster.write, content)
                self.roster.tell(name)

    async def trust(self, name: str, by: str, reason: str) -> View:
        """Trust a node again that lied. Raises RouteNotFound, SetupError: it did not lie; AuditUnavailable."""
        async with self._one_at_a_time:
            known = self._found(name)
            if not known.distrusted:
                raise SetupError(f"The node {name} is not distrusted.", "See: sekisho node list", exit_code=2)
            node = replace(known, distrusted="")
            content = replaced(self.roster.content, node)
            said = {"reason": reason, "lie": known.distrusted}
            return await self._node_changed("node.trusted", node, by, content, **said)

    # --- what a node does

    async def join(self, asking: Asking, source: str) -> Papers:
        """Let a machine in.

        Args:
            source: the address that it calls from, for the record.

        Raises:
            Unauthenticated: its token is none of ours; nothing is on record by this.
            BadRequest, Forbidden: it was right, and is refused even so; that is on record.
            AuditUnavailable: it could not be put on record; the token still counts.
        """
        async with self._one_at_a_time:
            content, now = self.roster.content, self._clock()
            record = tokens.find(content.tokens, self._peppers(), asking.token)
            if record is None:
                raise Unauthenticated(words.WRONG, code="node.token_wrong")
            try:
                self._refuse_token(record, asking, now)
                certificate = self._signed(asking, record.name, now)
            except SekishoError as error:
                await self._refused(record.name, error, source)
                raise
            node = Node(
                name=record.name,
                site=record.site,
                jurisdiction=record.jurisdiction,
                address=asking.address,
                version=asking.version,
                certificate=_pem(certificate),
                ends=certificate.not_valid_after_utc,
                since=now,
            )
            used = tuple(replace(each, used=now) if each is record else each for each in content.tokens)
            details = {"node": view(node, now), "source": source}
            await self._change("node.joined", details, replaced(replace(content, tokens=used), node))
            self.roster.tell(node.name)
            return self._papers(node)

    async def renew(self, shown: str, asking: Asking, source: str) -> Papers:
        """Give a node its next certificate.

        Args:
            shown: fingerprint of the certificate that it called with.

        Raises:
            Unauthenticated: that is no certificate of a node that is joined.
            BadRequest, Forbidden: it is not time yet, or the request is wrong.
            AuditUnavailable: it could not be put on record; the one that it has still counts.
        """
        async with self._one_at_a_time:
            before, now = self.who(shown), self._clock()
            try:
                self._refuse_early(before, shown, asking, now)
                certificate = self._signed(asking, before.name, now)
            except SekishoError as error:
                await self._refused(before.name, error, source)
                raise
            node = replace(
                before,
                address=asking.address,
                version=asking.version,
                certificate=_pem(certificate),
                previous=next(pem for pem in before.pinned if contexts.fingerprint(pem) == shown),
                ends=certificate.not_valid_after_utc,
                renewed=now,
            )
            details = {"node": view(node, now), "source": source}
            await self._change("node.renewed", details, replaced(self.roster.content, node))
            self.roster.tell(node.name)
            return self._papers(node)

    async def confirm(self, shown: str) -> None:
        """Note that a node has its new certificate in use: the one before counts no more. Raises Unauthenticated."""
        async with self._one_at_a_time:
            node = self.who(shown)
            if node.previous and shown == node.fingerprint:
                content = replaced(self.roster.content, replace(node, previous=""))
                await asyncio.to_thread(self.roster.write, content)
                self.roster.tell(node.name)

    def who(self, shown: str) -> Node:
        """Return the node whose certificate that is. Raises Unauthenticated."""
        node = self.roster.by_fingerprint(shown) if shown else None
        if node is None:
            raise Unauthenticated(words.UNKNOWN, code="node.certificate_unknown")
        return node

    # --- the rules

    def _refuse_taken(self, name: str) -> None:
        if self.roster.node(name) is not None:
            mend = f"Choose another name, or remove that node first: sekisho node remove {name}"
            raise SetupError(f"A node called {name} is joined already.", mend, exit_code=2)
        if name in self._taken:
            problem = f"The name {name} is another target's (site.node, fleet.engines)."
            raise SetupError(problem, "Choose another name.", exit_code=2)

    def _where(self, wish: NewToken) -> tuple[str, str]:
        site = wish.site or self._place.name
        if wish.jurisdiction is not None:
            return site, wish.jurisdiction
        if site != self._place.name:
            problem = f"Of the site {site} it was not said in which jurisdiction it lies."
            raise SetupError(problem, "Give --jurisdiction, such as DE.", exit_code=2)
        return site, self._place.jurisdiction

    def _refuse_token(self, record: TokenRecord, asking: Asking, now: datetime) -> None:
        if record.used is not None:
            raise Forbidden(words.USED.format(name=record.name), code="node.token_used")
        if not record.counts(now):
            raise Forbidden(words.OVER, code="node.token_expired")
        if self.roster.node(record.name) is not None:
            raise Forbidden(words.TAKEN.format(name=record.name), code="node.name_taken")
        _refuse_clock(asking, now)

    def _refuse_early(self, node: Node, shown: str, asking: Asking, now: datetime) -> None:
        _refuse_clock(asking, now)
        certificate = x509.load_pem_x509_certificate(node.certificate.encode())
        lost = shown != node.fingerprint  # the newest one never came into use
        if asking.address == node.address and not lost and not is_due(certificate, now):
            raise Forbidden("The certificate of this node is not due yet.", code="node.not_due")

    def _signed(self, asking: Asking, name: str, now: datetime) -> x509.Certificate:
        host = host_of(asking.address)
        if not host:
            raise BadRequest(" ".join(words.ADDRESS), code="node.address", param="address")
        try:
            return self.authority.sign_node(asking.request.encode(), name, host, now)
        except RequestRefused as error:
            raise BadRequest(str(error), code="node.certificate_request", param="request") from error

    def _papers(self, node: Node) -> Papers:
        return Papers(node.name, node.site, node.certificate, self.authority.pem, self.authority.role)

    def _known(self, name: str) -> Node:
        node = self.roster.node(name)
        if node is None:
            raise SetupError(f"There is no node {name}.", "See: sekisho node list", exit_code=2)
        return node

    def _found(self, name: str) -> Node:
        node = self.roster.node(name)
        if node is None:
            raise RouteNotFound(f"There is no node {name!r}. See: sekisho node list", param="name")
        return node

    # --- the book

    async def _node_changed(self, what: str, node: Node, by: str, content: NodeFile, **more: str) -> View:
        said = view(node, self._clock())
        await self._change(what, {"by": by, "node": said, **more}, content)
        self.roster.tell(node.name)
        return said

    async def _refused(self, name: str, error: SekishoError, source: str) -> None:
        self._book.event("node.refused", name=name, code=error.code, source=source)
        await self._book.durable()

    async def _change(self, what: str, details: View, content: NodeFile) -> None:
        self._book.event(what, **details)
        await self._book.durable()
        try:
            await asyncio.to_thread(self.roster.write, content)
        except SetupError:
            self._book.event(f"{what}.failed", **details)
            raise


def _refuse_clock(asking: Asking, now: datetime) -> None:
    apart = abs(asking.time - now)
    if apart > CLOCKS_APART:
        raise BadRequest(words.CLOCK.format(minutes=int(apart.total_seconds() // 60)), code="node.clock", param="time")


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
