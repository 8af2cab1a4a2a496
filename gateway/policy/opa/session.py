"""opa-python-client's async client, spoken over a Unix socket.

Of the client only the session is ours: a Unix connector in place of TCP, a faster JSON encoder, and answers as bytes,
so that what OPA says is decoded into types exactly once. It never tries twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
from opa_client.opa_async import AsyncOpaClient

from gateway.domain import PolicyInput
from gateway.policy.opa.deadline import Deadline

DERIVED_FROM = ("sites", "places", "transfers")
"""The facts from which rules work out something when they are pushed."""

_encode = msgspec.json.Encoder().encode


class _Derived(msgspec.Struct):
    result: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_Derived).decode


class _Answer(aiohttp.ClientResponse):
    """An answer whose ``json()`` is left undecoded."""

    async def json(self, **_: Any) -> bytes:
        return await self.read()


class UnixOpaClient(AsyncOpaClient):  # type: ignore[misc]  # the library has no types
    """One token's way to OPA. Open it with :meth:`open`, close it with :meth:`close_connection`.

    Args:
        keep_alive: false to connect afresh for each call, as a health check must, to see whether others still can.
    """

    def __init__(self, socket: Path, token: str, timeout_seconds: float, *, keep_alive: bool = True) -> None:
        super().__init__(host="opa", token=token, retries=0, timeout=timeout_seconds)
        self._socket = str(socket)
        self._keep_alive = keep_alive

    async def _init_session(self) -> None:
        self._connector = self._new_connector()
        self._session = aiohttp.ClientSession(
            headers={**(self.headers or {}), "Accept-Encoding": "identity"},  # OPA would gzip from 1 KiB on
            connector=self._connector,
            timeout=aiohttp.ClientTimeout(total=None),  # `_request` has the deadline
            json_serialize=_serialize,
            response_class=_Answer,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    def _new_connector(self) -> aiohttp.BaseConnector:
        return aiohttp.UnixConnector(self._socket, limit=0, force_close=not self._keep_alive)

    @asynccontextmanager
    async def _request(self, method: str, url: str, **said: Any) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        async with Deadline(self.timeout), super()._request(method, url, **said) as response:
            yield response

    async def open(self) -> None:
        await self._init_session()

    async def ask(self, question: PolicyInput) -> bytes:
        """Return OPA's answer to ``data.sekisho.decision``, undecoded.

        Raises:
            aiohttp.ClientError: no connection, or any status but 2xx.
            TimeoutError: later than the deadline.
        """
        return cast(bytes, await self.query_rule(question, "sekisho", "decision"))

    async def ping(self) -> None:
        """Ask whether OPA is well. Raises as :meth:`ask`."""
        async with self._request("GET", f"{self.schema}{self.host}:{self.port}/health") as response:
            response.raise_for_status()

    async def status(self) -> bytes:
        """Return what OPA says of itself and its bundles, undecoded. Raises as :meth:`ask`."""
        async with self._request("GET", f"{self.root_url}/status") as response:
            response.raise_for_status()
            return cast(bytes, await response.json())

    async def derive(self, facts: Mapping[str, Any], now: str) -> Mapping[str, Any]:
        """Return what the rules work out beforehand from facts that are to be pushed; nothing, where they say nothing.

        Args:
            facts: those of :data:`DERIVED_FROM` are told, no others.
            now: RFC 3339 in UTC.

        Raises:
            As :meth:`ask`, and msgspec.DecodeError.
        """
        told = {name: facts[name] for name in DERIVED_FROM if name in facts}
        raw = await self.query_rule({"facts": told, "env": {"time": now}}, "sekisho", "derived")
        return _decode(raw).result

    async def push(self, facts: Mapping[str, Any]) -> None:
        """Replace ``data.facts``; returns once OPA has them in force. Raises as :meth:`ask`."""
        url = f"{self.root_url}/data/facts"
        async with self._request("PUT", url, json=facts) as response:
            response.raise_for_status()


def _serialize(value: Any) -> str:
    return _encode(value).decode()
