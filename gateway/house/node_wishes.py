"""What a joined node may be asked to hold: its machine before the fit planner, and how it is told to load a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from gateway.domain import Target
from gateway.engines.node_wire import NodeState, Order
from gateway.errors import SetupError
from gateway.fleet.fit.devices import Device, Machine
from gateway.fleet.fit.memory import RAM
from gateway.fleet.life.loading import Wish
from gateway.fleet.nodes.roster import Node
from gateway.house.choice import manifest_of
from gateway.house.fitting import Fitting
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, Settings


class NodeFitting(Fitting):
    """The fit planner before a node's machine, as the node described it."""

    def __init__(self, settings: Settings, store: ContentStore, state: NodeState) -> None:
        super().__init__(settings, store)
        self.__dict__["machine"] = machine_of(state)
        self.__dict__["kept_free"] = {each.id: max(0, state.kept_free.get(each.id, 0)) for each in state.devices}
        self._state = state

    @property
    def built_for(self) -> frozenset[str]:
        return frozenset(self._state.built_for)

    @property
    def on_gpu(self) -> bool:
        return self._state.on_gpu


def machine_of(state: NodeState) -> Machine:
    """Return a node's machine. Raises SetupError: it names no memory of its own, or a device twice."""
    devices = [
        Device(each.id, each.name, each.total, each.free, "", each.watts, each.watts_limit, each.compute)
        for each in state.devices
    ]
    rams = [each for each in devices if each.id == RAM]
    if len(rams) != 1 or len({each.id for each in devices}) != len(devices):
        raise SetupError("The node does not say what memory it has.", "Update it.")
    return Machine(rams[0], tuple(each for each in devices if each.id != RAM), frozenset(state.features))


def order_of(store: ContentStore, manifest: Manifest, wanted: EngineSettings, gpu_layers: int) -> Order:
    """Return how a node is to load a model. Its name is given when it is built. Raises SetupError."""
    draft = manifest_of(store, wanted.draft) if wanted.draft else None
    return Order(
        id="",
        manifest=msgspec.to_builtins(manifest),
        context_tokens=wanted.context_tokens,
        slots=wanted.slots,
        gpu_layers=gpu_layers,
        batch_tokens=wanted.batch_tokens,
        kv_type=wanted.kv_type,
        flash_attention=wanted.flash_attention,
        adapters=tuple(msgspec.to_builtins(each) for each in store.adapters(manifest.name)),
        draft=None if draft is None else msgspec.to_builtins(draft),
        draft_tokens=wanted.draft_tokens,
    )


def target_at(name: str, nodes: Sequence[Node], own: Target) -> Target:
    """Return the target that a model is on a node. Where that stands, the roster says: never the node, never we."""
    entry = next(node for node in nodes if node.name == name)
    return replace(
        own,
        id=f"{entry.site}/{entry.name}/engine:{own.model}",
        site=entry.site,
        node=entry.name,
        jurisdiction=entry.jurisdiction,
        same_node=False,
    )


def misfit(wish: Wish, budget: Mapping[str, int], node: str) -> str:
    """Return why a node could never hold a model, in one line; "" when it could."""
    short = {device: need for device, need in wish.price.items() if need > budget.get(device, 0)}
    needs = " and ".join(f"{need:,} MiB of {each} (there are {budget.get(each, 0):,})" for each, need in short.items())
    return f"The model {wish.target.model} needs {needs} on {node}." if short else ""
