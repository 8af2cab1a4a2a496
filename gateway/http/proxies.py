"""Whose address a request comes from, and whose certificate, where proxies stand between.

Only a peer in ``server.trusted_proxies`` is believed about whom it speaks for, and only in the one header that
``server.proxy_header`` names: ``x-forwarded-for``, or ``forwarded`` (RFC 7239). It is read from its right end, where
the nearest proxy wrote, as long as what stands there is a trusted proxy too; the first that is none is who comes. What
cannot be read as an address ends that: then the nearest hop that could be is who comes. From anybody else no such
header is read.

A trusted proxy that ends TLS tells a client certificate's subject in ``server.proxy_subject_header``, once; its own
certificate never speaks for those behind it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from gateway.http.arrival import SUBJECT, Scope, client_address
from gateway.http.peer import certificate_of
from gateway.identity.certificate import CertificateSubject, subject_of
from gateway.settings import ServerSettings

_FOR = re.compile(r'(?i)(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^;,\s]+)')
_PORT = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+)(:[0-9]{1,5})?$")
MOST_HOPS = 32


class Proxies:
    """What the settings say of who stands between."""

    def __init__(self, settings: ServerSettings) -> None:
        self._trusted = [ipaddress.ip_network(each) for each in settings.trusted_proxies]
        self._header = settings.proxy_header.encode()
        self._subject = settings.proxy_subject_header.lower().encode()

    def seen(self, scope: Scope) -> Scope:
        """Return the request with the address and the certificate's subject of who really comes."""
        peer = client_address(scope)
        if not self._trusted or not self._trusts(peer):
            pem = certificate_of(scope)
            return {**scope, SUBJECT: subject_of(pem)} if pem else scope
        changed = {**scope, "client": (self._behind(peer, self._values(scope, self._header)), 0)}
        told = self._values(scope, self._subject) if self._subject else []
        if len(told) == 1 and told[0]:
            changed[SUBJECT] = CertificateSubject(told[0])
        return changed

    def _behind(self, peer: str, values: Sequence[str]) -> str:
        hops = hops_of(values) if self._header == b"x-forwarded-for" else forwarded_of(values)
        for hop in reversed(hops[-MOST_HOPS:]):
            address = _address(hop)
            if address is None:
                return peer
            peer = address
            if not self._trusts(peer):
                return peer
        return peer

    def _trusts(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None) or found
        return any(mapped in network for network in self._trusted)

    @staticmethod
    def _values(scope: Scope, name: bytes) -> list[str]:
        return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def hops_of(values: Sequence[str]) -> list[str]:
    """Return the hops that ``x-forwarded-for`` names, the nearest last. Several fields are one list (RFC 9110, 5.3)."""
    return [hop.strip() for value in values for hop in value.split(",")]


def forwarded_of(values: Sequence[str]) -> list[str]:
    """Return the hops that ``forwarded`` names, the nearest last; one without ``for`` is empty (RFC 7239, 4)."""
    found = []
    for element in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', ",".join(values)):
        said = _FOR.search(element)
        found.append(said[1].strip('"') if said else "")
    return found


def _address(hop: str) -> str | None:
    """Return a hop's address without its port; ``None`` where it has none, such as ``unknown`` or ``_hidden``."""
    port = _PORT.match(hop)
    text = port[1].strip("[]") if port else hop
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
