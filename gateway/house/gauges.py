"""What ``/metrics`` shows of the models of this node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from gateway.fleet.desk import Desk
from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.resident import State
from gateway.http.bounded import Doorstep
from gateway.telemetry.metrics import Family

_MIB = 1024 * 1024
_Rows = Iterable[tuple[tuple[str, ...], float]]


def families_of(keeper: Keeper) -> Sequence[Family]:
    """Return the metrics, read when they are asked for. Models are labelled by their own names, devices by ours."""
    residents = keeper.rules.residents

    def states() -> _Rows:
        counts = Counter(each.state for each in residents.values())
        return (((state.value,), counts[state]) for state in State)

    def memory() -> Iterator[tuple[tuple[str, ...], float]]:
        ledger, measured = keeper.rules.ledger, measured_by_device(keeper)
        taken, claimed = ledger.taken(), ledger.claimed()
        for device, budget in ledger.budget.items():
            yield (device, "budget"), budget * _MIB
            yield (device, "reserved"), (taken[device] + claimed[device]) * _MIB
            yield (device, "measured"), measured[device] * _MIB

    def sent_out() -> _Rows:
        return (((each.name, reason), n) for each in residents.values() for reason, n in each.reasons.items())

    return (
        Family("sekisho_fleet_models", "Models of this node, by state.", ("state",), states),
        Family("sekisho_fleet_memory_bytes", "Memory that models share.", ("device", "kind"), memory),
        Family(
            "sekisho_fleet_requests",
            "Requests that hold a slot of a model, and that wait for one.",
            ("model", "what"),
            lambda: (
                ((each.name, what), amount)
                for each in residents.values()
                for what, amount in (("held", each.held), ("waiting", each.waiting))
            ),
        ),
        Family(
            "sekisho_fleet_load_seconds",
            "How long a model's last load took.",
            ("model",),
            lambda: (((each.name,), each.load_seconds) for each in residents.values() if each.loads),
        ),
        Family(
            "sekisho_fleet_loads",
            "Loads, by how they ended.",
            ("model", "ended"),
            lambda: (
                ((each.name, ended), amount)
                for each in residents.values()
                for ended, amount in (("serving", each.loads), ("failed", each.failed))
            ),
            counts=True,
        ),
        Family("sekisho_fleet_sent_out", "Models sent out, by reason.", ("model", "reason"), sent_out, counts=True),
    )


def desk_families(desks: Callable[[], Sequence[Desk]]) -> Sequence[Family]:
    """Return the metrics of all targets, others' engines among them. Targets are labelled by their ids."""
    return (
        Family(
            "sekisho_fleet_suspended",
            "1 while a target that failed again and again is left alone.",
            ("target",),
            lambda: (((desk.id,), float(desk.breaker.state != "closed")) for desk in desks()),
        ),
        Family(
            "sekisho_fleet_suspensions",
            "How often a target was left alone after failures.",
            ("target",),
            lambda: (((desk.id,), desk.breaker.opened) for desk in desks()),
            counts=True,
        ),
        Family(
            "sekisho_fleet_power_watts",
            "What a target draws while it answers: measured over its answers, or as the settings say.",
            ("target", "source"),
            lambda: (((desk.id, desk.power.source), desk.power.watts) for desk in desks() if desk.power.watts),
        ),
        Family(
            "sekisho_fleet_queue",
            "Requests that hold a slot of a target, and that wait for one.",
            ("target", "what"),
            lambda: (
                ((desk.id, what), amount)
                for desk in desks()
                for what, amount in (("held", desk.held), ("waiting", desk.waiting))
            ),
        ),
    )


def doorstep_families(doorstep: Doorstep) -> Sequence[Family]:
    """Return the metrics of connections. Those refused never were a request, so nothing else tells of them."""
    return (
        Family("sekisho_connections", "Connections that are open.", (), lambda: (((), doorstep.open),)),
        Family(
            "sekisho_connections_refused",
            "Connections ended before a request was read from them, by the status that was answered.",
            ("status",),
            lambda: (((str(status),), amount) for status, amount in doorstep.refused.items()),
            counts=True,
        ),
    )


def measured_by_device(keeper: Keeper) -> Counter[str]:
    """Return what the models that are there were measured to take, in MiB by device."""
    measured: Counter[str] = Counter()
    for home in keeper.homes.values():
        if home.resident.state in (State.SERVING, State.DRAINING):
            measured.update(home.measured)
    return measured
