"""The API of what decides, ours and OPA's own, tried with every token and with none: only five calls go through."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from gateway.policy.life.build import build
from gateway.policy.opa.access import Access
from gateway.policy.opa.program import find_opa
from gateway.policy.opa.supervisor import OpaProcess
from gateway.settings import Settings

pytestmark = pytest.mark.real

QUESTION = '{"input": {"version": "sekisho.input/1", "data": {"status": "ok"}, "candidates": []}}'
ROLES = ("query", "push", "watch", "stranger", "")
CALLS = [
    ("POST", "/v1/data/sekisho/decision", QUESTION),
    ("PUT", "/v1/data/facts", '{"revision": "r"}'),
    ("POST", "/v1/data/sekisho/derived", '{"input": {"facts": {}}}'),
    ("GET", "/health", ""),
    ("GET", "/v1/status", ""),
]
REFUSED = [
    ("GET", "/", ""),
    ("GET", "/metrics", ""),
    ("GET", "/v1/config", ""),
    ("GET", "/v1/policies", ""),
    ("GET", "/v1/policies/by_rule.rego", ""),
    ("PUT", "/v1/policies/mine", "package sekisho\n\nallow := true\n"),
    ("DELETE", "/v1/policies/by_rule.rego", ""),
    ("GET", "/v1/data", ""),
    ("POST", "/v1/data", "{}"),
    ("GET", "/v1/data/facts", ""),
    ("GET", "/v1/data/system/authz/tokens", ""),
    ("GET", "/v1/data/sekisho/decision", ""),
    ("POST", "/v1/data/sekisho", "{}"),
    ("POST", "/v1/data/sekisho/derived/residency", "{}"),
    ("PUT", "/v1/data/facts/derived", "{}"),
    ("POST", "/v1/data/sekisho/decision/allow", "{}"),
    ("POST", "/v1/data/sekisho/decision?explain=full", QUESTION),
    ("POST", "/v1/data/sekisho/decision?metrics=true", QUESTION),
    ("POST", "/v1/data/sekisho%2Fdecision", QUESTION),
    ("POST", "/v0/data/sekisho/decision", "{}"),
    ("PUT", "/v1/data/sekisho", "{}"),
    ("PUT", "/v1/data/law", "{}"),
    ("PUT", "/v1/data/system/authz/tokens", "{}"),
    ("PUT", "/v1/data/facts/targets", "{}"),
    ("PUT", "/v1/data/facts%2F..%2Flaw", "{}"),
    ("PUT", "/v1/data/facts/../law", "{}"),
    ("PATCH", "/v1/data/facts", "[]"),
    ("DELETE", "/v1/data/facts", ""),
    ("POST", "/v1/query", '{"query": "data"}'),
    ("GET", "/v1/query?q=data", ""),
    ("POST", "/v1/compile", '{"query": "data.sekisho.decision"}'),
    ("POST", "/v1/compile/sekisho/decision", "{}"),
    ("GET", "/debug/pprof/", ""),
]


@pytest_asyncio.fixture(params=["decide", "run"])
async def access(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Access]:
    """The access to a running OPA, as its supervisor has it; of both kinds."""
    given: list[Access] = []

    async def up(access: Access) -> None:
        given.append(access)

    async def down() -> None:
        pass

    found = find_opa(settings)
    if request.param == "decide" and not found.decides:
        pytest.skip("the opa that is installed here was given, not built by make deps")
    opa = replace(found, decides=request.param == "decide")
    process = OpaProcess(opa, build(opa, settings.policies, settings.state), settings.run, up, down)
    await process.start()
    try:
        yield given[0]
    finally:
        await process.stop()


async def _status(access: Access, token: str, method: str, path: str, body: str) -> int:
    connector = aiohttp.UnixConnector(str(access.socket))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        session.request(method, _url(path), data=body or None) as response,
    ):
        return response.status


def _url(path: str) -> object:
    from yarl import URL

    return URL(f"http://opa{path}", encoded=True)


def _token(access: Access, role: str) -> str:
    return str(getattr(access, role, role))


async def test_each_token_opens_only_its_own_calls(access: Access) -> None:
    opened = {
        (role, method, path)
        for role in ROLES
        for method, path, body in CALLS
        if await _status(access, _token(access, role), method, path, body) < 400
    }

    assert opened == {
        ("query", "POST", "/v1/data/sekisho/decision"),
        ("push", "PUT", "/v1/data/facts"),
        ("push", "POST", "/v1/data/sekisho/derived"),
        ("watch", "GET", "/health"),
        ("watch", "GET", "/v1/status"),
    }


@pytest.mark.parametrize("role", ROLES)
async def test_nothing_else_is_open_to(access: Access, role: str) -> None:
    statuses = {
        (method, path): await _status(access, _token(access, role), method, path, body)
        for method, path, body in REFUSED
    }

    assert {call: status for call, status in statuses.items() if status not in (301, 401, 404)} == {}


async def test_socket_and_token_hashes_are_for_the_owner_only(access: Access, settings: Settings) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    authz = settings.run / "opa-authz"
    assert mode(settings.run) == mode(authz) == 0o700
    assert {mode(path) for path in (access.socket, *authz.iterdir())} == {0o600}


async def test_no_token_is_written_anywhere_nor_shown(access: Access, settings: Settings) -> None:
    tokens = [access.query, access.push, access.watch]

    written = b"".join(path.read_bytes() for path in settings.run.rglob("*") if path.is_file())

    assert not [token for token in tokens if token.encode() in written or token in repr(access)]
