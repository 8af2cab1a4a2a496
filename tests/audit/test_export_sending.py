"""An export goes to a syslog receiver over TLS, whole, and on after a break, with a real receiver on loopback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from gateway.audit.anchor.syslog import SyslogLink, framed, tls_context
from gateway.audit.export import sending
from gateway.audit.export.run import digest
from gateway.audit.export.sending import Parcel, Sent, send
from gateway.errors import SetupError
from tests.audit.anchor_parts import Authority, Collector

MESSAGES = [b"message %d \n" % number for number in range(1000)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def collector(authority: Authority) -> Iterator[Collector]:
    made = Collector(authority)
    yield made
    made.stop()


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    path = tmp_path / "out.log"
    path.write_bytes(b"".join(framed(each) for each in MESSAGES))
    return Parcel(path, digest(path)[1], "tls://siem")


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_FIRST_PAUSE_SECONDS", 0.01)


def link(collector: Collector, authority: Authority) -> SyslogLink:
    return SyslogLink(collector.address, tls_context(authority.ca), timeout_seconds=2)


def test_every_message_arrives_in_order(collector: Collector, authority: Authority, parcel: Parcel) -> None:
    sent = send(parcel, lambda: link(collector, authority))

    assert sent == Sent(1000, 0)
    assert collector.messages == MESSAGES
    assert collector.sealed == 4


def test_what_is_sealed_is_not_sent_again(collector: Collector, authority: Authority, parcel: Parcel) -> None:
    send(parcel, lambda: link(collector, authority))

    assert send(parcel, lambda: link(collector, authority)) == Sent(0, 0)
    assert len(collector.messages) == 1000


def test_what_a_receiver_lost_in_a_break_is_sent_again(
    collector: Collector, authority: Authority, parcel: Parcel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SEAL_MESSAGES", 200)  # fewer than a link seals by itself
    losses = iter([False, True, False])

    class Losing(SyslogLink):
        """The second time the receiver dies with what it had not read, and so answers nothing."""

        def seal(self) -> bool:
            if not next(losses, False):
                return super().seal()
            super().seal()
            del collector.messages[-100:]
            return False

    sent = send(parcel, lambda: Losing(collector.address, tls_context(authority.ca), timeout_seconds=2))

    assert sent == Sent(1000, 0)
    assert collector.messages[:200] == MESSAGES[:200]
    assert set(collector.messages) == set(MESSAGES)


def test_a_connection_that_breaks_within_a_part_is_made_anew(
    collector: Collector, authority: Authority, parcel: Parcel
) -> None:
    breaks = iter([False, True, True])

    class Breaking(SyslogLink):
        def send(self, messages: Iterable[bytes]) -> None:
            if next(breaks, False):
                raise ConnectionResetError
            super().send(messages)

    sent = send(parcel, lambda: Breaking(collector.address, tls_context(authority.ca), timeout_seconds=2))

    assert sent == Sent(1000, 0)
    assert collector.messages == MESSAGES


def test_a_receiver_that_is_away_is_told_and_found_again(
    collector: Collector, authority: Authority, parcel: Parcel
) -> None:
    collector.stop()
    with pytest.raises(SetupError, match="does not take the export"):
        send(parcel, lambda: link(collector, authority))
    collector.start()

    assert send(parcel, lambda: link(collector, authority)) == Sent(1000, 0)


def test_a_receiver_that_never_closes_in_order_is_told_apart(authority: Authority, parcel: Parcel) -> None:
    rude = Collector(authority, polite=False)

    sent = send(parcel, lambda: link(rude, authority))
    rude.stop()

    assert (sent.messages, sent.unconfirmed) == (1000, 1000)
    assert list(dict.fromkeys(rude.messages)) == MESSAGES


def test_a_certificate_by_another_authority_is_refused(collector: Collector, tmp_path: Path, parcel: Parcel) -> None:
    stranger = Authority(tmp_path / "stranger")

    with pytest.raises(SetupError, match="certificate"):
        send(parcel, lambda: link(collector, stranger))
    assert collector.messages == []


def test_another_file_or_receiver_begins_at_the_beginning(parcel: Parcel) -> None:
    parcel.seal_at(50)

    assert parcel.sealed() == 50
    assert Parcel(parcel.file, "0" * 64, parcel.to).sealed() == 0
    assert Parcel(parcel.file, parcel.sha256, "tls://other").sealed() == 0


@pytest.mark.parametrize("raw", [b"5 ab", b"x", b"12345678901 a", b"-1 a"])
def test_a_file_that_is_no_export_is_not_sent(
    collector: Collector, authority: Authority, tmp_path: Path, raw: bytes
) -> None:
    path = tmp_path / "bad"
    path.write_bytes(raw)

    with pytest.raises(OSError, match="the file"):
        send(Parcel(path, "", ""), lambda: link(collector, authority))
