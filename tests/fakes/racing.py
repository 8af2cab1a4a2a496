"""Requests that race for limits, in a process of its own: as many as told, begun at once, each reserved and settled.

``python racing.py SOCKET PREFIX REQUESTS LIMITS`` waits for a line on its input, so that several begin together, and
prints how many got what, as JSON: ``{"ok": 700, "limits.tokens_per_day": 300}``. LIMITS is the section as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

import msgspec

from gateway.domain import Caller, Role, Usage
from gateway.errors import LimitExceeded
from gateway.house.redis_client import client
from gateway.identity.bounds import Rules
from gateway.identity.limits import OwnLimits
from gateway.identity.shared import SharedLimits
from gateway.settings import LimitSettings, RedisSettings, Settings

CALLER = Caller("k1", "t", "p", (Role.APP,), "general", "site", "DE", "DE", "DE")
TOKENS = 3


async def one(limits: SharedLimits) -> str:
    try:
        reservation = await limits.reserve(CALLER)
    except LimitExceeded as refusal:
        return refusal.code
    try:
        await reservation.reserve_tokens(TOKENS, "m")
    except LimitExceeded as refusal:
        reservation.settle(None)
        return refusal.code
    reservation.settle(Usage(2, TOKENS - 2))
    return "ok"


async def race(socket: str, prefix: str, requests: int, said: LimitSettings) -> Counter[str]:
    where = RedisSettings(url=f"unix:{socket}", timeout_seconds=60)  # patience, not a measurement
    said = msgspec.structs.replace(said, redis=where)
    limits = SharedLimits(client(Settings(limits=said)), prefix, OwnLimits(Rules(said)))
    await limits.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    try:
        return Counter(await asyncio.gather(*(one(limits) for _ in range(requests))))
    finally:
        await limits.stop()


if __name__ == "__main__":
    socket, prefix, requests, said = sys.argv[1:]
    limits = msgspec.json.decode(said, type=LimitSettings)
    print(json.dumps(asyncio.run(race(socket, prefix, int(requests), limits))), flush=True)
