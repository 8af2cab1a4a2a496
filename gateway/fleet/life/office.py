"""What operators see of the models of this node, and do to them. Orders are on record before they are carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Literal, Protocol

from gateway.domain import Target
from gateway.errors import SetupError
from gateway.fleet.choose.breaker import ALL, Guard
from gateway.fleet.choose.power import Power
from gateway.fleet.desk import Desk
from gateway.fleet.life.home import ResidentHome
from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.resident import State

Action = Literal["load", "unload", "pin", "unpin"]
View = dict[str, Any]


class Events(Protocol):
    """What this room needs of the book: see :class:`gateway.audit.door.Book`."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class Nodes(Protocol):
    """The machines that joined: see :class:`gateway.house.joined.Joined`."""

    def status(self) -> Sequence[Mapping[str, Any]]: ...

    def keeper(self, node: str) -> Keeper:
        """Return who loads models there. Raises SetupError: it is not joined, or serves nobody now."""

    async def adopt(self, model: str, node: str = "") -> None:
        """Offer one more model there, or on all. Raises SetupError: the one that is named could never hold it."""


class NoNodes:
    """No machine can join."""

    def status(self) -> Sequence[Mapping[str, Any]]:
        return ()

    def keeper(self, node: str) -> Keeper:
        raise SetupError(f"There is no node {node}.", "See: sekisho node list", exit_code=2)

    async def adopt(self, model: str, node: str = "") -> None:
        """Nobody is there to offer it."""


