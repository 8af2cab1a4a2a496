"""The gateway's side of joined nodes over real TLS: a store with small models, a roster, a fleet, and nothing else.

A tour: :func:`gateway_of` yields a :class:`Gateway`. Nodes (:mod:`joined_nodes`) come in by ``gateway.join(node)``;
``gateway.fleet`` is a real fleet, ``gateway.events`` what went on record, and ``await gateway.ask("tiny")`` sends one
request through the fleet as an attempt does, and returns the text. ``gateway.announced`` is what the policy was told.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import SSLContext
from typing import Any

import yaml
from gguf_files import model
from joined_nodes import PROMPT, JoinedNode
from msgspec.structs import replace

from gateway.domain import Caller, Capability, Decision, Grant, Role, Target
from gateway.fleet.local import LocalFleet
from gateway.fleet.nodes.contexts import client_context
from gateway.fleet.nodes.roster import Node
from gateway.house.joined import Joined
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, FleetSettings, ModelSettings, Settings, SiteSettings

CALLER = Caller("k1", "acme", "p", (Role.APP,), "", "plant", "DE", "DE", "DE")
HEADER = {
    "llama__block_count": 2,
    "llama__embedding_length": 32,
    "llama__attention__head_count": 2,
    "llama__context_length": 2048,
}


def a_store(folder: Path, names: Sequence[str]) -> None:
    """Write manifests and files of small models, each with bytes of its own."""
    for number, name in enumerate(names):
        raw = model(fill=number + 1, **HEADER)
        digest = hashlib.sha256(raw).hexdigest()
        said = {
            "name": name, "file": f"{name}.gguf", "sha256": digest, "size_bytes": len(raw), "quantisation": "F32",
            "context_tokens": 2048, "capabilities": ["chat"], "licence": "MIT", "origin": "made for a test",
        }  # fmt: skip
        (folder / "store" / "sha256").mkdir(parents=True, exist_ok=True)
        (folder / "store" / "sha256" / digest).write_bytes(raw)
        (folder / "manifests").mkdir(exist_ok=True)
        (folder / "manifests" / f"{name}.yaml").write_text(yaml.safe_dump(said))


class Rolls:
    def __init__(self) -> None:
        self.entries: list[Node] = []
        self.changed: Callable[[str], None] = lambda name: None

    def nodes(self) -> Sequence[Node]:
        return tuple(self.entries)

    def watch(self, changed: Callable[[str], None]) -> None:
        self.changed = changed


class Gateway:
    """See the module's tour. It is the book and the enrolment, too."""

    def __init__(self, folder: Path, models: Sequence[ModelSettings], listed: int | None = None) -> None:
        a_store(folder, [each.model for each in models])
        self.settings = Settings(
            site=SiteSettings(name="plant", node="gw", jurisdiction="DE"),
            engine=EngineSettings(context_tokens=256, slots=2),
            fleet=FleetSettings(models=tuple(models)[:listed]),
            data_dir=str(folder),
        )
        self.store = ContentStore(folder / "manifests", self.settings.store)
        self.roster = Rolls()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.announced: list[Target] = []
        self._contexts: dict[str, SSLContext] = {}
        names = {each.model for each in models}
        self.fleet = LocalFleet(
            [], queue=8, find_model=lambda name: name if name in names else None, model_names=lambda: sorted(names)
        )
        self.joined = Joined(self.settings, self.store, self, self)  # type: ignore[arg-type]

    def event(self, type: str, **said: Any) -> None:
        self.events.append((type, said))

    async def durable(self) -> None:
        """All of it is."""

    async def distrust(self, name: str, lie: str) -> None:
        self.change(name, distrusted=lie)

    def types(self) -> list[str]:
        return [type for type, _ in self.events]

    def client_context(self, name: str) -> SSLContext:
        return self._contexts[name]

    async def announce(self, targets: Callable[[], Sequence[Target]]) -> None:
        self.announced = list(targets())

    def open(self) -> None:
        self.joined.open(self.fleet, self.announce)

    def join(self, node: JoinedNode, name: str = "gpu1", **said: Any) -> None:
        """Put a node into the roster."""
        self._contexts[name] = client_context(node.papers.own, [node.papers.pem])
        now = datetime.now(UTC)
        entry = Node(
            name=name, site="annex", jurisdiction="AT", address=node.address, version="0.9",
            certificate=node.papers.pem, ends=now + timedelta(days=90), since=now,
        )  # fmt: skip
        self.roster.entries.append(replace(entry, **said))
        self.roster.changed(name)

    def change(self, name: str, **said: Any) -> None:
        self.roster.entries = [replace(each, **said) if each.name == name else each for each in self.roster.entries]
        self.roster.changed(name)

    def remove(self, name: str) -> None:
        self.roster.entries = [each for each in self.roster.entries if each.name != name]
        self.roster.changed(name)

    def is_open(self, model: str = "tiny", node: str = "") -> bool:
        desks = [each for each in self.fleet.desks() if each.home.target.model == model]
        return any(each.home.is_open() for each in desks if node in ("", each.home.target.node))

    def word(self, name: str = "gpu1") -> str:
        return self.joined.members[name].word if name in self.joined.members else ""

    async def ask(self, model: str = "tiny", said: list[str] | None = None) -> str:
        """Send one request; ``said`` gets the words as they come."""
        words = [] if said is None else said
        targets = self.fleet.candidates(model, Capability.CHAT, CALLER)
        grants = tuple(Grant(id=target.id) for target in targets)
        decision = Decision("d", True, grants, (), "r", "b", "f", "opa/0")
        held = await self.fleet.choose(decision, CALLER, frozenset())
        try:
            async with aclosing(held.answer(replace(PROMPT, slot=held.slot))) as chunks:
                async for chunk in chunks:
                    words += [choice.content for choice in chunk.choices if choice.content]
        finally:
            held.release(held.energy)
        return "".join(words)


@asynccontextmanager
async def gateway_of(folder: Path, *models: ModelSettings, listed: int | None = None) -> AsyncIterator[Gateway]:
    """``listed``: so many of the models, the first ones, are in the settings; else all."""
    made = Gateway(folder, models or (ModelSettings(model="tiny"),), listed)
    made.open()
    yield made
    await made.joined.stop()
