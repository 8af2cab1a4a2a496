"""How what ended a request counts. Pure."""

from __future__ import annotations

import asyncio
from typing import Literal

from gateway.errors import ClientGone, SekishoError

INTERRUPTED = "interrupted"  # the message of a cancellation that comes from us, not from a caller that hung up

Status = Literal["done", "failed", "hung_up", "interrupted"]


def ending(error: BaseException | None, *, complete: bool) -> tuple[Status, str]:
    """Return how a request ended, and the stable code when it failed.

    Args:
        error: what ended it; ``None`` when nothing did but its own end.
        complete: whether the last word of its answer was said.
    """
    if error is None:
        return ("done" if complete else "hung_up"), ""
    if isinstance(error, asyncio.CancelledError) and error.args == (INTERRUPTED,):
        return "interrupted", ""
    if isinstance(error, asyncio.CancelledError | GeneratorExit | ClientGone):
        return "hung_up", ""
    return "failed", error.code if isinstance(error, SekishoError) else SekishoError.default_code
