"""The listener for joined nodes over loopback TLS: join, renew, remove with two data folders, and every refusal."""

from __future__ import annotations

import asyncio
import io
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from enrolled import RememberingBook, StandingClock, asked, enrolment, token_of

from gateway.errors import SetupError
from gateway.fleet.nodes import contexts, joining, membership
from gateway.fleet.nodes.authority import Authority, fingerprint
from gateway.fleet.nodes.enrol import Enrolment
from gateway.fleet.nodes.membership import Membership
from gateway.http.listener import Listener
from gateway.http.nodes import MOST_BODY_BYTES, MOST_FAILURES, Failures, nodes_app
from gateway.telemetry.log import JsonLines

DUE = 61  # days after which a certificate is renewed


@dataclass
class Plant:
    """A gateway that listens on loopback, and the folder of one machine."""

    office: Enrolment
    book: RememberingBook
    clock: StandingClock
    url: str
    folder: Path
    failures: Failures

    async def join(self, token: str, folder: Path | None = None, url: str = "", **other: Any) -> Membership:
        said = {"listen": "127.0.0.1:8443", "address": "127.0.0.1:8443", "version": "1.0", "clock": self.clock, **other}
        return await asyncio.to_thread(joining.join, url or self.url, token, folder or self.folder, **said)

    async def renew(self, **other: Any) -> bool:
        said = {"version": "1.1", "clock": self.clock, **other}
        return await asyncio.to_thread(joining.renew_if_due, self.folder, **said)


@asynccontextmanager
async def listening(office: Enrolment, book: RememberingBook, port: int, failures: Failures | None = None) -> Any:
    office.ensure_authority()
    app = nodes_app(office, book, failures)
    listener = Listener.for_nodes(app, f"127.0.0.1:{port}", office.listener_context())
    serving = asyncio.get_running_loop().create_task(listener.run_sockets())
    await listener.began()
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        listener.should_exit = True
        await serving


@pytest.fixture
async def plant(tmp_path: Path, free_port: int) -> AsyncIterator[Plant]:
    book, clock = RememberingBook(), StandingClock()
    clock.on(days=-DUE)  # OpenSSL goes by the real clock: what is due now was made then
    office = enrolment(tmp_path / "gateway", book, clock)
    failures = Failures()
    async with listening(office, book, free_port, failures) as url:
        yield Plant(office, book, clock, url, tmp_path / "machine" / "node", failures)


async def refused(plant: Plant, token: str, **other: Any) -> str:
    with pytest.raises(SetupError) as error:
        await plant.join(token, **other)
    assert not membership.has_joined(plant.folder)
    return str(error.value)


def reached(office: Enrolment, folder: Path, name: str = "gpu1") -> bool:
    """Whether the gateway and the node in that folder take each other for what they are: a handshake in memory."""
    client, server = office.client_context(name), contexts.server_context(folder)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (ours, theirs):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
    return contexts.is_gateway(theirs, membership.read(folder).gateway)


async def test_a_machine_joins_renews_and_is_removed(plant: Plant) -> None:
    joined = await plant.join(await token_of(plant.office, site="gyor", jurisdiction="HU"))
    first = fingerprint(membership.certificate_of(plant.folder))
    assert (joined.name, joined.site, joined.gateway) == ("gpu1", "gyor", "sekisho://gateway/ingolstadt")
    assert reached(plant.office, plant.folder)
    assert not await plant.renew()

    plant.clock.on(days=DUE)
    assert await plant.renew()
    second = fingerprint(membership.certificate_of(plant.folder))
    assert second != first
    assert plant.office.roster.nodes()[0].fingerprints == (second,)
    assert not membership.read(plant.folder).unshown

    await plant.office.remove("gpu1", "ana")
    plant.clock.on(days=DUE)
    with pytest.raises(SetupError, match="not one of a joined node"):
        await plant.renew()
    assert plant.book.types == ["node.token_made", "node.joined", "node.renewed", "node.removed"]
    assert plant.book.sums == [("node.certificate_unknown", 401, "127.0.0.1")]


async def test_the_nodes_files_are_nobody_elses(plant: Plant) -> None:
    await plant.join(await token_of(plant.office))

    files = {file.name: file.stat().st_mode & 0o777 for file in plant.folder.iterdir()}

    assert files == dict.fromkeys(("key.pem", "cert.pem", "authority.pem", "node.json"), 0o600)
    assert plant.folder.stat().st_mode & 0o777 == 0o700


