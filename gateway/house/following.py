"""A worker follows what the steward changed: the policy in force, what is declared of tenants and projects, aliases.

Keys and limits are followed by who has them (:mod:`gateway.identity`). Each look costs three calls of ``stat``. What
cannot be taken over is tried again with the next look; what held before goes on to hold, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from ulid import ULID

from gateway import durable
from gateway.errors import SekishoError, SetupError
from gateway.identity.record import stamp_of
from gateway.policy.client import OpaPolicy, standing_in_force
from gateway.policy.life.revisions import IN_FORCE
from gateway.settings import Settings

LOOK_SECONDS = 0.2
_log = logging.getLogger("sekisho.workers")

TAKEN = "organisation-taken"
"""Below ``state/``: replaced by the steward once the organisation's file is on record and in force with it."""

Take = Callable[[], Awaitable[None]]


class Following:
    """Looks at files, and has taken over what changed in them.

    Args:
        files: what is done when each was replaced.
    """

    def __init__(self, files: Mapping[Path, Take]) -> None:
        self._files = files
        self._stamps = {path: stamp_of(path) for path in files}

    async def watch(self) -> None:
        """Follow until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for path, take in self._files.items():
                await self._look(path, take)

    async def _look(self, path: Path, take: Take) -> None:
        try:
            stamp = stamp_of(path)
            if stamp != self._stamps[path]:
                await take()
                self._stamps[path] = stamp
        except (SetupError, SekishoError) as error:
            _log.error("%s changed and could not be taken over, what was before holds: %s", path.name, error)


def following(settings: Settings, policy: OpaPolicy, reread: Callable[[], None]) -> Following:
    """Return who follows. MUST be made before the policy is started, so that no change falls in between.

    Args:
        reread: reads the names of models anew.
    """

    async def take_policy() -> None:
        await policy.prepare(await asyncio.to_thread(standing_in_force, settings))
        await policy.switch()

    async def take_names() -> None:
        await asyncio.to_thread(reread)

    return Following(
        {
            settings.state / "policy" / IN_FORCE: take_policy,
            settings.state / TAKEN: policy.take_organisation,
            settings.state / "aliases.yaml": take_names,
        }
    )


def taking(settings: Settings, policy: OpaPolicy) -> Take:
    """Return what the steward does once the organisation's file changed: it counts here, then workers follow."""

    async def take() -> None:
        await policy.take_organisation()
        await asyncio.to_thread(durable.replace, settings.state / TAKEN, str(ULID()).encode())

    return take
