"""What is best for a request, as the settings say it by route; and what the fleet knows of targets beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.domain import Caller
from gateway.fleet.choose.terms import Objective
from gateway.sections import RouteSettings

_SOONEST = Objective()


def objectives_of(routes: Sequence[RouteSettings]) -> Callable[[str, Caller], Objective]:
    """Return what is best for a model and a caller: as the first route says that fits; without one, the soonest."""
    known = [(route, _objective(route)) for route in routes]

    def objective(model: str, caller: Caller) -> Objective:
        return next((best for route, best in known if _fits(route, model, caller)), _SOONEST)

    return objective


def _objective(route: RouteSettings) -> Objective:
    return Objective(route.best, route.until, route.limit_seconds, route.limit_cost)


def _fits(route: RouteSettings, model: str, caller: Caller) -> bool:
    pairs = ((route.model, model), (route.project, caller.project), (route.purpose, caller.purpose))
    return all(not wanted or wanted == given for wanted, given in pairs)