async def test_a_stolen_token_used_twice_is_refused_and_on_record(plant: Plant, tmp_path: Path) -> None:
    token = await token_of(plant.office)
    await plant.join(token, tmp_path / "thief")

    said = await refused(plant, token)

    assert "used already" in said
    assert "sekisho node remove gpu1" in said
    assert plant.book.written[-1] == (
        "node.refused",
        {"name": "gpu1", "code": "node.token_used", "source": "127.0.0.1"},
    )
    assert plant.book.sums == []


async def test_a_node_that_is_refused_when_it_joins_again_still_is_what_it_was(plant: Plant) -> None:
    token = await token_of(plant.office)
    await plant.join(token)

    with pytest.raises(SetupError, match="used already"):
        await plant.join(token)

    assert reached(plant.office, plant.folder)


async def test_a_token_that_is_over_or_of_a_joined_name_is_refused(plant: Plant, tmp_path: Path) -> None:
    short, taken, spare = [await token_of(plant.office, seconds=seconds) for seconds in (60, 3600, 3600)]
    plant.clock.on(minutes=2)
    assert "time of this token is over" in await refused(plant, short)

    await plant.join(taken, tmp_path / "other")
    assert "is joined already" in await refused(plant, spare)


async def test_a_clock_that_is_far_off_is_told(plant: Plant) -> None:
    off = StandingClock(plant.clock())
    off.on(minutes=30)

    assert "differ by 30 minutes" in await refused(plant, await token_of(plant.office), clock=off)


async def test_what_is_no_token_is_refused_before_anything_is_sent(plant: Plant) -> None:
    token = await token_of(plant.office)

    assert "no whole token" in await refused(plant, token[:-3], url="https://127.0.0.1:1")


async def test_a_token_of_another_gateway_is_not_shown_to_this_one(plant: Plant, tmp_path: Path) -> None:
    foreign = await token_of(enrolment(tmp_path / "elsewhere", RememberingBook(), plant.clock))

    assert "its authority is another one" in await refused(plant, foreign)
    assert plant.book.sums == []


async def test_a_liar_that_shows_the_right_authority_gets_no_token(
    plant: Plant, tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the authority's certificate, which is public, but no certificate by it."""
    token = await token_of(plant.office)
    book = RememberingBook()
    liar = enrolment(tmp_path / "liar", book, plant.clock)
    liar.ensure_authority()
    truth = plant.office.greeting()
    monkeypatch.setattr(liar, "greeting", lambda: truth)

    async with listening(liar, book, unused_tcp_port) as url:
        assert "not this node's gateway" in await refused(plant, token, url=url)
    assert book.sums == []


async def test_another_node_cannot_play_the_gateway(plant: Plant, tmp_path: Path, unused_tcp_port: int) -> None:
    """A node's certificate is by the right authority, and is still no gateway's."""
    await plant.join(await token_of(plant.office, "gpu9"), tmp_path / "gpu9")
    token = await token_of(plant.office)
    context = contexts.server_context(tmp_path / "gpu9")
    context.verify_mode = ssl.CERT_NONE
    app = nodes_app(plant.office, plant.book)
    listener = Listener.for_nodes(app, f"127.0.0.1:{unused_tcp_port}", context)
    serving = asyncio.get_running_loop().create_task(listener.run_sockets())
    await listener.began()

    said = await refused(plant, token, url=f"https://127.0.0.1:{unused_tcp_port}")

    listener.should_exit = True
    await serving
    assert "not this node's gateway" in said
    assert plant.office.roster.node("gpu1") is None


async def test_nobody_there_and_no_address_are_told(plant: Plant, unused_tcp_port: int) -> None:
    token = await token_of(plant.office)

    assert "cannot be reached" in await refused(plant, token, url=f"https://127.0.0.1:{unused_tcp_port}")
    for url in ("http://127.0.0.1:1", "gateway:8444", "https://127.0.0.1:x", "https://127.0.0.1:1/v1"):
        assert "no address of a gateway" in await refused(plant, token, url=url)
    assert "not host:port" in await refused(plant, token, address="0.0.0.0:8443")


async def test_wrong_tokens_are_summed_and_then_wait(plant: Plant) -> None:
    await token_of(plant.office)
    wrong = await token_of(enrolment(plant.folder.parent / "x", RememberingBook(), plant.clock))
    for _ in range(MOST_FAILURES - 1):
        plant.failures.add("127.0.0.1")
    assert (await posted(plant, "join", asked(wrong, plant.clock)))[1] == "node.token_wrong"

    status, code = await posted(plant, "join", asked(wrong, plant.clock))

    assert (status, code) == (429, "node.too_many")
    assert plant.book.sums[0] == ("node.token_wrong", 401, "127.0.0.1")
    assert plant.book.types == ["node.token_made"]


async def test_after_a_minute_failures_are_forgotten() -> None:
    now = [100.0]
    failures = Failures(lambda: now[0])
    for _ in range(MOST_FAILURES):
        failures.add("10.0.0.9")
    failures.refuse_many("10.0.0.7")
    with pytest.raises(Exception, match="Wait a minute"):
        failures.refuse_many("10.0.0.9")
    now[0] += 61

    failures.refuse_many("10.0.0.9")


async def posted(plant: Plant, verb: str, body: object, folder: Path | None = None) -> tuple[int, str]:
    """Return status and code of a call that knows no better."""
    import aiohttp
    import msgspec

    pem = plant.office.authority.pem
    tls = contexts.node_context(folder) if folder else contexts.joining_context(pem)
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{plant.url}/nodes/v1/{verb}", data=raw, ssl=tls) as answer,
    ):
        return answer.status, (await answer.json()).get("error", {}).get("code", "")


