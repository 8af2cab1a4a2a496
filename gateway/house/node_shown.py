"""What operators and ``/metrics`` see of joined nodes: what is known here, beside what a node says of itself.

A node's word for a device labels nothing: devices are those that its ledger was made with, when it was first reached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.resident import Resident, State
from gateway.fleet.nodes.member import NodeMember
from gateway.fleet.nodes.push import Pusher
from gateway.house.gauges import measured_by_device
from gateway.telemetry.metrics import Family

_MIB = 1024 * 1024
_Rows = Iterator[tuple[tuple[str, ...], float]]
Members = Callable[[], Mapping[str, NodeMember]]


def view(member: NodeMember, pusher: Pusher, too_big: Sequence[str]) -> dict[str, Any]:
    """Return how one node stands."""
    state, entry = member.state, member.entry
    said: dict[str, Any] = {
        "node": entry.name, "site": entry.site, "jurisdiction": entry.jurisdiction, "address": entry.address,
        "state": member.word, "problem": member.problem, "too_big": list(too_big),
        "pushing": {digest[:12]: {"bytes": there, "of": total} for digest, (there, total) in pusher.progress.items()},
        "memory": {},
    }  # fmt: skip
    if state is not None:
        devices = [msgspec.to_builtins(device) for device in state.devices]
        said |= {
            "sekisho": state.sekisho, "protocol": state.protocol, "engine": state.engine, "devices": devices,
            "partial": [
                {"sha256": each.sha256, "bytes": each.bytes}
                for each in state.partial if each.sha256 not in pusher.progress
            ],
            "disk_free_bytes": state.disk_free, "files": len(state.blobs), "loaded": len(state.residents),
        }  # fmt: skip
    if member.keeper is not None:
        ledger = member.keeper.rules.ledger
        taken = ledger.taken()
        said["memory"] = {
            device: {"budget_mib": budget, "taken_mib": taken[device]} for device, budget in ledger.budget.items()
        }
    return said


def facts(member: NodeMember | None) -> dict[str, Any]:
    """Return how one node stands now, for the list of nodes; empty where nobody watches it."""
    if member is None:
        return {}
    residents = member.keeper.rules.residents if member.keeper is not None else {}
    loaded = sorted(name for name, each in residents.items() if each.state is State.SERVING)
    return {"now": member.word, "problem": member.problem, "loaded": len(loaded), "models": loaded}


def node_families(members: Members) -> Sequence[Family]:
    """Return the metrics of all joined nodes, read when they are asked for."""
    of_devices, by_model = ("node", "device"), ("node", "model")

    def each(read: Callable[[str, Resident], _Rows]) -> Callable[[], _Rows]:
        return lambda: (row for name, resident in _residents(members()) for row in read(name, resident))

    return (
        Family(
            "sekisho_node_here",
            "1 while a joined node serves; 0 while it is away, out, drained or was not reached.",
            ("node",),
            lambda: (((name,), float(member.word == "here")) for name, member in members().items()),
        ),
        Family(
            "sekisho_node_models", "Models of a joined node, by state.", ("node", "state"), lambda: _states(members())
        ),
        Family(
            "sekisho_node_memory_bytes",
            "Memory that models share on a joined node, and what it says is free.",
            (*of_devices, "kind"),
            lambda: _memory(members()),
        ),
        Family(
            "sekisho_node_power_watts", "What a node's devices draw, as it says.", of_devices, lambda: _power(members())
        ),
        Family(
            "sekisho_node_slots", "Slots of the models that a node has loaded.", by_model, lambda: _slots(members())
        ),
        Family(
            "sekisho_node_requests",
            "Requests that hold a slot of a model on a node, and that wait for one.",
            (*by_model, "what"),
            each(lambda node, its: _two(node, its, "held", its.held, "waiting", its.waiting)),
        ),
        Family(
            "sekisho_node_loads",
            "Loads on a node, by how they ended.",
            (*by_model, "ended"),
            each(lambda node, its: _two(node, its, "serving", its.loads, "failed", its.failed)),
            counts=True,
        ),
        Family(
            "sekisho_node_load_seconds",
            "How long a model's last load on a node took.",
            by_model,
            each(lambda node, its: iter([((node, its.name), its.load_seconds)] if its.loads else [])),
        ),
        Family(
            "sekisho_node_sent_out",
            "Models sent out of a node, by reason.",
            (*by_model, "reason"),
            each(lambda node, its: (((node, its.name, reason), n) for reason, n in its.reasons.items())),
            counts=True,
        ),
    )


def _kept(members: Mapping[str, NodeMember]) -> Iterable[tuple[str, NodeMember, Keeper]]:
    """Return the nodes that were reached."""
    return [(name, member, member.keeper) for name, member in members.items() if member.keeper is not None]


def _residents(members: Mapping[str, NodeMember]) -> Iterator[tuple[str, Resident]]:
    return ((name, each) for name, _, keeper in _kept(members) for each in keeper.rules.residents.values())


def _two(node: str, its: Resident, first: str, amount: float, second: str, other: float) -> _Rows:
    return iter([((node, its.name, first), amount), ((node, its.name, second), other)])


def _states(members: Mapping[str, NodeMember]) -> _Rows:
    counts = Counter((name, each.state) for name, each in _residents(members))
    return (((name, state.value), counts[name, state]) for name, _, _ in _kept(members) for state in State)


def _slots(members: Mapping[str, NodeMember]) -> _Rows:
    for name, _, keeper in _kept(members):
        for model, home in keeper.homes.items():
            if home.resident.state is State.SERVING:
                yield (name, model), home.slots


def _memory(members: Mapping[str, NodeMember]) -> _Rows:
    for name, member, keeper in _kept(members):
        ledger, measured = keeper.rules.ledger, measured_by_device(keeper)
        taken, claimed = ledger.taken(), ledger.claimed()
        free = {device.id: device.free for device in member.state.devices}
        for device, budget in ledger.budget.items():
            yield (name, device, "budget"), budget * _MIB
            yield (name, device, "reserved"), (taken[device] + claimed[device]) * _MIB
            yield (name, device, "measured"), measured[device] * _MIB
            if device in free:
                yield (name, device, "free"), free[device]


def _power(members: Mapping[str, NodeMember]) -> _Rows:
    """Yield the watts of devices that tell them, of nodes that are heard now."""
    for name, member, keeper in _kept(members):
        for device in member.state.devices if member.watch.is_here else ():
            if device.watts >= 0 and device.id in keeper.rules.ledger.budget:
                yield (name, device.id), device.watts
