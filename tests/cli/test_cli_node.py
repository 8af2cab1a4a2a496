"""sekisho node: tokens and nodes on a gateway without a server, joining from the command line, and what doctor says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from enrolled import RememberingBook, StandingClock, asked, enrolment, token_of

from gateway import settings
from gateway.cli.checks import Check
from gateway.cli.checks_nodes import joined_nodes, this_node
from gateway.cli.node import _lines
from gateway.fleet.nodes import membership
from gateway.fleet.nodes.enrol import Enrolment
from gateway.fleet.nodes.roster import NodeFile, replaced
from gateway.http.listener import Listener
from gateway.http.nodes import nodes_app
from gateway.keys.files import FileKeyring


@pytest.fixture
def house(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gateway's folder as these commands need it: settings and keys, and no policies, as the working directory."""
    (short_dir / "sekisho.yaml").write_text("site: {name: plant, node: node, jurisdiction: DE}\n")
    FileKeyring(short_dir / ".sekisho" / "keys").create()
    monkeypatch.chdir(short_dir)
    return short_dir


def on_record(house: Path) -> bytes:
    """Return all that the audit log holds."""
    return b"".join(file.read_bytes() for file in (house / ".sekisho" / "audit").rglob("*") if file.is_file())


ADDRESS = ("--address", "127.0.0.1:8443")


@contextmanager
def listening(office: Enrolment, book: RememberingBook, port: int) -> Iterator[str]:
    """A gateway's listener for nodes, in a thread of its own."""
    office.ensure_authority()
    began = threading.Event()
    listener = Listener.for_nodes(nodes_app(office, book), f"127.0.0.1:{port}", office.listener_context())

    async def live() -> None:
        async with asyncio.TaskGroup() as serving:
            serving.create_task(listener.run_sockets())
            await listener.began()
            began.set()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert began.wait(60)
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        listener.should_exit = True
        thread.join()


def test_a_token_is_shown_once_and_is_on_record(sekisho, house: Path) -> None:
    said = sekisho("node", "token", "--name", "gpu1", "--site", "gyor", "--jurisdiction", "HU", "--ttl", "4h", "--json")

    made = said.json
    assert said.code == 0
    assert (made["name"], made["site"], made["jurisdiction"]) == ("gpu1", "gyor", "HU")
    assert f"--token {made['token']} --address" in made["command"]
    secret = made["token"].split(".")[2]
    files = [file for file in (house / ".sekisho").rglob("*") if file.is_file()]
    assert all(secret.encode() not in file.read_bytes() for file in files)
    assert b"node.token_made" in on_record(house)


def test_who_cannot_be_joined_is_told_what_to_set(sekisho, house: Path) -> None:
    said = sekisho("node", "token", "--name", "gpu1")

    assert said.code == 0
    assert "nodes.listen" in said.err
    assert "site plant, DE" in said.out


@pytest.mark.parametrize(
    "wrong",
    [
        ("--name", "GPU 1"),
        ("--name", "gpu1", "--ttl", "8d"),
        ("--name", "gpu1", "--ttl", "soon"),
        ("--name", "gpu1", "--site", "gyor"),
        ("--name", "gpu1", "--jurisdiction", "hungary"),
        ("--name", "node"),
    ],
    ids=["name", "too long", "no time", "no country", "country", "own name"],
)
def test_what_no_token_can_say_is_refused_in_one_line(sekisho, house: Path, wrong: tuple[str, ...]) -> None:
    said = sekisho("node", "token", *wrong)

    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_without_nodes_the_commands_say_so(sekisho, house: Path) -> None:
    assert "No machine has joined" in sekisho("node", "list").out
    for verb in ("show", "drain", "remove"):
        said = sekisho("node", verb, "gpu1")
        assert (said.code, "no node" in said.err) == (2, True)
    assert "joined no gateway" in sekisho("node", "serve").err


def test_a_machine_joins_from_the_command_line_and_only_once(
    sekisho, house: Path, tmp_path: Path, free_port: int
) -> None:
    book = RememberingBook()
    office = enrolment(tmp_path, book)
    token = asyncio.run(token_of(office))
    with listening(office, book, free_port) as url:
        said = sekisho("node", "join", url, "--token", "-", *ADDRESS, "--no-serve", "--json", given=token + "\n")
        again = sekisho("node", "join", url, "--token", token, *ADDRESS, "--no-serve")
        anew = sekisho("node", "join", url, "--token", token, *ADDRESS, "--no-serve", "--anew")

    assert said.code == 0, said
    assert said.json["gateway"] == "sekisho://gateway/ingolstadt"
    assert office.show()[0]["address"] == "127.0.0.1:8443"
    assert (again.code, "has joined" in again.err) == (2, True)
    assert (anew.code, "used already" in anew.err) == (3, True)