async def test_bodies_are_bounded_and_nothing_but_what_nodes_say_is_read(plant: Plant) -> None:
    assert await posted(plant, "join", b"x" * (MOST_BODY_BYTES + 1)) == (413, "request.body_too_large")
    assert await posted(plant, "join", b'{"token": "t"}') == (400, "node.request")
    assert await posted(plant, "join", b"\xff") == (400, "node.request")
    assert await posted(plant, "elsewhere", b"{}") == (404, "request.route_not_found")
    assert await posted(plant, "authority", b"{}") == (405, "request.method_not_allowed")


async def test_nobody_renews_without_a_certificate(plant: Plant) -> None:
    plant.office.ensure_authority()

    assert await posted(plant, "renew", asked("", plant.clock)) == (401, "node.certificate_unknown")
    assert await posted(plant, "confirm", {}) == (401, "node.certificate_unknown")


async def test_a_certificate_of_the_authority_that_the_roster_does_not_have_renews_nothing(
    plant: Plant, tmp_path: Path
) -> None:
    """As after a restored roster, or one that somebody signed with a stolen authority."""
    await plant.join(await token_of(plant.office))
    forged = forge(plant.office.authority, plant.folder, tmp_path / "forged", plant.clock)

    assert await posted(plant, "renew", asked("", plant.clock), forged) == (401, "node.certificate_unknown")
    assert not reached(plant.office, forged)


def forge(authority: Authority, like: Path, folder: Path, clock: StandingClock) -> Path:
    from cryptography.hazmat.primitives.serialization import Encoding

    key = membership.new_key()
    issued = authority.sign_node(membership.request_for(key).encode(), "gpu1", "127.0.0.1", clock())
    pem = issued.public_bytes(Encoding.PEM).decode()
    membership.settle(folder, membership.read(like), key, pem, authority.pem)
    return folder


async def test_what_was_not_shown_yet_is_shown_at_the_next_look(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    await plant.join(await token_of(plant.office))
    plant.clock.on(days=DUE)

    async def down(shown: str) -> None:
        raise SetupError("The disk is full.", "")

    monkeypatch.setattr(plant.office, "confirm", down)
    assert await plant.renew()
    assert membership.read(plant.folder).unshown
    assert len(plant.office.roster.nodes()[0].fingerprints) == 2
    monkeypatch.undo()

    assert not await plant.renew()
    assert len(plant.office.roster.nodes()[0].fingerprints) == 1


async def test_no_secret_is_in_logs(plant: Plant) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    before, root.level = root.level, logging.DEBUG
    try:
        token = await token_of(plant.office)
        await plant.join(token)
        await posted(plant, "join", asked(token, plant.clock))
        await posted(plant, "join", token.encode())
    finally:
        root.removeHandler(handler)
        root.setLevel(before)

    assert token.split(".")[2] not in stream.getvalue()
    assert "PRIVATE KEY" not in stream.getvalue()
