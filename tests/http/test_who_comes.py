"""Whose address a request comes from, which certificate, which end user; and answers to wrong keys that wait."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest

from gateway.domain import Declared
from gateway.errors import BadRequest
from gateway.http import chat
from gateway.http.arrival import SUBJECT, HttpArrival, client_address, shown_in
from gateway.http.call import Call
from gateway.http.guard import MOST_TOLD, Guard
from gateway.http.proxies import Proxies
from gateway.identity.certificate import CertificateSubject
from gateway.identity.guessing import FREE, MOST_HELD_EACH
from gateway.settings import ServerSettings

PROXY, OUTSIDE = "10.0.0.1", "192.0.2.9"


def scope(peer: str = PROXY, *headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "client": (peer, 4711), "headers": raw, **more}


def proxies(**said: Any) -> Proxies:
    return Proxies(msgspec.convert({"trusted_proxies": ["10.0.0.0/24", "2001:db8::/32"], **said}, ServerSettings))


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ([], PROXY),
        (["203.0.113.5"], "203.0.113.5"),
        (["198.51.100.1, 203.0.113.5"], "203.0.113.5"),  # what stands left of it the client wrote itself
        (["203.0.113.5, 10.0.0.2"], "203.0.113.5"),
        (["203.0.113.5", "10.0.0.2"], "203.0.113.5"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["203.0.113.5:4711"], "203.0.113.5"),
        (["[2001:db9::1]:443"], "2001:db9::1"),
        (["unknown"], PROXY),
        (["203.0.113.5, nonsense, 10.0.0.2"], "10.0.0.2"),
        ([""], PROXY),
        (["203.0.113.5, " + ", ".join(["10.0.0.2"] * 500)], "10.0.0.2"),
    ],
)
def test_x_forwarded_for_is_read_from_its_right_end(values: list[str], address: str) -> None:
    asked = scope(PROXY, *(("x-forwarded-for", value) for value in values))
    assert client_address(proxies().seen(asked)) == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("for=203.0.113.5", "203.0.113.5"),
        ('for="[2001:db9:cafe::17]:4711";proto=https', "2001:db9:cafe::17"),
        ('For="203.0.113.5:80"; by=10.0.0.1, for=10.0.0.2', "203.0.113.5"),
        ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
        ("proto=https", PROXY),
        ('for="a,b", for=10.0.0.2', "10.0.0.2"),
    ],
)
def test_forwarded_is_read_the_same_way(value: str, address: str) -> None:
    asked = scope(PROXY, ("forwarded", value), ("x-forwarded-for", "198.51.100.1"))
    assert client_address(proxies(proxy_header="forwarded").seen(asked)) == address


def test_nobody_else_is_believed() -> None:
    asked = scope(OUTSIDE, ("x-forwarded-for", "203.0.113.5"), ("x-subject", "CN=a"))
    seen = proxies(proxy_subject_header="x-subject").seen(asked)
    assert (client_address(seen), SUBJECT in seen) == (OUTSIDE, False)
    assert client_address(Proxies(ServerSettings()).seen(asked)) == OUTSIDE


def test_the_other_header_is_not_read() -> None:
    assert client_address(proxies().seen(scope(PROXY, ("forwarded", "for=203.0.113.5")))) == PROXY


def test_a_trusted_proxy_tells_a_subject_once() -> None:
    believed = proxies(proxy_subject_header="x-subject")
    seen = believed.seen(scope(PROXY, ("x-subject", "CN=a")))
    assert isinstance(shown_in(seen), CertificateSubject)
    twice = believed.seen(scope(PROXY, ("x-subject", "CN=a"), ("x-subject", "CN=b")))
    assert shown_in(twice) is None


def test_a_key_goes_before_a_certificate() -> None:
    seen = proxies(proxy_subject_header="x-subject").seen(
        scope(PROXY, ("x-subject", "CN=a"), ("authorization", "Bearer k"))
    )
    assert shown_in(seen) == "Bearer k"
    assert not isinstance(shown_in(seen), CertificateSubject)


@pytest.mark.parametrize("wrong", ["10.0.0.0/99", "proxy.plant", "10.0.0.1/24"])
def test_what_is_no_network_is_refused(wrong: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="no address or network"):
        proxies(trusted_proxies=[wrong])


# --- end users


def end_user(*headers: tuple[str, str], body: str = "") -> str:
    settings = ServerSettings(end_user_headers=("x-openwebui-user-id", "x-end-user"))
    arrival = HttpArrival(chat.API, settings, scope(PROXY, *headers), None, lambda: None)  # type: ignore[arg-type]
    tree: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "user": body}
    return Call(chat.API, chat.API.parse(tree), tree, arrival._declared(), 1000).end_user


def test_the_first_configured_header_names_the_end_user_then_the_body() -> None:
    assert end_user(("x-end-user", "ana"), ("x-openwebui-user-id", "u-1"), body="b") == "u-1"
    assert end_user(("x-end-user", "J\u00fcrgen"), body="b") == "J\u00fcrgen"
    assert end_user(("x-end-user", " "), ("x-other", "c"), body="b") == "b"


@pytest.mark.parametrize("headers", [[("x-end-user", "a"), ("x-end-user", "b")], [("x-end-user", "a" * 513)]])
def test_a_header_that_names_two_or_too_much_is_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequest) as refused:
        end_user(*headers)
    assert refused.value.param == "x-end-user"


def test_without_the_setting_no_header_names_anybody() -> None:
    asked = scope(PROXY, ("x-end-user", "ana"))
    assert HttpArrival(chat.API, ServerSettings(), asked, None, lambda: None)._declared() == Declared()  # type: ignore[arg-type]


# --- wrong keys


class Answers:
    """What was sent, and how long it took."""

    def __init__(self, guard: Guard) -> None:
        self.guard, self.sent = guard, []  # type: ignore[var-annotated]

    async def __call__(self, message: Any) -> None:
        self.sent.append(message)

    async def answer(self, status: int = 401, code: str = "invalid_api_key", shown: bool = True) -> float:
        begun = time.monotonic()
        asked = scope(OUTSIDE, *([("authorization", "Bearer x")] if shown else []))
        headers = [(b"x-sekisho-code", code.encode())]
        await self.guard.watching(asked, self)({"type": "http.response.start", "status": status, "headers": headers})
        return time.monotonic() - begun


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def answers(told: list[str]) -> Answers:
    return Answers(Guard(tell=told.append))


async def test_wrong_keys_wait_and_right_ones_do_not(answers: Answers, told: list[str]) -> None:
    for _ in range(FREE):
        await answers.answer()
    assert told == []
    assert await answers.answer() >= 0.1
    assert told == [OUTSIDE]
    assert await answers.answer(200) < 0.05
    assert await answers.answer(403, "identity.role") < 0.05


@pytest.mark.parametrize(("code", "shown"), [("identity.token_expired", True), ("invalid_api_key", False)])
async def test_what_is_no_guess_does_not_count(answers: Answers, told: list[str], code: str, shown: bool) -> None:
    for _ in range(FREE + 2):
        await answers.answer(code=code, shown=shown)
    assert told == []


async def test_more_than_can_be_held_are_answered_and_their_connection_closed(answers: Answers) -> None:
    for _ in range(FREE):
        await answers.answer()
    tasks = [asyncio.ensure_future(answers.answer()) for _ in range(MOST_HELD_EACH + 1)]
    await asyncio.sleep(0.02)
    assert (b"connection", b"close") in answers.sent[-1]["headers"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_many_addresses_fill_no_log(told: list[str]) -> None:
    guard = Guard(tell=told.append)
    assert [guard._may_tell() for _ in range(MOST_TOLD + 5)].count(True) == MOST_TOLD


def test_a_caller_is_nobody_by_a_header_that_says_so() -> None:
    assert not isinstance(shown_in(scope(PROXY, ("authorization", "CN=a"))), CertificateSubject)
