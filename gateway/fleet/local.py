"""The targets of this process. Implements :class:`gateway.fleet.door.Fleet`.

Every target has a queue of its own (:mod:`gateway.fleet.choose.queue` says who is next). A request joins one queue, of
the best target that its decision allows, and stays in it, also while the model is loaded; when its engine goes away, or
cannot be loaded, it looks for another at once.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from time import monotonic

from gateway.domain import Caller, Capability, Decision, Grant, Target
from gateway.errors import EngineUnavailable, Forbidden, LimitExceeded, ModelNotFound
from gateway.fleet.choose.cohort import is_in_cohort
from gateway.fleet.choose.queue import Claim
from gateway.fleet.desk import SUSPENDED, Desk, Terms
from gateway.fleet.door import Asked
from gateway.fleet.member import NOBODY, Home, Member, away
from gateway.fleet.placement import HeldSlot
from gateway.fleet.ranking import Chosen, Ranking, Standing, Wish, as_canary

__all__ = ["LocalFleet", "Member"]

_TRIED = (Capability.CHAT, Capability.COMPLETE)
"""What a new version of a model may answer in the place of the one that was asked for."""

_SHOWABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
"""A model name that may stand in a message: one that an alias could have."""


class LocalFleet:
    """Implements :class:`gateway.fleet.door.Fleet`.

    Args:
        members: where models are served; their target ids are distinct.
        queue: how many requests may wait for each of them.
        queues: as ``queue``, by target id, where it is another number.
        find_model: the own name of the model behind a name or alias, ``None`` when there is none.
        model_names: every name and alias that ``find_model`` knows, for messages.
        find_adapter: the adapter that such a name asks for, empty where it asks for none.
        terms: what holds for whoever waits.
        ranking: learns and says which target is best.
    """

    def __init__(  # noqa: PLR0913  each of them by its name
        self,
        members: Sequence[Home],
        *,
        queue: int,
        find_model: Callable[[str], str | None],
        model_names: Callable[[], Sequence[str]],
        queues: Mapping[str, int] | None = None,
        find_adapter: Callable[[str], str] = lambda name: "",
        terms: Terms | None = None,
        ranking: Ranking | None = None,
    ) -> None:
        self._ranking = ranking or Ranking()
        queues, self._terms = queues or {}, terms or Terms()
        desks = [self._desk(each, queues.get(each.target.id, queue)) for each in members]
        self._desks = {desk.id: desk for desk in desks}
        if len(self._desks) != len(members):
            raise ValueError("two members have one target id")
        self._index()
        self._find_model = find_model
        self._model_names = model_names
        self._find_adapter = find_adapter

    def adopt(self, home: Home, queue: int) -> None:
        """Offer one more target from now on. Raises ValueError when its id is taken."""
        desk = self._desk(home, queue)
        if desk.id in self._desks:
            raise ValueError("two members have one target id")
        self._desks[desk.id] = desk
        self._index()

    def _desk(self, home: Home, queue: int) -> Desk:
        return Desk(home, queue=queue, terms=self._terms, foretell=self._foretold)

    def _foretold(self, desk: Desk, ahead: int) -> float | None:
        """Return when a slot is likely to be free once so many others were served; ``None``: nothing is known."""
        seen = Standing(desk.home.target, desk.slots, desk.held, ahead, service_seconds=desk.service_seconds)
        return self._ranking.wait_seconds(seen)

    def retire(self, target: str) -> None:
        """Offer a target no more; does nothing where there is none. Nobody waits there, those inside finish."""
        if self._desks.pop(target, None) is not None:
            self._index()

    def desks(self) -> Sequence[Desk]:
        """Return the places where requests ask, one for each target."""
        return tuple(self._desks.values())

    def targets(self) -> Sequence[Target]:
        """Return all targets, healthy or not."""
        return tuple(desk.home.target for desk in self._desks.values())

    def candidates(self, model: str, capability: Capability, caller: Caller) -> Sequence[Target]:
        """Return the targets that serve ``model`` with ``capability``, healthy or not.

        Raises:
            ModelNotFound: it does not exist, is not served, or is not the caller's: one message for all of them. Of one
                that is the caller's and served, but not for this, it says what it is served for.
            Forbidden: none of them is at a site that the caller's key names (``identity.site``).
        """
        name = self._find_model(model)
        desks = self._offered(model, name, capability, caller) if name is not None else None
        if desks is None or not self._may_use(caller, model):
            raise self._not_found(model, capability, caller)
        targets = tuple([desk.home.target for desk in desks])
        return at_sites(targets, caller) if caller.sites else targets

    def _offered(self, model: str, name: str, capability: Capability, caller: Caller) -> Sequence[Desk] | None:
        """Return the desks that serve a model, and after them those of a new version that its caller tries for it;
        ``None``: none serves it.

        An adapter is of one model's weights, and vectors of two models are no vectors of one space: there nobody tries
        another one.
        """
        own = self._serving.get((name, capability))
        if not own or not self._terms.versions or capability not in _TRIED or self._find_adapter(model):
            return own
        tried = (new for new, version in self._terms.versions.items() if version.of == name)
        return (*own, *(desk for new in tried for desk in self._tries(new, capability, caller)))

    def _tries(self, model: str, capability: Capability, caller: Caller) -> Sequence[Desk]:
        share = self._terms.versions[model].share
        return self._serving.get((model, capability), ()) if is_in_cohort(model, caller, share) else ()

    def adapter(self, model: str) -> str:
        """Return the name of the adapter that ``model`` asks for; empty: none."""
        return self._find_adapter(model)

    async def choose(
        self,
        decision: Decision,
        caller: Caller,
        failed: frozenset[str],
        deadline: float = math.inf,
        asked: Asked | None = None,
    ) -> HeldSlot:
        """Wait for a slot on the best of the decision's targets, ``failed`` ones excluded.

        Best is what the route says (:mod:`gateway.fleet.choose.objective`) of what is expected of each. Between equals
        it is a slot that already holds this tenant's prompt, then a free slot, then the shortest queue, then a model
        that has to be loaded, then the decision's own order.

        Raises:
            EngineUnavailable: none of them is healthy, or can be loaded.
            LimitExceeded: every healthy one's queue is full (``fleet.queue_full``), or the wait would be too long, or
                was (``fleet.wait_too_long``).
        """
        deadline = min(deadline, monotonic() + self._terms.wait_seconds)
        claim = Claim(caller.tenant, self._priority(decision.targets, caller), deadline=deadline)
        wish, tried = Wish(asked, caller), set(failed)
        why: EngineUnavailable | None = None
        while True:
            chosen = self._best(decision.targets, claim, wish, tried, why)
            desk = self._desks[chosen.target]
            stay = self._ranking.stay(desk.home.target, chosen)
            self._ranking.came(desk.id)
            try:
                held = await desk.lease(Claim(claim.tenant, claim.priority, stay.tokens, deadline, stay.slot))
            except BaseException as error:
                stay.leave()
                if not isinstance(error, EngineUnavailable):
                    raise
                why = error
                if error.code != SUSPENDED:  # left alone while this waited: it may be the last one that can serve
                    tried.add(desk.id)
            else:
                stay.sit(held.lease.slot)
                return HeldSlot(desk, held, stay)

    def _priority(self, grants: Sequence[Grant], caller: Caller) -> int:
        known = (self._desks[grant.id].home.target.model for grant in grants if grant.id in self._desks)
        return self._ranking.priority(next(known, ""), caller)

    def ready(self) -> bool:
        """Return whether at least one target would take a prompt now, or can be loaded for it."""
        return any(desk.home.is_open() or desk.is_coming() for desk in self._desks.values())

    def _best(
        self,
        grants: Sequence[Grant],
        claim: Claim,
        wish: Wish,
        failed: set[str],
        why: EngineUnavailable | None,
    ) -> Chosen:
        known = [self._desks[grant.id] for grant in grants if grant.id in self._desks and grant.id not in failed]
        models = {self._desks[grant.id].home.target.model for grant in grants if grant.id in self._desks}
        new = [desk for desk in known if desk.version is not None and desk.version.of in models]  # its caller tries it
        canaries = [desk for desk in known if desk.canary or desk in new]
        others = [desk for desk in known if desk not in canaries] or canaries  # alone, it serves all
        own = [desk for desk in canaries if desk in new or is_in_cohort(desk.id, wish.caller, desk.canary)]
        own = [desk for desk in own if desk.is_open(claim.tenant) or desk.is_coming(claim.tenant)]  # no last resort
        if own and others is not canaries:
            with suppress(EngineUnavailable, LimitExceeded):  # then it is answered as everybody else is
                return as_canary(self._best_of(own, grants, claim, wish, why))
        return self._best_of(others, grants, claim, wish, why)

    def _best_of(
        self,
        known: Sequence[Desk],
        grants: Sequence[Grant],
        claim: Claim,
        wish: Wish,
        why: EngineUnavailable | None,
    ) -> Chosen:
        healthy = [(desk, True) for desk in known if desk.is_open(claim.tenant)]
        healthy += [(desk, False) for desk in known if desk.is_coming(claim.tenant)]
        healthy = healthy or [(desk, True) for desk in known if desk.is_last_resort(claim.tenant)]
        if not healthy:
            raise why or (known[0].refusal(claim.tenant) if known else away())
        asked = [(desk, is_open, desk.turns_away(claim, is_open=is_open)) for desk, is_open in healthy]
        with_room = [(desk, is_open) for desk, is_open, refusal in asked if refusal is None]
        if not with_room:
            raise min((refusal for _, _, refusal in asked if refusal), key=lambda each: each.retry_after_seconds or 0)
        if len(with_room) == 1 and with_room[0][0].home.target.model not in self._shared:
            return self._ranking.alone(with_room[0][0].home.target, wish)
        by_id = {desk.id: desk for desk, _ in with_room}
        options = [(_standing(by_id[grant.id], claim), grant) for grant in grants if grant.id in by_id]
        if len(options) == 1 and not (by_id[options[0][1].id].canary or by_id[options[0][1].id].version):
            return self._ranking.only(*options[0], wish)
        return self._ranking.best(options, wish)

    def _index(self) -> None:
        self._serving = _by_model(self._desks.values())
        served = Counter(desk.home.target.model for desk in self._desks.values())
        self._shared = frozenset(model for model, count in served.items() if count > 1) | {*self._terms.versions}

    def _may_use(self, caller: Caller, model: str) -> bool:
        """A key may name its models by alias too; what counts is the model behind. ``MODEL:ADAPTER`` is that alone."""
        if not caller.models or model in caller.models:
            return True
        own, adapter = self._find_model(model), self._find_adapter(model)
        return any(
            self._find_model(each) == own and self._find_adapter(each) in ("", adapter) for each in caller.models
        )

    def _not_found(self, model: str, capability: Capability, caller: Caller) -> ModelNotFound:
        able = [each for each in Capability if self._serves(model, each, caller)]
        yours = [name for name in self._model_names() if self._serves(name, capability, caller)]
        if able and capability not in able:
            others = f" Your models for {capability}: {', '.join(yours)}." if yours else ""
            problem = f"The model `{model}` is served for {', '.join(able)}, not for {capability}.{others}"
            return ModelNotFound(problem, param="model")
        shown = model if _SHOWABLE.fullmatch(model) else "NAME"
        there_is = f"Your models: {', '.join(yours)}." if yours else "No model is open to this key."
        base, _, adapter = model.partition(":")
        if adapter and shown == model and base in yours:
            others = ", ".join(name for name in yours if name.startswith(f"{base}:"))
            adapters = f"Its adapters: {others}." if others else "It has none."
            return ModelNotFound(f"The model `{base}` has no adapter `{adapter}`. {adapters}", param="model")
        own = self._find_model(yours[0]) if yours else None
        alias = f"An operator can give one of them this name: sekisho models alias {shown} {own}" if own else ""
        subject = "This model" if shown == "NAME" else f"The model `{shown}`"
        problem = f"{subject} does not exist or you do not have access to it."
        return ModelNotFound(" ".join(filter(None, (problem, there_is, alias))), param="model")

    def _serves(self, name: str, capability: Capability, caller: Caller) -> bool:
        own = self._find_model(name)
        return own is not None and (own, capability) in self._serving and self._may_use(caller, name)


def at_sites(targets: Sequence[Target], caller: Caller) -> Sequence[Target]:
    """Return the targets at the sites that the caller's key names. Raises Forbidden: there is none."""
    found = tuple(target for target in targets if target.site in caller.sites)
    if not found:
        sites = " and ".join(caller.sites)
        message = f"This key's prompts are worked on at {sites} only, and this model is served elsewhere."
        raise Forbidden(message, code="identity.site", param="model")
    return found


def _standing(desk: Desk, claim: Claim) -> Standing:
    opens_in = desk.home.opens_in_seconds()
    displaced = desk.home.displaces() if opens_in else NOBODY
    return Standing(
        target=desk.home.target,
        slots=desk.slots,
        held=desk.held,
        waiting=desk.ahead(claim) if desk.waiting else 0,
        opens_in_seconds=opens_in,
        displaces=displaced.targets,
        away_seconds=displaced.away_seconds,
        has_own=desk.has_own(claim.tenant),
        service_seconds=desk.service_seconds,
        openings=desk.openings,
        watts=desk.power.measured,
    )


def _by_model(desks: Iterable[Desk]) -> dict[tuple[str, Capability], tuple[Desk, ...]]:
    serving: dict[tuple[str, Capability], tuple[Desk, ...]] = {}
    for desk in desks:
        target = desk.home.target
        for capability in target.capabilities:
            key = (target.model, capability)
            serving[key] = (*serving.get(key, ()), desk)
    return serving
