"""A look at all processes of a server for some seconds, and a look at one that must be caught: the positive control.

The control is a child of ours with a UDP socket connected to 192.0.2.1 (TEST-NET-1, RFC 5737), or, on a machine without
a route, bound to every address. Neither sends a packet; but an instrument that does not see it would see no other.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from gateway.egress.judge import Allowed
from gateway.egress.sockets import Socket, family, sockets_of

CONTROL = ("192.0.2.1", 9)
_HELD = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.connect({peer})
except OSError:
    s.bind(("0.0.0.0", 0))
print("held", flush=True)
sys.stdin.read()
"""
_EVERY_SECONDS = 0.05
_CONTROL_SECONDS = 30


@dataclass
class Look:
    """What was seen. ``findings``: each once, in the order in which they were seen."""

    processes: set[int] = field(default_factory=set)
    sockets: set[Socket] = field(default_factory=set)
    findings: dict[str, None] = field(default_factory=dict)
    rounds: int = 0
    control_caught: bool = False


def watch(pid: int, allowed: Allowed, seconds: float) -> Look:
    """Look at a process and its children again and again, and at the control.

    Raises:
        Unreadable: they are another user's.
        OSError: the control cannot be started.
    """
    look, end = Look(control_caught=control()), time.monotonic() + seconds
    while True:
        look.rounds += 1
        _once(look, family(pid), allowed)
        if time.monotonic() >= end:
            return look
        time.sleep(_EVERY_SECONDS)


def _once(look: Look, pids: Collection[int], allowed: Allowed) -> None:
    look.processes.update(pids)
    for seen in sockets_of(pids):
        if seen not in look.sockets:
            look.sockets.add(seen)
            wrong = allowed.finding(seen)
            if wrong:
                look.findings[f"{seen.program} {wrong}"] = None


def control(peer: tuple[str, int] = CONTROL) -> bool:
    """Return whether a socket that may not be is caught.

    Raises:
        OSError: no child can be started.
    """
    command = [sys.executable, "-I", "-S", "-c", _HELD.format(peer=peer)]
    child = subprocess.Popen(  # noqa: S603  words of ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        held = child.stdout is not None and child.stdout.readline().strip() == "held"
        return held and any(Allowed().finding(seen) for seen in sockets_of([child.pid]))
    finally:
        child.communicate(timeout=_CONTROL_SECONDS)
