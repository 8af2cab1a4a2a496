"""The resolver's rules (RFC 1035 section 4): read a question, answer it so that whoever asked goes on and is seen.

Every A question is answered with an address of the documentation range, so that the connection that follows a look-up
meets the sink as well.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

_TYPES = {1: "A", 12: "PTR", 28: "AAAA", 65: "HTTPS"}
_ANSWERS = {1: ip_address("203.0.113.53").packed, 28: ip_address("2001:db8::53").packed}


def read_question(message: bytes) -> tuple[str, str, int]:
    """Return (name, type, length of header and question) of a DNS query.

    Raises:
        ValueError: not one.
    """
    labels, at = [], 12
    try:
        while length := message[at]:
            labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
        (kind,) = struct.unpack_from("!H", message, at + 1)
    except (IndexError, struct.error) as error:
        raise ValueError("not a DNS query") from error
    return ".".join(labels), _TYPES.get(kind, f"type {kind}"), at + 5


def answer(message: bytes) -> bytes:
    """Return the answer to a query: one record for A and AAAA, none for other types. Raises ValueError as above."""
    _, _, end = read_question(message)
    (kind,) = struct.unpack_from("!H", message, end - 4)
    data = _ANSWERS.get(kind)
    head = message[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if data else 0, 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data if data else b""
    return head + message[12:end] + record
