"""The engines of this process. Implements :class:`gateway.fleet.door.Fleet`.

Every engine has a queue of its own, first come, first served. A request joins one queue, of the best target that its
decision allows, and stays in it; when that engine goes away, it looks for another at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from gateway.domain import Caller, Capability, Decision, Grant, Target
from gateway.errors import EngineUnavailable, LimitExceeded, ModelNotFound
from gateway.fleet.member import Desk, Member, away
from gateway.fleet.placement import HeldSlot

__all__ = ["LocalFleet", "Member"]

_SHOWABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
"""A model name that may stand in a message: one that an alias could have."""


class LocalFleet:
    """Implements :class:`gateway.fleet.door.Fleet`.

    Args:
        members: the engines; their target ids are distinct.
        queue: how many requests may wait for each of them.
        find_model: the own name of the model behind a name or alias, ``None`` when there is none.
        model_names: every name and alias that ``find_model`` knows, for messages.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        queue: int,
        find_model: Callable[[str], str | None],
        model_names: Callable[[], Sequence[str]],
    ) -> None:
        self._desks = {member.target.id: Desk(member, queue=queue) for member in members}
        if len(self._desks) != len(members):
            raise ValueError("two members have one target id")
        self._targets = tuple(member.target for member in members)
        self._serving = _by_model(self._targets)
        self._find_model = find_model
        self._model_names = model_names

    def targets(self) -> Sequence[Target]:
        """Return all targets, healthy or not."""
        return self._targets

    def candidates(self, model: str, capability: Capability, caller: Caller) -> Sequence[Target]:
        """Return the targets that serve ``model`` with ``capability``, healthy or not.

        Raises:
            ModelNotFound: it does not exist, is not served, or is not the caller's: one message for all of them.
        """
        name = self._find_model(model)
        targets = self._serving.get((name, capability)) if name is not None else None
        if targets is None or name is None or not self._may_use(caller, name):
            raise self._not_found(model, capability, caller)
        return targets

    async def choose(self, decision: Decision, caller: Caller, failed: frozenset[str]) -> HeldSlot:
        """Wait for a slot on the best of the decision's targets, ``failed`` ones excluded.

        Best is a slot that already holds this tenant's prompt, then a free slot, then the shortest queue, then the
        decision's own order.

        Raises:
            EngineUnavailable: none of them is healthy.
            LimitExceeded: every healthy one's queue is full (``fleet.queue_full``).
        """
        tried = set(failed)
        while True:
            desk = self._best(decision.targets, caller.tenant, tried)
            try:
                return HeldSlot(desk, await desk.lease(caller.tenant))
            except EngineUnavailable:
                tried.add(desk.target.id)

    def ready(self) -> bool:
        """Return whether at least one engine would take a prompt now."""
        return any(desk.engine.ready() for desk in self._desks.values())

    def _best(self, grants: Iterable[Grant], tenant: str, failed: set[str]) -> Desk:
        known = (self._desks[grant.id] for grant in grants if grant.id in self._desks and grant.id not in failed)
        healthy = [desk for desk in known if desk.engine.ready()]
        if not healthy:
            raise away()
        with_room = [desk for desk in healthy if not desk.is_full]
        if not with_room:
            raise LimitExceeded(
                "Every place in the model's queue is taken.",
                code="fleet.queue_full",
                retry_after_seconds=min(desk.wait_seconds() for desk in healthy),
            )
        return with_room[0] if len(with_room) == 1 else min(with_room, key=lambda desk: desk.rank(tenant))

    def _may_use(self, caller: Caller, name: str) -> bool:
        """A key may name its models by alias too; what counts is the model behind."""
        return not caller.models or name in caller.models or name in map(self._find_model, caller.models)

    def _not_found(self, model: str, capability: Capability, caller: Caller) -> ModelNotFound:
        yours = [name for name in self._model_names() if self._serves(name, capability, caller)]
        shown = model if _SHOWABLE.fullmatch(model) else "NAME"
        there_is = f"Your models: {', '.join(yours)}." if yours else "No model is open to this key."
        own = self._find_model(yours[0]) if yours else None
        alias = f"An operator can give one of them this name: sekisho models alias {shown} {own}" if own else ""
        subject = "This model" if shown == "NAME" else f"The model `{shown}`"
        problem = f"{subject} does not exist or you do not have access to it."
        return ModelNotFound(" ".join(filter(None, (problem, there_is, alias))), param="model")

    def _serves(self, name: str, capability: Capability, caller: Caller) -> bool:
        own = self._find_model(name)
        return own is not None and (own, capability) in self._serving and self._may_use(caller, own)


def _by_model(targets: Iterable[Target]) -> dict[tuple[str, Capability], tuple[Target, ...]]:
    serving: dict[tuple[str, Capability], tuple[Target, ...]] = {}
    for target in targets:
        for capability in target.capabilities:
            key = (target.model, capability)
            serving[key] = (*serving.get(key, ()), target)
    return serving
