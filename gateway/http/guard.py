"""Holds answers to wrong keys back, by the rules of :mod:`gateway.identity.guessing`.

A request is looked up first, whoever sends it; what is held is the answer alone, and only where that says that a key or
token was shown which nobody knows. A request without any key is no guess, nor is a token whose time is over.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any

from gateway.http.arrival import Scope, Send, client_address
from gateway.identity.guessing import Guesses

MOST_TOLD, _MINUTE = 60, 60.0
GUESSED = frozenset((b"invalid_api_key", b"identity.token"))
_SHOWN = frozenset((b"authorization", b"x-api-key"))

Tell = Callable[[str], None]
"""Called with an address when answers to it begin to be held back. Must not raise."""


class Guard:
    """One for each process."""

    def __init__(self, guesses: Guesses | None = None, tell: Tell = lambda source: None) -> None:
        self._guesses = guesses or Guesses()
        self.tell = tell
        self._told: deque[float] = deque(maxlen=MOST_TOLD)

    def watching(self, scope: Scope, send: Send) -> Send:
        """Return a way to send that holds back what says that a key was wrong."""
        source = client_address(scope)

        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401 and _guessed(scope, message):
                message = await self._hold(source, message)
            await send(message)

        return watched

    async def _hold(self, source: str, message: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        seconds = self._guesses.wrong(source)
        if not seconds:
            return message
        if self._guesses.begins(source) and self._may_tell():
            self.tell(source)
        with self._guesses.holding(source) as may:
            if may:
                await asyncio.sleep(seconds)
                return message
        return {**message, "headers": [*message["headers"], (b"connection", b"close")]}

    def _may_tell(self) -> bool:
        """Whether a minute has room for one more record: many addresses must not fill the disk."""
        now = time.monotonic()
        if len(self._told) == MOST_TOLD and now - self._told[0] < _MINUTE:
            return False
        self._told.append(now)
        return True


def _guessed(scope: Scope, message: MutableMapping[str, Any]) -> bool:
    code = next((value for name, value in message["headers"] if name == b"x-sekisho-code"), b"")
    return code in GUESSED and any(name in _SHOWN for name, _ in scope["headers"])
