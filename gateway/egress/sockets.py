"""The sockets of a few processes, as the kernel tells of them below ``/proc`` (proc_net(5), Linux).

A process's descriptors name its sockets by inode; the tables of its network namespace say of each inode what it is
bound to and connected to. A socket that is neither stands in no table: it can reach nobody yet.

Example::

    for each in sockets_of(family(server_pid)):
        print(each.program, each.protocol, each.local, each.peer)
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_TABLES = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6")
_LISTENS, _TIME_WAIT = 0x0A, 0x06  # states of TCP (include/net/tcp_states.h)
_INODE = re.compile(r"socket:\[([0-9]+)\]")
Address = tuple[str, int]


class Unreadable(Exception):
    """The kernel does not let us look at a process: it is another user's."""


class Socket(NamedTuple):
    """One socket. ``peer`` is None where it is connected to nobody."""

    pid: int
    program: str
    protocol: str  # tcp, udp, udplite, raw, icmp, packet
    local: Address
    peer: Address | None
    listens: bool


class _Entry(NamedTuple):
    protocol: str
    local: Address
    peer: Address | None
    listens: bool


def family(pid: int, proc: Path = PROC) -> list[int]:
    """Return a process and all that descend from it; those that end meanwhile are left out."""
    children: dict[int, list[int]] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def sockets_of(pids: Collection[int], proc: Path = PROC) -> Iterator[Socket]:
    """Yield every IP and packet socket of these processes, each with whom it talks to.

    Raises:
        Unreadable: one of them is another user's.
    """
    tables: dict[str, dict[int, _Entry]] = {}
    for pid in pids:
        try:
            inodes = [*_inodes(proc / str(pid) / "fd")]
            space = os.readlink(proc / str(pid) / "ns" / "net")
            if space not in tables:
                tables[space] = _table(proc / str(pid) / "net")
            program = (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except PermissionError as problem:
            raise Unreadable(f"process {pid}") from problem
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended
        for inode in dict.fromkeys(inodes):
            if inode in tables[space]:
                yield Socket(pid, program, *tables[space][inode])


def _inodes(folder: Path) -> Iterator[int]:
    for descriptor in list(folder.iterdir()):
        try:
            found = _INODE.fullmatch(os.readlink(descriptor))
        except FileNotFoundError:
            continue
        if found:
            yield int(found[1])


def _table(folder: Path) -> dict[int, _Entry]:
    """Return the sockets of one network namespace by inode."""
    found: dict[int, _Entry] = {}
    for name in _TABLES:
        try:
            lines = (folder / name).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue  # a protocol that this kernel has not
        for line in lines:
            columns = line.split()
            state, inode = int(columns[3], 16), int(columns[9])
            if inode and state != _TIME_WAIT:
                local, peer = _address(columns[1]), _address(columns[2])
                protocol = name.removesuffix("6")
                listens = protocol == "tcp" and state == _LISTENS
                connected = not _is_any(peer[0]) or peer[1] != 0
                found[inode] = _Entry(protocol, local, peer if connected else None, listens)
    for line in _lines(folder / "packet"):
        columns = line.split()
        found[int(columns[8])] = _Entry("packet", ("", 0), None, False)
    return found


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:
        return []


def _address(told: str) -> Address:
    """Read ``0100007F:1F90``: words of four bytes in the machine's order, then the port."""
    digits, _, port = told.partition(":")
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    kind = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    text = socket.inet_ntop(kind, raw)
    return (text.removeprefix("::ffff:") if "." in text else text), int(port, 16)


def _is_any(host: str) -> bool:
    return host in ("0.0.0.0", "::")  # noqa: S104  compared, not bound
