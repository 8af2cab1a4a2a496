"""Which sockets an installation may have: loopback, callers at the addresses where it listens, peers of its settings.

Everything else is a finding, also where nothing was sent: a UDP socket without a peer can send to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.egress.sockets import Address, Socket

HOSTS = Path("/etc/hosts")
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
_ADDRESSES = ("url", "address", "listen", "to")  # what settings that name a place end with


@dataclass(frozen=True)
class Allowed:
    """What the settings name. ``unknown`` are peers whose names are not in ``/etc/hosts``; nobody is asked for them."""

    listens: frozenset[int] = frozenset()  # ports
    peers: frozenset[Address] = frozenset()
    unknown: frozenset[Address] = frozenset()

    def finding(self, seen: Socket) -> str:
        """Return what is wrong with a socket; empty: it may be there."""
        if seen.protocol == "packet":
            return "reads or writes whole packets"
        if seen.listens:
            wanted = _is_near(seen.local[0]) or seen.local[1] in self.listens
            return "" if wanted else f"listens on {_shown(seen.local)}, which the settings do not name"
        if seen.peer is None:
            return "" if _is_near(seen.local[0]) else f"may send to anybody ({seen.protocol}, {_shown(seen.local)})"
        called = seen.protocol == "tcp" and seen.local[1] in self.listens
        return "" if called else self._of_peer(seen.protocol, seen.peer)

    def _of_peer(self, protocol: str, peer: Address) -> str:
        if _is_near(peer[0]) or peer in self.peers:
            return ""
        if any(peer[1] == port for _, port in self.unknown):
            return f"talks to {_shown(peer)}; a name of the settings with that port is not in {HOSTS}"
        return f"talks to {_shown(peer)} ({protocol}), which the settings do not name"


@dataclass
class Places:
    """Places that settings name, by the setting: ``redis.url`` -> ``("10.0.0.5", 6379)``."""

    found: dict[str, Address] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Places:
        """Read settings as plain values; only settings that name a place count."""
        return cls(dict(_places(settings, "")))

    def allowed(self, more: Iterable[Address] = (), hosts: Path = HOSTS) -> Allowed:
        """Return what may be there. ``more``: peers that no setting names, such as nodes that joined."""
        listens = frozenset(port for name, (_, port) in self.found.items() if name.endswith("listen"))
        told = {place for name, place in self.found.items() if not name.endswith("listen")} | set(more)
        known = _known(hosts)
        peers, unknown = set(), set()
        for host, port in told:
            if _is_address(host):
                peers.add((str(ip_address(host)), port))
            elif host in known:
                peers |= {(address, port) for address in known[host]}
            else:
                unknown.add((host, port))
        return Allowed(listens, frozenset(peers), frozenset(unknown))


def _places(value: Any, name: str) -> Iterator[tuple[str, Address]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _places(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _places(one, f"{name}[{number}]")
    elif isinstance(value, str) and name.rpartition(".")[2].partition("[")[0].endswith(_ADDRESSES):
        place = read_place(value)
        if place is not None:
            yield name, place


def read_place(value: str) -> Address | None:
    """Return (host, port) of a URL or of ``host:port``; None where it is neither, or a Unix socket.

    >>> read_place("rediss://:secret@10.0.0.5/0")
    ('10.0.0.5', 6379)
    """
    bare = _PLACE.fullmatch(value)
    if bare:
        return bare["host"].strip("[]"), int(bare["port"])
    try:
        parts = urlsplit(value)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None


def _known(file: Path) -> dict[str, set[str]]:
    """Return addresses by name, of the file alone: no resolver is asked."""
    known: dict[str, set[str]] = {"localhost": {"127.0.0.1", "::1"}}
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return known
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if _is_address(address):
            for one in names:
                known.setdefault(one, set()).add(str(ip_address(address)))
    return known


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_near(host: str) -> bool:
    """Whether an address is this machine's loopback."""
    return ip_address(host).is_loopback


def _shown(place: Address) -> str:
    return f"[{place[0]}]:{place[1]}" if ":" in place[0] else f"{place[0]}:{place[1]}"
