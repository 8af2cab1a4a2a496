"""What the steward of several workers does not do, and does before they start."""

from __future__ import annotations

import logging
from typing import NoReturn

from starlette.requests import Request
from starlette.routing import Route

from gateway.audit.log.reader import logs
from gateway.audit.log.succession import LogKeys
from gateway.audit.shelf import Shelf
from gateway.errors import BadRequest, SetupError
from gateway.keys.office import RotationOffice
from gateway.settings import Settings

_log = logging.getLogger("sekisho.workers")

ALONE_ONLY = (
    ("/admin/v1/secrets/{purpose}/rotate", "POST"),
    ("/admin/v1/secrets/{purpose}/overlap", "DELETE"),
    ("/admin/v1/policy/shadow", "POST"),
    ("/admin/v1/fleet/orders", "POST"),
    ("/admin/v1/models", "POST"),
    ("/admin/v1/models/{name}", "DELETE"),
    ("/admin/v1/models/{name}/signature", "PUT"),
    ("/admin/v1/model-keys", "POST"),
    ("/admin/v1/model-keys/{name}", "DELETE"),
)
"""Changes that would reach the steward alone, which takes no requests: workers would go on as they were."""


class SeveralWorkers(BadRequest):
    """A change that only one process can carry out."""

    status = 409
    default_code = "server.several_workers"
    default_message = "With several workers this cannot change while they run: stop the server, and run it again."


def not_with_workers() -> list[Route]:
    """Return routes that refuse what would not reach the workers. They go before those that would do it."""

    async def refuse(request: Request) -> NoReturn:
        raise SeveralWorkers

    return [Route(path, refuse, methods=[method]) for path, method in ALONE_ONLY]


def refuse_overlaps(secrets: RotationOffice) -> None:
    """Refuse to begin while an old secret counts beside a new one: a worker goes on by what it knew at its start.

    Raises:
        SetupError: there is an overlap.
    """
    both = [str(each["purpose"]) for each in secrets.show() if each["beside"]]
    if both:
        problem = f"server.workers is more than 1, but an overlap of secrets still runs: {', '.join(both)}."
        raise SetupError(problem, "Set it to 1 until the overlap ends: sekisho keys secrets", exit_code=2)


def close_left(settings: Settings, keys: LogKeys) -> None:
    """Take up the logs of workers that are no more, so that what they left open is closed as interrupted."""
    base, own = settings.data / "audit", settings.site.worker
    node = base / settings.site.name / settings.site.node
    names = {folder.parent.name for folder in logs(base) if folder.parent.parent == node}
    for name in sorted(names - {own, "admin"}):
        origin = f"{settings.site.name}/{settings.site.node}/{name}"
        shelf = Shelf(base, origin=origin, log_key=keys, settings=settings.audit)
        try:
            shelf.open()
        except SetupError as error:  # a worker has it open, or it is damaged: verifying says that better
            _log.info("the log of %s was left as it is: %s", name, error)
            continue
        shelf.close()