class FleetOffice:
    """Shows and orders.

    Args:
        keeper: of this node's own models.
        desks: of all targets, others' engines among them, as they are now.
        book: where each order is written first.
        find_model: the own name behind a name or alias.
        adopt: takes in a model that is known and not served as yet; raises SetupError when it cannot be.
        too_big: models that this machine could never hold, each with one line that says why.
        nodes: the joined ones.
        measured: of each device of this machine, whether its energy is.
    """

    def __init__(  # noqa: PLR0913  each of them by its name
        self,
        keeper: Keeper,
        desks: Callable[[], Sequence[Desk]],
        book: Events,
        find_model: Callable[[str], str | None],
        adopt: Callable[[str], Awaitable[None]],
        too_big: Mapping[str, str] | None = None,
        nodes: Nodes | None = None,
        *,
        measured: Callable[[], Mapping[str, bool]] = dict,
    ) -> None:
        self._measured = measured
        self._nodes = nodes or NoNodes()
        self._keeper = keeper
        self._desks = desks
        self._book = book
        self._find_model = find_model
        self._adopt = adopt
        self._adopting = asyncio.Lock()
        self._too_big = dict(too_big or {})

    async def order(self, model: str, action: Action, by: str, node: str = "") -> View:
        """Have a model loaded, sent out, kept, or kept no longer; returns how it stands then.

        A load is over when the model answers; a model is sent out when those inside have left. One that is known and
        not served as yet is served from its first load on, until the house closes: here and on all nodes, or on the
        node that is named.

        Args:
            node: a joined one; "" is this machine.

        Raises:
            SetupError: there is no such model, it could never fit, or it is kept; exit code 2.
            SekishoError: it could not be loaded.
            AuditUnavailable: not on record, so not done.
        """
        keeper, name = self._nodes.keeper(node) if node else self._keeper, self._find_model(model)
        self._refuse(model, name, action, keeper, node)
        assert name is not None  # noqa: S101 - for the type checker
        said = {"model": name, "action": action, **({"node": node} if node else {})}
        self._book.event("model.ordered", by=by, details=said)
        await self._book.durable()
        try:
            await self._taken_in(name, keeper, node)
        except SetupError:
            self._book.event("model.ordered.refused", by=by, details=said)
            raise
        await _carry_out(keeper, name, action)
        return self._resident(keeper.homes[name])

    def _refuse(self, model: str, name: str | None, action: Action, keeper: Keeper, node: str) -> None:
        home = keeper.homes.get(name or "")
        if name in self._too_big and not node:
            raise SetupError(self._too_big[name], "Give it less context or fewer slots: fleet.models.", exit_code=2)
        if name is None or (home is None and action in ("unload", "unpin")):
            own, where = ", ".join(keeper.homes) or "none", f"{node}'s" if node else "this node's"
            raise SetupError(f"The model {model!r} is not one of {where}.", f"Its models: {own}.", exit_code=2)
        if home is not None and action == "unload" and home.resident.pinned:
            mend = f"Let it go first: sekisho models pin {name} --off" + (f" --on {node}" if node else "")
            raise SetupError(f"The model {name} is kept loaded.", mend, exit_code=2)

    async def _taken_in(self, name: str, keeper: Keeper, node: str) -> None:
        async with self._adopting:
            if name in keeper.homes:
                return
            if not node:
                await self._adopt(name)
            await self._nodes.adopt(name, node)

    def status(self) -> View:
        """Return how all models stand, and the memory they share."""
        ledger, residents = self._keeper.rules.ledger, self._keeper.rules.residents.values()
        taken, claimed = ledger.taken(), ledger.claimed()
        return {
            "models": [self._shown(desk) for desk in self._desks()],
            "nodes": [dict(each) for each in self._nodes.status()],
            "too_big": [{"model": name, "problem": problem} for name, problem in self._too_big.items()],
            "memory": {
                device: {"budget_mib": budget, "taken_mib": taken[device], "claimed_mib": claimed[device]}
                for device, budget in ledger.budget.items()
            },
            "energy_measured": dict(self._measured()),
            "loads": sum(each.loads for each in residents),
            "failures": sum(each.failed for each in residents),
            "evictions": sum(each.reasons.get("room", 0) for each in residents),
        }

    def _shown(self, desk: Desk) -> View:
        home, breaker, power = desk.home, _breaker(desk.breaker, monotonic()), _power(desk.power)
        if isinstance(home, ResidentHome):
            return {**self._resident(home), **_canary(desk), "breaker": breaker, "power": power}
        is_open = home.is_open()
        problem = "" if is_open else str(getattr(getattr(home, "engine", None), "problem", ""))  # where it is watched
        return {
            **_target(home.target),
            "state": State.SERVING.value if is_open else "away",
            "held": desk.held,
            "waiting": desk.waiting,
            "slots": home.slots,
            "problem": problem,
            **_canary(desk),
            "breaker": breaker,
            "power": power,
        }

    def _resident(self, home: ResidentHome) -> View:
        resident, now = home.resident, self._keeper.now()
        there = resident.state in (State.SERVING, State.DRAINING)
        state = "restarting" if resident.state is State.SERVING and not home.is_open() else resident.state.value
        obstacle = home.obstacle()
        state = "away" if obstacle else state
        again = max(0.0, resident.again_at - now) if resident.state is State.FAILED else None
        return {
            **_target(home.target),
            "state": state,
            "pinned": resident.pinned,
            "held": resident.held,
            "waiting": resident.waiting,
            "slots": home.slots,
            "context_tokens": home.context_tokens,
            "price_mib": dict(resident.price),
            "measured_mib": dict(home.measured) if there else {},
            "load_seconds": round(resident.load_seconds, 3),
            "idle_seconds": round(now - resident.used_at, 1) if there and resident.idle else None,
            "ttl_seconds": resident.ttl_seconds,
            "sent_out": dict(resident.reasons),
            "failures": resident.failures,
            "problem": obstacle or resident.problem,
            "again_in_seconds": None if again is None else round(again, 1),
        }


async def _carry_out(keeper: Keeper, name: str, action: Action) -> None:
    if action in ("pin", "unpin"):
        keeper.pin(name, action == "pin")
    if action == "unload":
        await keeper.dismissed(name)
    elif action != "unpin":
        await keeper.ordered(name)


def _breaker(breaker: Guard, now: float) -> View:
    again = None if breaker.state == "closed" else round(breaker.again_in_seconds(ALL, now), 1)
    return {
        "state": breaker.state,
        "failures": breaker.failures,
        "opened": breaker.opened,
        "tenants": list(breaker.tenants),
        "again_in_seconds": again,
    }


def _power(power: Power) -> View:
    watts = round(power.watts, 1) if power.watts else None
    return {"watts": watts, "source": power.source, "answers": power.answers, "configured": power.configured or None}


def _canary(desk: Desk) -> View:
    """What part of all callers tries a target, and for which model where it is a new version of that; 0: it is none."""
    version = desk.version
    return {"canary": version.share if version else desk.canary, "canary_of": version.of if version else ""}


def _target(target: Target) -> View:
    known = {"model": target.model, "target": target.id, "node": target.node}
    return {**known, "device": target.device, "engine": target.build}
