"""The rules behind the instruments: lines of strace, frames, DNS messages, pages."""

import struct
from ipaddress import ip_address

import pytest
from cordon import trace
from cordon.frames import read_frame
from cordon.names import answer, read_question
from cordon.pages import references
from cordon.sighting import Sighting

INET = '{sa_family=AF_INET, sin_port=htons(%d), sin_addr=inet_addr("%s")}'
INET6 = (
    "{sa_family=AF_INET6, sin6_port=htons(%d), sin6_flowinfo=htonl(0), "
    'inet_pton(AF_INET6, "%s", &sin6_addr), sin6_scope_id=0}'
)

LEAVING = [
    (f"7  connect(5, {INET % (443, '203.0.113.7')}, 16) = 0", "connect to 203.0.113.7 port 443"),
    (f"7  connect(5, {INET % (443, '203.0.113.7')}, 16 <unfinished ...>", "connect to 203.0.113.7 port 443"),
    (f"connect(5, {INET % (443, '203.0.113.7')}, 16) = -1 ENETUNREACH (Network…)", "connect to 203.0.113.7 port 443"),
    (f"7  connect(5, {INET6 % (443, '2001:db8::7')}, 28) = 0", "connect to 2001:db8::7 port 443"),
    (f"7  connect(5, {INET6 % (443, '::ffff:203.0.113.7')}, 28) = 0", "connect to ::ffff:203.0.113.7 port 443"),
    (f"7  connect(5, {INET % (53, '127.0.0.1')}, 16) = 0", "connect to 127.0.0.1 port 53"),
    (f'7  sendto(5, "x", 1, 0, {INET6 % (53, "::1")}, 28) = 1', "sendto to ::1 port 53"),
    (f'7  sendto(5, "hello", 5, 0, {INET % (4000, "203.0.113.7")}, 16) = 5', "sendto to 203.0.113.7 port 4000"),
    (f"7  sendmsg(5, {{msg_name={INET % (9, '198.51.100.1')}}}, 0) = 5", "sendmsg to 198.51.100.1 port 9"),
    ('7  connect(5, {sa_family=AF_UNIX, sun_path="/run/docker.sock"}, 110) = 0', "connect to /run/docker.sock"),
    ('7  connect(5, {sa_family=AF_UNIX, sun_path="/own/../run/x.sock"}, 110) = 0', "connect to /own/../run/x.sock"),
    ("7  io_uring_setup(256, {flags=0}) = 3", "io_uring_setup to a ring that strace cannot see into"),
    ("7  <... io_uring_setup resumed>, {flags=0}) = 3", "io_uring_setup to a ring that strace cannot see into"),
    ("7  socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) = 3", "socket to AF_PACKET"),
    ("7  socket(AF_VSOCK, SOCK_STREAM, 0) = 3", "socket to AF_VSOCK"),
]  # fmt: skip

STAYING = [
    f"7  connect(5, {INET % (8080, '127.0.0.1')}, 16) = 0",
    f"7  connect(5, {INET % (8080, '127.9.9.9')}, 16) = 0",
    f"7  connect(5, {INET6 % (8080, '::1')}, 28) = 0",
    f"7  connect(5, {INET6 % (8080, '::ffff:127.0.0.1')}, 28) = 0",
    '7  connect(5, {sa_family=AF_UNIX, sun_path="/own/run/opa.sock"}, 110) = 0',
    '7  connect(5, {sa_family=AF_UNIX, sun_path="run/opa.sock"}, 110) = 0',
    '7  connect(5, {sa_family=AF_UNIX, sun_path=@"abstract"}, 110) = 0',
    '7  connect(5, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such file or directory)',
    "7  sendto(5, {nlmsg_len=20}, 20, 0, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 20",
    '7  sendto(5, "HTTP/1.1 200 OK", 15, 0, NULL, 0) = 15',
    "7  socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
    "7  socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3",
    "7  <... connect resumed>) = 0",
    "7  io_uring_setup(256, {flags=0, sq_thread_idle=0}) = -1 ENOSYS (Function not implemented) (INJECTED)",
    "7  io_uring_setup(256,  <unfinished ...>",
    "7  <... io_uring_setup resumed>{flags=0}) = -1 ENOSYS (Function not implemented) (INJECTED)",
    "7  +++ exited with 0 +++",
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), LEAVING)
def test_the_trace_names_every_attempt_to_leave(line, expected):
    assert [str(sighting) for sighting in trace.read([line], ["/own"])] == [f"trace: {expected}"]


