"""A joined node in this process: the real service over real mutual TLS on loopback, with scripted engines behind it.

A tour: :func:`papers` makes an authority and everybody's certificates below a folder. :func:`node` runs the service and
yields a :class:`JoinedNode`: ``address``, ``blobs``, ``residents``, and ``engines``, those that were built.
What a load shall do is set before: ``node.digest = "…"`` makes it lie, ``node.fault = error`` makes starts fail,
``node.gate`` is an event that starts wait for. ``engine.pace`` is an event that each token waits for, and
``engine.inside`` counts who is being answered. ``node.protocol`` is the version that it says.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.domain import Capability, Choice, Chunk, Prompt, Usage
from gateway.engines.node_link import NodeLink
from gateway.engines.node_wire import NodeDevice, NodePartial, NodeState, Order
from gateway.errors import EngineUnavailable
from gateway.fleet.nodes.authority import Authority, gateway_role, make_authority, private_pem
from gateway.fleet.nodes.contexts import AUTHORITY, CERTIFICATE, KEY, client_context, server_context
from gateway.fleet.nodes.papers import write_private
from gateway.keys.vault import FileVault
from gateway.node.blobs import Blobs
from gateway.node.bundles import Bundles
from gateway.node.residents import Built, Residents
from gateway.node.service import Service, listening
from gateway.telemetry.energy import EnergyMeter

SITE = "plant"
PROMPT = Prompt("r1", Capability.CHAT, {"messages": []}, stream=True, slot=0)


@dataclass
class Papers:
    """``own`` is the gateway's key and certificate; ``folder`` the node's; ``pem`` the node's certificate."""

    authority: Authority
    own: Path
    folder: Path
    pem: str


def papers(folder: Path, name: str = "gpu1", host: str = "127.0.0.1") -> Papers:
    now = datetime.now(UTC)
    authority = make_authority(folder / "nodes", SITE, now, FileVault(folder / "keys"))
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    signed = authority.sign_node(request.public_bytes(Encoding.PEM), name, host, now)
    pem = signed.public_bytes(Encoding.PEM)
    its = folder / f"node-{name}"
    for file, content in ((KEY, private_pem(key)), (CERTIFICATE, pem), (AUTHORITY, authority.pem.encode())):
        write_private(its / file, content)
    return Papers(authority, authority.gateway_papers((), now), its, pem.decode())


class ScriptedEngine:
    """Says ``words``, one a chunk; each waits for ``pace``."""

    device, build = "cpu: scripted", "scripted/1"

    def __init__(self, node: JoinedNode, order: Order) -> None:
        self.node, self.order = node, order
        self.slots, self.context_tokens = order.slots, order.context_tokens
        self.words = ["a", "b", "c"]
        self.failure: Exception | None = None
        self.pace = asyncio.Event()
        self.pace.set()
        self.hold_after = 0  # words after which it says no more until ``pace`` is set again
        self.inside = self.left = 0
        self.up = False

    async def start(self) -> None:
        if self.node.gate is not None:
            await self.node.gate.wait()
        if self.node.fault is not None:
            raise self.node.fault
        self.up = True

    async def stop(self) -> None:
        self.up = False
        self.node.stopped.append(self.order.id)

    def ready(self) -> bool:
        return self.up

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        if not self.up:
            raise EngineUnavailable(code="engine.restarting")
        self.inside += 1
        try:
            for said, word in enumerate(self.words):
                if said and said == self.hold_after:
                    self.pace.clear()
                await self.pace.wait()
                yield Chunk((Choice(0, content=word),))
            if self.failure is not None:
                raise self.failure
            yield Chunk((Choice(0, finish_reason="stop"),), Usage(1, len(self.words)))
        finally:
            self.inside -= 1
            self.left += 1


class Counted:
    """A processor's counter that moves by ``step`` joules with each look; below 0 there is none."""

    def __init__(self) -> None:
        self.step = -1.0

    def wake(self) -> None: ...

    def rest(self) -> None: ...

    def read(self) -> float:
        if self.step < 0:
            raise OSError
        return self.step * 1e6


class JoinedNode:
    """See the module's tour. It is the service's portrait, too."""

    def __init__(self, folder: Path, its: Papers) -> None:
        self.papers = its
        self.blobs = Blobs(folder / "store" / "sha256")
        self.bundles = Bundles(folder / "bundles", None, lambda: None)
        self.counter = Counted()
        self.residents = Residents(self.build, EnergyMeter({"cpu": [self.counter]}))
        self.engines: list[ScriptedEngine] = []
        self.stopped: list[str] = []
        self.digest = ""
        self.fault: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.protocol = 1
        self.boot = "b1"
        self.address = ""

    async def build(self, order: Order) -> Built:
        engine = ScriptedEngine(self, order)
        self.engines.append(engine)
        manifest = order.manifest
        return Built(engine, str(manifest["name"]), self.digest or str(manifest["sha256"]))

    async def state(self) -> NodeState:
        return NodeState(
            protocol=self.protocol,
            sekisho="0.9",
            boot=self.boot,
            devices=(NodeDevice("ram", "a processor", 8 << 30, 4 << 30, 7.5),),
            engine="scripted/1",
            disk_free=self.blobs.disk_free(),
            blobs=self.blobs.all(),
            brought=self.blobs.brought(),
            partial=tuple(NodePartial(*each) for each in self.blobs.partial()),
            residents=self.residents.all(),
            ordered=self.bundles.waits(),
            installed=self.bundles.ended(),
        )

    def link(self) -> NodeLink:
        """Return the gateway's link to it, open."""
        context = client_context(self.papers.own, [self.papers.pem])
        link = NodeLink("gpu1", self.address, lambda: context, read_timeout_seconds=30.0)
        link.open()
        return link


def bound_socket(port: int = 0) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.setblocking(False)
    return bound


@asynccontextmanager
async def node(
    folder: Path, its: Papers | None = None, port: int = 0, bundles: Bundles | None = None
) -> AsyncIterator[JoinedNode]:
    """Run a node on loopback. Without ``bundles`` it was not installed from one."""
    made = JoinedNode(folder, its or papers(folder))
    made.bundles = bundles or made.bundles
    bound = bound_socket(port)
    made.address = f"127.0.0.1:{bound.getsockname()[1]}"
    service = Service(made, made.blobs, made.bundles, made.residents, gateway_role(SITE))
    async with listening(service, bound, server_context(made.papers.folder)):
        yield made
    await made.residents.close()


async def until(condition: object, seconds: float = 20.0) -> None:
    """Return once ``condition()`` is true; fails after so long."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
