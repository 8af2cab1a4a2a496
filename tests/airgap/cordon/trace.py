"""What strace saw, read by rule: which calls went, or tried to go, beyond loopback.

Only outgoing calls are traced (:data:`CALLS`), so every address in a line is a destination. Counted as an attempt to
leave, whether or not the call succeeded:

1. an internet address that is not loopback, whatever the port;
2. port 53 on any address: glibc asks 127.0.0.1 by itself when no resolver is configured;
3. a Unix socket outside the folders that belong to the server: path names cross network namespaces;
4. a socket of a family that is neither internet, Unix nor netlink (raw packets, vsock);
5. a ring that was set up (io_uring): what goes through it is not seen here. Behind the cordon a ring is refused with
   ENOSYS (:data:`REFUSED`), as on kernels without it; libuv, which sends its epoll_ctl calls through one, then makes
   the plain calls. So nothing can go through a ring, and a ring that stands means that the cordon does not.

Example::

    >>> line = '7 connect(5, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.7")}, 16) = 0'
    >>> str(read_line(line, ())[0])
    'trace: connect to 203.0.113.7 port 443'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from pathlib import PurePosixPath

from cordon.sighting import Sighting

CALLS = ("socket", "connect", "sendto", "sendmsg", "sendmmsg", "io_uring_setup")
REFUSED = "io_uring_setup:error=ENOSYS"
"""strace's option `inject`, so that no process gets a ring."""

NSCD = "/var/run/nscd/socket"
"""glibc tries the name-service cache by itself before any look-up of a user or a host; nothing listens there."""

_CALL = re.compile(r"^(?:\[pid +)?(?:\d+\]? +)?(\w+)\(")
_RING_STANDS = re.compile(r"\bio_uring_setup(?:\(| resumed>).*\) += \d+$")
_INET = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_INET6 = re.compile(r'sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"')
_UNIX = re.compile(r'sun_path=(@?)"([^"]*)"')
_OPENED = re.compile(r"\((?:0x[0-9a-f]+ /\* )?(AF_\w+)")
_KNOWN_FAMILIES = {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_UNSPEC"}


def read(lines: Iterable[str], own_folders: Sequence[str]) -> list[Sighting]:
    """Return every attempt to leave, in order, each kind of destination once."""
    found = dict.fromkeys(sighting for line in lines for sighting in read_line(line, own_folders))
    return list(found)


def read_line(line: str, own_folders: Sequence[str]) -> list[Sighting]:
    """Return the attempts of one line of strace's output."""
    if _RING_STANDS.search(line):
        return [Sighting("trace", "io_uring_setup", "a ring that strace cannot see into")]
    match = _CALL.match(line)
    if match is None or match[1] not in CALLS:
        return []
    call = match[1]
    if call == "socket":
        opened = _OPENED.search(line)
        family = opened[1] if opened else "an unknown family"
        return [] if family in _KNOWN_FAMILIES else [Sighting("trace", call, family)]
    return [*_internet(call, line), *_unix(call, line, own_folders)]


def _internet(call: str, line: str) -> list[Sighting]:
    places = [(address, int(port)) for port, address in _INET.findall(line) + _INET6.findall(line)]
    return [
        Sighting("trace", call, address, port) for address, port in places if port == 53 or not is_loopback(address)
    ]


def is_loopback(address: str) -> bool:
    """Whether an address stays on this machine; an IPv4 address inside an IPv6 one counts as itself."""
    parsed = ip_address(address)
    inner = getattr(parsed, "ipv4_mapped", None)
    return bool((inner or parsed).is_loopback)


def _unix(call: str, line: str, own_folders: Sequence[str]) -> list[Sighting]:
    # An abstract name (@) is bound to the network namespace: it cannot lead out of it.
    paths = [path for abstract, path in _UNIX.findall(line) if not abstract and path != NSCD]
    return [Sighting("trace", call, path) for path in paths if not _is_within(path, own_folders)]


def _is_within(path: str, folders: Sequence[str]) -> bool:
    pure = PurePosixPath(path)
    if ".." in pure.parts:
        return False
    return not pure.is_absolute() or any(pure.is_relative_to(folder) for folder in folders)
