"""What the pipeline is given: a request at the door, its unpacked form, and the rooms it passes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from gateway.audit.content.door import Contents, NoContents
from gateway.audit.door import Book
from gateway.domain import Capability, Clock, Declared, Modality, Path, Segment
from gateway.fleet.door import Fleet
from gateway.identity.door import Identity, Limits
from gateway.policy.door import Policy
from gateway.privacy.door import Privacy
from gateway.telemetry.door import Telemetry


class Call(Protocol):
    """An unpacked request: :class:`gateway.http.call.Call` is the real one."""

    endpoint: str
    capability: Capability
    model: str
    stream: bool
    counts: bool  # only how many tokens it has is asked for
    includes_usage: bool  # a streamed answer ends with its usage
    uses_tools: bool
    inputs: int  # texts that the engine reads, each by itself; a conversation is one
    output_bound: int | None  # tokens beyond the texts' own at most; None: as many as the context holds
    declared: Declared
    segments: Sequence[Segment]
    text_bytes: int  # UTF-8; no tokenizer makes more tokens than that
    modalities: tuple[Modality, ...]  # of its parts
    end_user: str  # for whom the application says that it asks; "" when it does not

    def body_for_engine(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the body with one text per segment, in order, in place of the segments' own."""

    def tool_name(self, name: str) -> str:
        """Return the caller's own name of a tool whose name an engine gave back."""

    def where(self, path: Path) -> str:
        """Return a path as it may be shown and kept: names that the caller made up are ``*``, since they are text."""


class Arrival(Protocol):
    """A request at the door: who it says it is; its body not yet read."""

    request_id: str
    endpoint: str
    source: str  # address it comes from, behind trusted proxies; no address where a socket or a batch is the peer

    @property
    def authorization(self) -> str | None: ...

    async def unpack(self, may_ask: Callable[[str, Capability], object]) -> Call:
        """Read and check the body.

        Args:
            may_ask: raises ModelNotFound for a model that is not there for the caller.

        Raises:
            BadRequest: naming the field.
            ModelNotFound: that model's own properties had to be looked at.
        """


class Place(Protocol):
    """Where this checkpoint stands."""

    @property
    def name(self) -> str: ...

    @property
    def node(self) -> str: ...


class Rooms(msgspec.Struct, frozen=True):
    """The rooms of one checkpoint, each behind its door. Built in :mod:`gateway.house`."""

    identity: Identity
    limits: Limits
    privacy: Privacy
    policy: Policy
    fleet: Fleet
    book: Book
    telemetry: Telemetry
    site: Place
    now: Callable[[], str]  # RFC 3339, UTC
    clock: Callable[[], Clock] = lambda: "unknown"  # whether something keeps that time right
    content: Contents = NoContents()
