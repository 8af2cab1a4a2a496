"""How an API says what there is to say: answers whole and in parts, and errors. One :class:`Speech` for each API.

Nothing here decides anything: what is written was guarded and restored before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from gateway.domain import Chunk
from gateway.errors import SekishoError

if TYPE_CHECKING:
    from gateway.http.call import Call


class Writing(Protocol):
    """Writes one answer."""

    def whole(self, chunk: Chunk) -> bytes:
        """Return a plain answer's body. Raises EngineUnavailable: what the engine said has no form in this API."""

    def event(self, chunk: Chunk) -> bytes:
        """Return what a streamed chunk adds; empty where there is nothing to tell yet."""

    def end(self) -> bytes:
        """Return what ends a stream that went well."""


@runtime_checkable
class Failing(Protocol):
    """A writer whose streams end in an error that says what had come before it."""

    def failed(self, error: SekishoError) -> bytes:
        """Return what ends a stream that broke after its first byte."""


class Speech(msgspec.Struct, frozen=True):
    """One API's way of writing. Errors are told with the id of the request; ``status`` is theirs in that API."""

    writer: Callable[[Call, str], Writing]
    error: Callable[[SekishoError, str], bytes]
    error_event: Callable[[SekishoError, str], bytes]
    status: Callable[[SekishoError], int] = lambda error: error.status
    streamed_as: bytes = b"text/event-stream; charset=utf-8"
    id_header: bytes = b""  # a name of its own for the request's id, beside x-request-id