@pytest.mark.parametrize("line", STAYING)
def test_the_trace_lets_pass_what_stays_on_the_machine(line):
    assert trace.read([line], ["/own"]) == []


def test_the_trace_reads_several_destinations_of_one_call():
    messages = ", ".join(f"{{msg_hdr={{msg_name={INET % (53, to)}}}}}" for to in ("192.0.2.1", "192.0.2.9"))
    line = f"7  sendmmsg(5, [{messages}], 2, 0) = 2"

    assert [sighting.to for sighting in trace.read([line], [])] == ["192.0.2.1", "192.0.2.9"]


def ethernet(kind: int, packet: bytes) -> bytes:
    return bytes(12) + struct.pack("!H", kind) + packet


def ipv4(protocol: int, to: str, payload: bytes) -> bytes:
    return ethernet(0x0800, struct.pack("!BxHIBBH4x", 0x45, 20, 0, 64, protocol, 0) + ip_address(to).packed + payload)


def ipv6(following: int, to: str, payload: bytes) -> bytes:
    return ethernet(
        0x86DD, struct.pack("!IHBB16x", 6 << 28, len(payload), following, 64) + ip_address(to).packed + payload
    )


PORTS = struct.pack("!HH", 40000, 443)
HOP_BY_HOP = bytes([58, 0, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (ipv4(6, "203.0.113.7", PORTS), Sighting("sink", "tcp", "203.0.113.7", 443)),
        (ipv4(17, "203.0.113.7", PORTS), Sighting("sink", "udp", "203.0.113.7", 443)),
        (ipv4(1, "203.0.113.7", bytes([8, 0, 0, 0])), Sighting("sink", "icmp", "203.0.113.7")),
        (ipv4(132, "203.0.113.7", PORTS), Sighting("sink", "protocol 132", "203.0.113.7")),
        (ipv6(17, "2001:db8::7", PORTS), Sighting("sink", "udp", "2001:db8::7", 443)),
        (ipv6(58, "2001:db8::7", bytes([128, 0])), Sighting("sink", "icmpv6", "2001:db8::7")),
        (ipv6(58, "ff02::2", bytes([133, 0])), None),
        (ipv6(0, "ff02::16", HOP_BY_HOP + bytes([143, 0])), None),
        (ethernet(0x0806, bytes(28)), None),
        (b"short", None),
    ],
)
def test_the_sink_tells_packets_from_what_keeps_a_link_up(frame, expected):
    assert read_frame(frame) == expected


def question(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 77, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


@pytest.mark.parametrize(
    ("kind", "name", "count", "tail"),
    [
        (1, "A", 1, bytes([203, 0, 113, 53])),
        (28, "AAAA", 1, ip_address("2001:db8::53").packed),
        (16, "type 16", 0, b""),
    ],
)
def test_the_resolver_reads_a_question_and_answers_it(kind, name, count, tail):
    asked = question("telemetry.example.invalid", kind)

    reply = answer(asked)

    assert read_question(asked)[:2] == ("telemetry.example.invalid", name)
    assert (reply[:2], struct.unpack_from("!H", reply, 6)[0]) == (asked[:2], count)
    assert reply.endswith(tail)


@pytest.mark.parametrize("message", [b"", b"short", question("a.example.invalid", 1)[:-3]])
def test_the_resolver_refuses_what_is_no_question(message):
    with pytest.raises(ValueError, match="not a DNS query"):
        read_question(message)


def test_a_page_tells_what_it_would_fetch_from_elsewhere():
    page = """<link rel="icon" href="/static/icon.png"><script src="//cdn.example.invalid/a.js"></script>
        <img src="data:image/png;base64,AA=="><a href="https://docs.example.invalid/">a link is not fetched</a>
        <style>@import "https://fonts.example.invalid/f.css"; body { background: url(bg.png) }</style>"""

    own, foreign = references("text/html; charset=utf-8", page)

    assert own == ["/static/icon.png", "bg.png"]
    assert foreign == ["//cdn.example.invalid/a.js", "https://fonts.example.invalid/f.css"]


def test_a_page_of_data_makes_a_browser_fetch_nothing():
    assert references("application/json", '{"src": "https://cdn.example.invalid/a.js"}') == ([], [])
