"""Syslog over TLS, to a real receiver: framed by octets, checked against an authority, sent again after a break."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.syslog import (
    SEAL_MESSAGES,
    SyslogAnchor,
    SyslogLink,
    framed,
    message,
    split_address,
    tls_context,
)
from gateway.audit.log.note import open_checkpoint
from tests.audit.anchor_parts import Authority, Collector, TileLog, wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def collector(authority: Authority) -> Iterator[Collector]:
    made = Collector(authority)
    yield made
    made.stop()


@pytest.fixture
def link(collector: Collector, authority: Authority) -> Iterator[SyslogLink]:
    made = SyslogLink(collector.address, tls_context(authority.ca))
    yield made
    made.seal()


def test_a_message_has_the_form_of_rfc_5424() -> None:
    when = datetime(2026, 11, 22, 11, 30, tzinfo=UTC)

    text = message("berlin node1\x00ü", "head", b"{}", when)

    assert text == b"<109>1 2026-11-22T11:30:00.000000Z berlinnode1 sekisho - head - {}"
    assert framed(b"abc") == b"3 abc"


def test_messages_arrive_whole_and_in_order(link: SyslogLink, collector: Collector) -> None:
    sent = [b"<109>1 - - sekisho - x - " + bytes([65 + n % 26]) * (n * 97) for n in range(60)]

    for start in range(0, 60, 20):
        link.send(sent[start : start + 20])

    assert link.seal()
    assert collector.messages == sent
    wait_for(lambda: collector.sealed == 1)
    assert collector.connections == 1


def test_heads_arrive_as_notes_that_verify(link: SyslogLink, collector: Collector, tmp_path: Path) -> None:
    log = TileLog(tmp_path / "audit")
    anchor = SyslogAnchor(link, "berlin-node1")

    found = [anchor.deliver([log.grow(count)]) for count in (3, 0, 4)]

    assert [[witness.size for _, witness in each] for each in found] == [[3], [], [7]]
    assert found[0][0][1].place == collector.address
    wait_for(lambda: len(collector.messages) == 2)
    for text, size in zip(collector.messages, (3, 7), strict=True):
        head = re.fullmatch(rb"<109>1 \S+Z berlin-node1 sekisho - head - (.*)", text)
        assert head is not None
        said = json.loads(head[1])
        assert said["log"] == "berlin/node1/w0/default"
        assert open_checkpoint(said["checkpoint"].encode(), log.signer.verifier).size == size
    anchor.close()
    wait_for(lambda: collector.sealed == 1)


def test_after_a_break_what_was_not_sealed_is_sent_again(link: SyslogLink, collector: Collector) -> None:
    link.send([b"one", b"two"])
    wait_for(lambda: collector.messages == [b"one", b"two"])
    collector.break_off()

    while True:  # the first write into a connection that was cut may find out, or the one before it
        try:
            link.send([b"three"])
        except (OSError, AnchorTrouble):
            continue
        break
    assert link.seal()

    assert [each for each in collector.messages[2:] if each != b"three"] == [b"one", b"two"]
    assert collector.messages[-1] == b"three"


def test_what_is_sealed_is_not_sent_again(link: SyslogLink, collector: Collector) -> None:
    link.send([b"one"])
    assert link.seal()

    link.send([b"two"])
    assert link.seal()

    assert (collector.messages, collector.connections) == ([b"one", b"two"], 2)


def test_a_long_run_is_sealed_from_time_to_time(link: SyslogLink, collector: Collector) -> None:
    for number in range(SEAL_MESSAGES + 1):
        link.send([str(number).encode()])

    wait_for(lambda: collector.sealed == 1)
    assert len(link.unsealed) == 1


def test_a_receiver_that_never_answers_costs_bounded_memory(authority: Authority) -> None:
    collector = Collector(authority, polite=False)
    link = SyslogLink(collector.address, tls_context(authority.ca), timeout_seconds=1.0)
    for _ in range(4):
        link.send([b"x"] * SEAL_MESSAGES)

    assert not link.seal()
    assert len(link.unsealed) <= SEAL_MESSAGES // 2
    collector.stop()


def test_an_outage_is_told_and_nothing_is_lost(link: SyslogLink, collector: Collector, tmp_path: Path) -> None:
    log, anchor = TileLog(tmp_path / "audit"), SyslogAnchor(link, "berlin-node1")
    anchor.deliver([log.grow(3)])
    wait_for(lambda: len(collector.messages) == 1)
    collector.stop()

    with pytest.raises((OSError, AnchorTrouble)):
        anchor.deliver([log.grow(1)])
    with pytest.raises(ConnectionRefusedError):
        anchor.deliver([log.grow(1)])
    collector.start()

    assert [witness.size for _, witness in anchor.deliver([log.grow(1)])] == [6]
    anchor.close()
    sizes = [json.loads(text.partition(b" head - ")[2])["checkpoint"].split("\n")[1] for text in collector.messages]
    assert sizes[0] == "3"
    assert {"3", "4", "5", "6"} == set(sizes)


def test_a_receiver_of_another_authority_is_refused(collector: Collector, tmp_path: Path) -> None:
    link = SyslogLink(collector.address, tls_context(Authority(tmp_path / "other").ca))

    with pytest.raises(AnchorTrouble, match="certificate that does not fit"):
        link.send([b"secret"])

    assert collector.messages == []


def test_a_receiver_of_another_name_is_refused(collector: Collector, authority: Authority) -> None:
    link = SyslogLink(collector.address, tls_context(authority.ca), server_name="siem.example")

    with pytest.raises(AnchorTrouble, match="certificate that does not fit"):
        link.send([b"secret"])


def test_our_certificate_is_shown_where_it_is_wanted(authority: Authority) -> None:
    collector = Collector(authority, wants_certificate=True)
    ours = authority.issue("sekisho.example")
    link = SyslogLink(collector.address, tls_context(authority.ca, *ours))
    link.send([b"one"])
    assert link.seal()
    assert collector.messages == [b"one"]

    bare = SyslogLink(collector.address, tls_context(authority.ca))
    with pytest.raises((OSError, AnchorTrouble)):
        for _ in range(50):  # TLS 1.3 tells a client only after it has spoken
            bare.send([b"two"])
    assert b"two" not in collector.messages
    collector.stop()


def test_what_speaks_no_tls_is_refused(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        link = SyslogLink(f"127.0.0.1:{plain.getsockname()[1]}", tls_context(authority.ca), timeout_seconds=0.3)
        with pytest.raises(OSError, match=r"timed out|handshake"):
            link.send([b"secret"])


@pytest.mark.parametrize(
    ("address", "parts"),
    [("siem", ("siem", 6514)), ("siem:99", ("siem", 99)), ("[::1]:99", ("::1", 99)), ("[::1]", ("::1", 6514))],
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["", ":1", "a:b", "a:0", "a:65536"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(AnchorTrouble, match="no address"):
        split_address(address)


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")

    with pytest.raises(AnchorTrouble, match=r"ca\.pem cannot be used"):
        tls_context(tmp_path / "ca.pem")
