"""What a frame on the wire is, read by rule (RFC 791, RFC 8200). Pure."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from cordon.sighting import Sighting

IPV4, IPV6 = 0x0800, 0x86DD
_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_KERNELS_OWN = range(130, 144)
"""ICMPv6 types of neighbour discovery and multicast listening (RFC 4861, RFC 3810): no process sends them."""


def read_frame(frame: bytes) -> Sighting | None:
    """Return where an Ethernet frame goes; None for ARP and for what the kernel says by itself to keep a link up."""
    if len(frame) < 14:
        return None
    (kind,) = struct.unpack_from("!H", frame, 12)
    packet = frame[14:]
    if kind == IPV4 and len(packet) >= 20:
        return _sighting(packet[9], packet[16:20], packet[(packet[0] & 15) * 4 :])
    if kind == IPV6 and len(packet) >= 40:
        return _ipv6(packet)
    return None


def _ipv6(packet: bytes) -> Sighting | None:
    following, rest = packet[6], packet[40:]
    if following == 0 and len(rest) >= 8:  # hop-by-hop options, RFC 8200 section 4.3
        following, rest = rest[0], rest[8 * (rest[1] + 1) :]
    if following == 58 and rest and rest[0] in _KERNELS_OWN:
        return None
    return _sighting(following, packet[24:40], rest)


def _sighting(protocol: int, destination: bytes, payload: bytes) -> Sighting:
    port = struct.unpack_from("!H", payload, 2)[0] if protocol in (6, 17) and len(payload) >= 4 else 0
    return Sighting("sink", _PROTOCOLS.get(protocol, f"protocol {protocol}"), str(ip_address(destination)), port)
