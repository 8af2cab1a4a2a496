"""Sockets of real processes against what settings name; a control that is not caught is no proof."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.egress import look
from gateway.egress.judge import Allowed, Places, read_place
from gateway.egress.sockets import Socket, Unreadable, family, sockets_of

HOLD = "import socket, sys\n{0}\nprint('held', flush=True)\nsys.stdin.read()"


@pytest.fixture
def holding() -> Iterator[Callable[[str], int]]:
    """Start a process that makes sockets and holds them; returns its pid."""
    children: list[subprocess.Popen[str]] = []

    def start(code: str) -> int:
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", HOLD.format(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        return child.pid

    yield start
    for child in children:
        child.communicate(timeout=30)


def test_a_listener_and_who_called_are_seen(holding: Callable[[str], int]) -> None:
    pid = holding(
        "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); a, _ = s.accept()"
    )

    seen = [*sockets_of([pid])]

    listener = next(each for each in seen if each.listens)
    assert listener.local[0] == "127.0.0.1"
    assert {each.peer for each in seen if each.local == listener.local and not each.listens} != {None}
    assert {(each.pid, each.protocol) for each in seen} == {(pid, "tcp")}
    assert len(seen) == 3


@pytest.mark.parametrize("kind", ["AF_INET6, socket.SOCK_DGRAM", "AF_INET, socket.SOCK_DGRAM"])
def test_a_datagram_socket_that_may_send_to_anybody_is_found(holding: Callable[[str], int], kind: str) -> None:
    pid = holding(f"s = socket.socket(socket.{kind}); s.bind(('', 0))")

    (seen,) = sockets_of([pid])

    assert seen.peer is None
    assert "may send to anybody (udp" in Allowed().finding(seen)


def test_a_connected_datagram_socket_is_found_though_nothing_was_sent() -> None:
    assert look.control()


def test_a_control_that_cannot_be_seen_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "sockets_of", lambda pids: iter(()))

    assert not look.control()
    assert not look.watch(os.getpid(), Allowed(), 0.0).control_caught


def test_children_are_looked_at_too(holding: Callable[[str], int]) -> None:
    inner = HOLD.format("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\\'\\', 0))")
    pid = holding(
        f"import subprocess; child = subprocess.Popen([sys.executable, '-I', '-c', '''{inner}'''], "
        "stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True); assert child.stdout.readline() == 'held\\n'"
    )

    found = look.watch(pid, Allowed(), 0.0)

    assert len(found.processes) == 2
    assert [each for each in found.findings if "may send to anybody" in each]


def test_ones_own_descendants_begin_with_oneself() -> None:
    assert family(os.getpid())[0] == os.getpid()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look at everybody")
def test_another_users_process_is_not_called_silent() -> None:
    with pytest.raises(Unreadable):
        list(sockets_of([1]))


NAMED = {
    "server": {"listen": "0.0.0.0:8080"},
    "nodes": {"listen": "10.1.0.2:8443"},
    "limits": {"redis": {"url": "rediss://:pw@10.0.0.5/0"}},
    "engines": [{"name": "big", "url": "http://gpu-1:8000/v1"}, {"name": "near", "url": "http://127.0.0.1:9"}],
    "audit": {"anchors": [{"address": "10.0.0.9:6514"}]},
    "site": {"name": "werk:1"},
}


@pytest.fixture
def allowed(tmp_path: Path) -> Allowed:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.0.7 gpu-1 gpu-1.plant  # the big one\n", encoding="ascii")
    return Places.of(NAMED).allowed(hosts=hosts)


def made(local: tuple[str, int], peer: tuple[str, int] | None = None, listens: bool = False) -> Socket:
    return Socket(1, "x", "tcp", local, peer, listens)


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (made(("0.0.0.0", 8080), listens=True), ""),  # noqa: S104
        (made(("10.1.0.2", 8443), listens=True), ""),
        (made(("127.0.0.1", 41001), listens=True), ""),
        (made(("10.1.0.2", 41001), listens=True), "listens on 10.1.0.2:41001"),
        (made(("10.1.0.2", 8080), ("10.1.0.99", 50000)), ""),
        (made(("10.1.0.2", 50001), ("10.0.0.5", 6379)), ""),
        (made(("10.1.0.2", 50001), ("10.0.0.7", 8000)), ""),
        (made(("10.1.0.2", 50001), ("10.0.0.9", 6514)), ""),
        (made(("10.1.0.2", 50001), ("10.0.0.5", 443)), "talks to 10.0.0.5:443"),
        (made(("10.1.0.2", 50001), ("93.184.216.34", 443)), "talks to 93.184.216.34:443"),
        (made(("2001:db8::1", 50001), ("2001:db8::2", 443)), "talks to [2001:db8::2]:443"),
        (made(("::1", 50001), ("::1", 443)), ""),
        (Socket(1, "x", "packet", ("", 0), None, False), "whole packets"),
        (Socket(1, "x", "raw", ("0.0.0.0", 1), None, False), "may send to anybody (raw"),  # noqa: S104
    ],
)
def test_what_the_settings_name_may_be_and_nothing_else(allowed: Allowed, seen: Socket, word: str) -> None:
    found = allowed.finding(seen)

    assert (found == "") == (word == "")
    assert word in found


def test_a_name_that_no_file_knows_is_told_apart(tmp_path: Path) -> None:
    allowed = Places.of(NAMED).allowed(hosts=tmp_path / "none")

    assert allowed.unknown == {("gpu-1", 8000)}
    assert "a name of the settings with that port" in allowed.finding(made(("10.1.0.2", 1), ("10.0.0.7", 8000)))


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("https://ca.plant", ("ca.plant", 443)),
        ("[::1]:8080", ("::1", 8080)),
        ("unix:/run/redis.sock", None),
        ("http://[bad", None),
        ("tls", None),
        ("", None),
    ],
)
def test_a_place_is_read_in_either_form(value: str, place: tuple[str, int] | None) -> None:
    assert read_place(value) == place


def test_our_own_loopback_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert look.watch(os.getpid(), Allowed(), 0.0).findings == {}
