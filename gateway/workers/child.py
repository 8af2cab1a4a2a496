"""One process of several: told by its supervisor, through a descriptor, what it is. Not to be started by hand.

It ends with its supervisor, however that ends: in order, since requests may be in flight.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import msgspec

from gateway.engines.kernel import PR_SET_PDEATHSIG, prctl
from gateway.errors import SetupError
from gateway.house.crew import Part
from gateway.settings import Settings


class Orders(msgspec.Struct, frozen=True):
    """What a process is told. ``supervisor`` is the process that it ends with."""

    settings: Settings
    part: Part
    supervisor: int


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end; returns the exit code."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    with os.fdopen(int(arguments[0]), "rb") as orders_file:
        orders = msgspec.json.decode(orders_file.read(), type=Orders)
    if os.getppid() != orders.supervisor:  # it ended before the line above it
        return 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them; the supervisor says when to end
    from gateway.app import serve  # noqa: PLC0415  from here on it ends with its supervisor

    def ready(base_url: str) -> None:
        os.write(orders.part.ready, b"ready")
        os.close(orders.part.ready)

    try:
        return serve(orders.settings, on_ready=ready, part=orders.part)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
