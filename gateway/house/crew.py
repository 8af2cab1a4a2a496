"""What one process of several is, and what several cannot do.

Where ``server.workers`` is more than one, a *steward* has all that there is once on a machine (the admin socket, the
offices, what anchors and prunes), and each *worker* takes requests, with a log, a policy engine and detectors of its
own. See ``docs/adr/0020-many-workers.md``.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from gateway.errors import SetupError
from gateway.settings import Settings

Role = Literal["alone", "steward", "worker"]


class Part(msgspec.Struct, frozen=True):
    """What one process is.

    ``sockets`` are descriptors of bound sockets to take requests from; ``ready`` is one to say so on; -1: none. A
    worker also has those of the others, ``lent``, by number, -1 for its own: it takes from one when ``orders`` says so.
    """

    role: Role = "alone"
    sockets: tuple[int, ...] = ()
    ready: int = -1
    lent: tuple[int, ...] = ()
    orders: int = -1


ALONE = Part()


def refuse_unfit(settings: Settings) -> None:
    """Refuse more than one worker where something would go wrong with them.

    Raises:
        SetupError: names the setting, in one line.
    """
    count = settings.server.workers
    if count == 1:
        return
    for unfit, why, mend in _hindrances(settings):
        if unfit:
            raise SetupError(f"server.workers is {count}, but {why}", mend, exit_code=2)


def _hindrances(settings: Settings) -> list[tuple[bool, str, str]]:
    engines, count = settings.fleet.engines, settings.server.workers
    slots = {f"fleet.engines {each.name}": each.slots for each in engines}
    if settings.engine.kind == "openai-http":
        slots["engine.slots"] = settings.engine.slots
    few = next((name for name, number in slots.items() if number < count), "")
    return [
        (
            not settings.limits.redis.url,
            "limits.redis.url is empty: only Redis lets several count together.",
            "Set limits.redis.url, or server.workers to 1.",
        ),
        (
            settings.engine.kind != "openai-http" or bool(settings.fleet.models),
            "this server would load models itself, which one process does alone.",
            "Let an engine of its own serve them and set engine.kind to openai-http, or server.workers to 1.",
        ),
        (bool(settings.nodes.listen), "joined nodes (nodes.listen) are one process's.", "Set server.workers to 1."),
        (settings.server.admin_api, "server.admin_api would change keys in each.", "Use the admin socket."),
        (bool(settings.policy.url), "policy.url names an OPA that one process tells its facts.", "Leave it empty."),
        (bool(few), f"{few} has fewer slots than that.", "Give it at least one slot for each worker."),
    ]


def settings_of_worker(settings: Settings, name: str) -> Settings:
    """Return a worker's own settings: its name, its folder for sockets, its part of each engine's slots and queue."""
    count = settings.server.workers
    engine = replace(
        settings.engine,
        slots=max(1, settings.engine.slots // count),
        queue=settings.engine.queue // count,
    )
    engines = tuple(
        replace(each, slots=max(1, each.slots // count), queue=each.queue // count) for each in settings.fleet.engines
    )
    return replace(
        settings,
        site=replace(settings.site, worker=name),
        engine=engine,
        fleet=replace(settings.fleet, engines=engines),
        run_dir=str(settings.run / name),
        data_dir=str(settings.data),
    )
