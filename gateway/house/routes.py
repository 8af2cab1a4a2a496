"""What is best for a request, as the settings say it by route; and what the fleet knows of targets beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.domain import Caller
from gateway.fleet.choose.terms import Objective, Place
from gateway.house.choice import manifest_of, remote_target_of, target_of
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.sections import ModelSettings, RemoteEngineSettings, RouteSettings
from gateway.settings import Settings

_SOONEST = Objective()


def objectives_of(routes: Sequence[RouteSettings]) -> Callable[[str, Caller], Objective]:
    """Return what is best for a model and a caller: as the first route says that fits; without one, the soonest."""
    known = [(route, _objective(route)) for route in routes]

    def objective(model: str, caller: Caller) -> Objective:
        return next((best for route, best in known if _fits(route, model, caller)), _SOONEST)

    return objective


def places_of(settings: Settings, store: ContentStore) -> dict[str, Place]:
    """Return what the settings and manifests say of each target, by its id. Raises SetupError."""
    own = settings.fleet.models if settings.engine.kind == "openai-http" else settings.served
    places = {}
    for wish in own:
        manifest = manifest_of(store, wish.model)
        places[target_of(settings, manifest).id] = _place(wish, manifest)
    for each in settings.fleet.engines:
        places[remote_target_of(settings, each).id] = _place(each, store.find(each.model))
    return places


def _place(said: ModelSettings | RemoteEngineSettings, manifest: Manifest | None) -> Place:
    return Place("", manifest.size_bytes if manifest else 0, said.cost, said.watts)


def _objective(route: RouteSettings) -> Objective:
    return Objective(route.best, route.until, route.limit_seconds, route.limit_cost, route.priority)


def _fits(route: RouteSettings, model: str, caller: Caller) -> bool:
    pairs = ((route.model, model), (route.project, caller.project), (route.purpose, caller.purpose))
    return all(not wanted or wanted == given for wanted, given in pairs)
