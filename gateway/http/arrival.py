"""A request at the door: headers read, body not yet."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, get_args

from ulid import ULID

from gateway.domain import DataClass, Declared, Priority
from gateway.errors import BadRequest, UnsupportedMediaType
from gateway.http.body import Receive, parse_object, read_body
from gateway.http.call import Api, Call, MayAsk, Request
from gateway.http.verdict import language_of
from gateway.settings import ServerSettings

SUBJECT = "sekisho.subject"  # in the scope: a CertificateSubject, which only gateway.http.proxies puts there
MOST_END_USER_BYTES = 512
Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CLASSES: dict[str, DataClass] = {name: name for name in get_args(DataClass)}
_PRIORITIES: dict[str, Priority] = {name: name for name in get_args(Priority)}
_TAKEN_FOR_JSON = frozenset((b"application/json", b"application/octet-stream", b""))  # the last two say nothing
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)


class HttpArrival:
    """One HTTP request, as :class:`gateway.ports.Arrival`."""

    def __init__(
        self, api: Api, settings: ServerSettings, scope: Scope, receive: Receive, on_read: Callable[[], None]
    ) -> None:
        self.request_id = str(ULID())
        self.endpoint = api.endpoint
        self.source = client_address(scope)
        self._raw_headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._headers: dict[bytes, bytes] = dict(self._raw_headers)
        self._subject: str | None = scope.get(SUBJECT)
        self._api = api
        self._settings = settings
        self._receive = receive
        self._on_read = on_read
        self.dropped: tuple[str, ...] = ()  # names of the parameters that were taken out of the body

    @property
    def authorization(self) -> str | None:
        shown = authorization_of(self._headers.get(b"authorization"), self._headers.get(b"x-api-key"))
        return self._subject if shown is None else shown

    @property
    def language(self) -> str:
        """In which language texts for people are asked for; English when in none that there is."""
        return language_of(self._headers.get(b"accept-language", b"").decode("latin-1"))

    async def unpack(self, may_ask: MayAsk) -> Call:
        """Read and check the body. ``may_ask`` raises what a caller is told of a model that is not there for it.

        Raises:
            BadRequest: naming the field; BodyTooLarge, UnsupportedMediaType where it is.
            ModelNotFound: where more than the body's form had to be looked at.
            ClientGone: the caller hung up while sending.
        """
        declared = self._declared()
        limits = self._settings
        self._check_media_type()
        raw = await read_body(self._receive, self._headers.get(b"content-length"), limits.max_body_bytes)
        self._on_read()
        api, tree = self._open(raw, limits.max_depth)
        if api.prepare is not None:
            api = await api.prepare(tree, may_ask)
        if api.parameters is not None and self._drops_parameters():
            self.dropped = api.parameters.drop(tree)
        request = api.parse(tree)
        return await self._call(api, request, tree, declared)

    async def _call(self, api: Api, request: Request, tree: dict[str, Any], declared: Declared) -> Call:
        """Return the checked request. One that goes on from what was kept is refused: here nobody reads that."""
        if getattr(request, "previous_response_id", None) is not None:
            problem = "`previous_response_id` is not read here: send the whole conversation."
            raise BadRequest(problem, code="unsupported_parameter", param="previous_response_id")
        return Call(api, request, tree, declared, self._settings.max_text_chars)

    def _check_media_type(self) -> None:
        """Raise UnsupportedMediaType where the body says that it is something else than JSON, or is compressed."""
        if self._headers.get(b"content-encoding", b"").strip().lower() not in (b"", b"identity"):
            raise UnsupportedMediaType("A compressed body is not read; send it as it is, without content-encoding.")
        if self._api.any_media_type:
            return
        said = self._headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if said not in _TAKEN_FOR_JSON and not said.endswith(b"+json"):
            raise UnsupportedMediaType

    def _drops_parameters(self) -> bool:
        said = self._headers.get(b"x-sekisho-drop-params")
        if said is None:
            return self._settings.drop_params
        if said not in (b"true", b"false"):
            raise BadRequest("x-sekisho-drop-params is true or false.", param="x-sekisho-drop-params")
        return said == b"true"

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
            end_user=self._end_user(),
        )

    def _end_user(self) -> str:
        """Return whom the first of the configured headers names. Raises BadRequest: it says so twice, or too much."""
        for name in self._settings.end_user_headers:
            said = [value for key, value in self._raw_headers if key == name.encode()]
            if len(said) > 1 or any(len(value) > MOST_END_USER_BYTES for value in said):
                message = f"{name} names one end user, in at most {MOST_END_USER_BYTES} bytes, once."
                raise BadRequest(message, param=name)
            if said and said[0].strip():
                return said[0].decode("utf-8", "replace").strip()
        return ""

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


def authorization_of(authorization: bytes | None, api_key: bytes | None) -> str | None:
    """Return who a request says it is: ``authorization``, or Anthropic's ``x-api-key``, which holds the key alone."""
    if authorization is not None or api_key is None:
        return None if authorization is None else authorization.decode("latin-1")
    return f"Bearer {api_key.decode('latin-1')}"


def shown_in(scope: Scope) -> str | None:
    """Return who a request says it is by key or token; else the subject of the certificate that was proven."""
    headers = {name: value for name, value in scope["headers"] if name in (b"authorization", b"x-api-key")}
    shown = authorization_of(headers.get(b"authorization"), headers.get(b"x-api-key"))
    return scope.get(SUBJECT) if shown is None else shown


def client_address(scope: Scope) -> str:
    """Return the peer's address; a Unix socket's peer has none. One that is more than its text stays so."""
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else "unix"
