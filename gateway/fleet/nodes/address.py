"""Where a node listens: ``host:port``, with an address or name that others can call it by."""

from __future__ import annotations

import re
from ipaddress import ip_address

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MOST_NAME = 253


def split(address: str) -> tuple[str, int] | None:
    """Return host, without brackets, and port of ``host:port``; ``None`` when it is none."""
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        return None
    if host.startswith("[") and host.endswith("]"):
        return (host[1:-1], int(port)) if ":" in host else None
    return (host, int(port)) if host and ":" not in host else None


def host_of(address: str) -> str:
    """Return the host of an address that can be called; "" when it cannot: no host:port, or every address at once."""
    parts = split(address)
    if parts is None:
        return ""
    try:
        ip = ip_address(parts[0])
    except ValueError:
        whole = _NAME.fullmatch(parts[0]) and len(parts[0]) <= _MOST_NAME and not parts[0].replace(".", "").isdigit()
        return parts[0].lower() if whole else ""
    return "" if ip.is_unspecified or ip.is_multicast else str(ip)
