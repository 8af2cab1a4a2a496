"""``sekisho doctor``: whether several workers, or several servers, can count together here."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from gateway.cli.checks import Check
from gateway.house.crew import refuse_unfit

if TYPE_CHECKING:
    from gateway.settings import Settings

_MEND = "Check limits.redis (url, password_file, ca) in sekisho.yaml, and that Redis runs."


def workers(settings: Settings) -> Check:
    """What several workers need is there, and Redis answers. Raises SetupError: something does not fit."""
    refuse_unfit(settings)
    count, cores = settings.server.workers, len(os.sched_getaffinity(0))
    if not settings.limits.redis.url:
        return Check("workers", "ok", "one, which counts limits by itself")
    if not asyncio.run(_answers(settings)):
        return Check("workers", "fails", f"{count}; Redis does not answer or does not let us in", _MEND)
    if count > cores:
        said = f"{count} on {cores} cores, limits in Redis"
        return Check("workers", "warning", said, "More workers than cores answer no more: lower server.workers.")
    return Check("workers", "ok", f"{count} on {cores} cores, limits in Redis")


async def _answers(settings: Settings) -> bool:
    from redis.exceptions import RedisError

    from gateway.house.redis_client import client

    redis = client(settings)
    try:
        return bool(await redis.ping())
    except (RedisError, OSError, TimeoutError):
        return False
    finally:
        await redis.aclose()
