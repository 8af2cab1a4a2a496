"""How late a slot may be freed after a hang-up, on a machine as it is now.

The bound is 200 ms. A hang-up is seen at the next token, or at the next small batch of a prompt; so where others want
the cores that much that an idle machine's pace is out of reach, it is as long as twenty tokens take then.
"""

from __future__ import annotations

import time

from gateway.domain import Capability, Prompt
from gateway.engines.door import Engine

BOUND_SECONDS = 0.2
IDLE_TOKEN_SECONDS = 0.05  # the small model's, on two cores that nobody else wants much, and twice that
TOKENS = 10


async def hang_up_bound(engine: Engine) -> float:
    """Return how late a slot may be freed now, from how fast the engine is now."""
    body = {"prompt": "One, two,", "max_tokens": TOKENS, "temperature": 0, "ignore_eos": True}
    began = 0.0
    async for _ in engine.answer(Prompt("r", Capability.COMPLETE, body, stream=True, slot=0)):
        began = began or time.monotonic()
    token_seconds = (time.monotonic() - began) / TOKENS
    return BOUND_SECONDS if token_seconds < IDLE_TOKEN_SECONDS else 20 * token_seconds
