"""A request at the door: headers read, body not yet."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, get_args

from ulid import ULID

from gateway.domain import DataClass, Declared, Priority
from gateway.errors import BadRequest
from gateway.http.body import Receive, parse_object, read_body
from gateway.http.call import Api, Call, MayAsk
from gateway.http.verdict import language_of
from gateway.settings import ServerSettings

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CLASSES: dict[str, DataClass] = {name: name for name in get_args(DataClass)}
_PRIORITIES: dict[str, Priority] = {name: name for name in get_args(Priority)}
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)


class HttpArrival:
    """One HTTP request, as :class:`gateway.ports.Arrival`."""

    def __init__(
        self, api: Api, settings: ServerSettings, scope: Scope, receive: Receive, on_read: Callable[[], None]
    ) -> None:
        self.request_id = str(ULID())
        self.endpoint = api.endpoint
        self.source = client_address(scope)
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._api = api
        self._settings = settings
        self._receive = receive
        self._on_read = on_read

    @property
    def authorization(self) -> str | None:
        value = self._headers.get(b"authorization")
        return None if value is None else value.decode("latin-1")

    @property
    def language(self) -> str:
        """In which language texts for people are asked for; English when in none that there is."""
        return language_of(self._headers.get(b"accept-language", b"").decode("latin-1"))

    async def unpack(self, may_ask: MayAsk) -> Call:
        """Read and check the body. ``may_ask`` raises what a caller is told of a model that is not there for it.

        Raises:
            BadRequest: naming the field; BodyTooLarge where it is.
            ModelNotFound: where more than the body's form had to be looked at.
            ClientGone: the caller hung up while sending.
        """
        declared = self._declared()
        limits = self._settings
        raw = await read_body(self._receive, self._headers.get(b"content-length"), limits.max_body_bytes)
        self._on_read()
        api, tree = self._open(raw, limits.max_depth)
        if api.prepare is not None:
            api = await api.prepare(tree, may_ask)
        request = api.parse(tree)
        return Call(api, request, tree, declared, limits.max_text_chars)

    def _open(self, raw: bytes, max_depth: int) -> tuple[Api, dict[str, Any]]:
        """Return the API that the body is for, and the body. Raises BadRequest."""
        return self._api, parse_object(raw, max_depth)

    def _declared(self) -> Declared:
        said = self._header(b"x-sekisho-class")
        if said is not None and said not in _CLASSES:
            raise BadRequest(f"x-sekisho-class is one of {', '.join(_CLASSES)}.", param="x-sekisho-class")
        return Declared(
            data_class=_CLASSES[said] if said else None,
            project=self._header(b"x-sekisho-project"),
            purpose=self._header(b"x-sekisho-purpose"),
            priority=self._priority(),
            wait_seconds=self._wait_seconds(),
        )

    def _priority(self) -> Priority | None:
        said = self._header(b"x-sekisho-priority")
        if said is not None and said not in _PRIORITIES:
            raise BadRequest(f"x-sekisho-priority is one of {', '.join(_PRIORITIES)}.", param="x-sekisho-priority")
        return _PRIORITIES[said] if said else None

    def _wait_seconds(self) -> float | None:
        said = self._header(b"x-sekisho-wait")
        if said is not None and not _SECONDS.fullmatch(said):
            raise BadRequest("x-sekisho-wait is a number of seconds, such as 2.5.", param="x-sekisho-wait")
        return float(said) if said else None

    def _header(self, name: bytes) -> str | None:
        value = self._headers.get(name)
        return value.decode("latin-1") if value else None


def client_address(scope: Scope) -> str:
    """Return the peer's address; a Unix socket's peer has none."""
    client = scope.get("client")
    return str(client[0]) if client else "unix"
