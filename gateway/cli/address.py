"""Where to listen, and when that is not safe: beyond loopback only with TLS."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.settings import ServerSettings

USED_WRONGLY = 2


def listen_problem(listen: str) -> str:
    """Return what is wrong with an ``address:port``, or an empty text."""
    host, _, port = listen.rpartition(":")
    good = bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    return "" if good else f"{listen!r} is not address:port."


def is_loopback(listen: str) -> bool:
    """Whether an ``address:port`` is for this machine alone. No name but ``localhost`` can promise that."""
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_open_address(server: ServerSettings) -> None:
    """Return when it is safe to listen there.

    Raises:
        SetupError: not an address, or one that others can reach and no TLS files; exit code 2.
    """
    problem = listen_problem(server.listen)
    if problem:
        raise SetupError(problem, "Set server.listen to something like 127.0.0.1:8080.", exit_code=USED_WRONGLY)
    if is_loopback(server.listen) or (server.tls_certificate and server.tls_key):
        return
    text = f"{server.listen} can be reached from other machines, and there is no TLS."
    mend = "Give a TLS certificate and key (--tls-certificate, --tls-key of sekisho init), or listen on 127.0.0.1."
    raise SetupError(text, mend, exit_code=USED_WRONGLY)