def test_a_node_is_listed_drained_and_removed_without_a_server(sekisho, house: Path) -> None:
    joined_here(house)

    assert "gpu1" in sekisho("node", "list").out
    assert sekisho("node", "show", "gpu1", "--json").json["state"] == "joined"
    assert sekisho("node", "drain", "gpu1", "--json").json["state"] == "drained"
    assert sekisho("node", "drain", "gpu1", "--back", "--json").json["state"] == "joined"
    assert sekisho("node", "remove", "gpu1").code == 0
    assert sekisho("node", "list", "--json").json["data"] == []
    assert [node["name"] for node in sekisho("node", "list", "--removed", "--json").json["data"]] == ["gpu1"]
    assert all(f"node.{what}".encode() in on_record(house) for what in ("drained", "resumed", "removed"))


def test_what_is_shown_of_a_node_is_for_people() -> None:
    node = {"name": "gpu1", "drained": None, "loaded": 2, "models": ["tiny", "house-model"], "problem": ""}

    assert _lines(node) == ["name     gpu1", "loaded   2", "models   tiny, house-model"]


def joined_here(house: Path) -> Enrolment:
    """Let a machine join the gateway of that folder, as its server would."""
    office, clock = enrolment(house / ".sekisho", RememberingBook()), StandingClock()

    async def join() -> None:
        await office.join(asked(await token_of(office), clock), "127.0.0.1")

    asyncio.run(join())
    return office


def changed(house: Path, listen: str = "127.0.0.1:8444", **how: Any) -> str:
    """Return what doctor says of one joined node that is changed so."""
    office = joined_here(house)
    node = office.roster.nodes()[0]
    from gateway import __version__

    node = msgspec.structs.replace(node, **{"version": __version__, **how})
    content: NodeFile = replaced(office.roster.content, node)
    office.roster.write(content)
    loaded = msgspec.structs.replace(settings.load(), nodes=settings.NodesSettings(listen=listen))
    check = joined_nodes(loaded)
    return json.dumps([check.state, check.said, check.mend])


def test_doctor_names_a_node_that_is_not_trusted_and_why_in_one_line(house: Path) -> None:
    said = changed(house, distrusted="it loaded bbbb in place of aaaa")

    assert json.loads(said)[:2] == ["fails", "not trusted, and serving nobody: gpu1 (it loaded bbbb in place of aaaa)"]
    assert "sekisho node trust NAME --reason WHY" in said


def own_certificate(house: Path, begins: int = -1, ends: int = 60, issuer: str = "a", pinned: str = "a") -> Check:
    """Return what doctor says of this machine as a node; days from now, and who issued what it has."""
    folder, now = house / ".sekisho" / "node", datetime.now(UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = {name: membership.new_key() for name in "ab"}
    own = membership.new_key()

    def certificate(of: Any, by: str) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)])
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(of.public_key())
        made = (
            made.serial_number(7)
            .not_valid_before(now + timedelta(days=begins))
            .not_valid_after(now + timedelta(days=ends))
        )
        return made.sign(keys[by], SHA256()).public_bytes(Encoding.PEM).decode()

    known = membership.Membership(
        name="gpu1", site="annex", gateway="sekisho://gateway/plant", url="https://gw:8444", listen="0.0.0.0:8443",
        address="gpu1:8443", since=now,
    )  # fmt: skip
    membership.settle(folder, known, own, certificate(own, issuer), certificate(keys[pinned], pinned))
    return this_node(settings.load())


@pytest.mark.parametrize(
    ("how", "state", "said"),
    [
        ({}, "ok", "joined sekisho://gateway/plant as gpu1"),
        ({"ends": 5}, "warning", "its certificate ends on"),
        ({"begins": -90, "ends": -1}, "fails", "its certificate is over since"),
        ({"begins": 1}, "fails", "this clock is before that"),
        ({"issuer": "b"}, "fails", "not of the authority that it joined"),
    ],
)
def test_doctor_tells_a_node_of_its_own_certificate(house: Path, how: dict[str, Any], state: str, said: str) -> None:
    assert this_node(settings.load()).said == "it has joined no gateway"

    check = own_certificate(house, **how)

    assert (check.state, said in check.said, bool(check.mend)) == (state, True, state != "ok"), check


def test_doctor_tells_a_node_whose_certificate_is_damaged(house: Path) -> None:
    own_certificate(house)
    (house / ".sekisho" / "node" / "cert.pem").write_text("-----BEGIN CERTIFICATE-----")

    check = this_node(settings.load())

    assert (check.state, "cert.pem is missing or damaged" in check.said) == ("fails", True)


def test_doctor_warns_of_nodes(house: Path) -> None:
    now = datetime.now(UTC)

    assert joined_nodes(settings.load()).said == "none was asked to join"
    assert "1 joined" in changed(house)
    (house / ".sekisho" / "nodes" / "roster.json").unlink()
    assert "is over" in changed(house, ends=now - timedelta(days=1))
    (house / ".sekisho" / "nodes" / "roster.json").unlink()
    assert "end soon" in changed(house, ends=now + timedelta(days=5))
    (house / ".sekisho" / "nodes" / "roster.json").unlink()
    assert "another version" in changed(house, version="0.0.1")
    (house / ".sekisho" / "nodes" / "roster.json").unlink()
    assert "nodes.listen" in changed(house, listen="")
