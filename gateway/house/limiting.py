"""Who counts how much everybody uses, as the settings say."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

from gateway.house.crew import refuse_unfit
from gateway.identity.bounds import Rules
from gateway.identity.keys import KeyRegister
from gateway.identity.ledger import Calendar, Ledger
from gateway.identity.limits import OwnLimits
from gateway.identity.limits_office import Changes, LimitsOffice
from gateway.identity.office import Events
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.identity.shared import SharedLimits


class Limiting(NamedTuple):
    """Who counts, and who changes how much there is."""

    limits: OwnLimits | SharedLimits
    office: LimitsOffice


async def limiting(
    stack: AsyncExitStack, settings: Settings, register: KeyRegister, book: Events, *, usage: str = ""
) -> Limiting:
    """Return who counts from now on. The ledger is closed, and on stable storage, at the stack's end.

    ``usage`` is the folder of this process's ledger below ``state/usage``: a ledger has one writer.

    Raises:
        SetupError: more workers than can count together; Redis is to count and is not there; a ledger or file of bounds
            cannot be read.
    """
    refuse_unfit(settings)

    def rules_of(changes: Changes) -> Rules:
        return Rules(settings.limits, changes, register.name_of)

    ledger = Ledger(settings.state / "usage" / usage, Calendar(settings.zone))
    stack.callback(ledger.close)
    limits = await _counting(stack, settings, OwnLimits(rules_of({}), ledger))
    office = LimitsOffice(settings.state / "limits.json", rules_of, limits, book)
    stack.callback(asyncio.get_running_loop().create_task(office.watch(), name="limits").cancel)
    return Limiting(limits, office)


async def _counting(stack: AsyncExitStack, settings: Settings, own: OwnLimits) -> OwnLimits | SharedLimits:
    """Return who counts: this process alone or, where there is a Redis, all that have the same."""
    said = settings.limits
    if not said.redis.url:
        return own
    from gateway.house.redis_client import client  # noqa: PLC0415  a site without Redis does not load its client
    from gateway.identity.shared import SharedLimits  # noqa: PLC0415

    prefix, alone = f"{{sekisho:{settings.site.name}}}", said.when_gone == "own"
    shared = SharedLimits(client(settings), prefix, own, alone=alone, lease_seconds=said.redis.lease_seconds)
    await shared.start()
    stack.push_async_callback(shared.stop)
    return shared
