"""Who may speak to whom: the TLS of gateway and nodes, 1.3 alone, with no authority but the site's own.

| who calls | whom | what is asked of the other side |
| --- | --- | --- |
| gateway | a node | exactly a certificate that the roster has of this node; its host; its dates |
| anybody | a node | a certificate by the authority; then :func:`is_gateway`, before anything of a request counts |
| a node | the gateway | a certificate by the pinned authority; then :func:`is_gateway`, before a byte is sent |
| anybody | the gateway | a certificate by the authority, or none; then the roster's fingerprint, for all but joining |

A pinned certificate is its own anchor (OpenSSL's partial chain), so that one that was taken from the roster is refused
by TLS itself, whoever signed it. There are no session tickets: each connection is judged anew.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.errors import SetupError

KEY, CERTIFICATE, AUTHORITY = "key.pem", "cert.pem", "authority.pem"
"""Names of the files in a node's folder."""


def client_context(own: Path, pinned: Sequence[str]) -> ssl.SSLContext:
    """Return what the gateway calls one node with.

    Args:
        own: the gateway's key and certificate, one PEM file.
        pinned: certificates of that node, PEM; at least one.

    Raises:
        SetupError: the file cannot be used, or no certificate is given.
    """
    context = _bare(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not pinned:
        raise SetupError("No certificate of this node counts.", "Let it join again: sekisho node token")
    _load(context, own)
    context.load_verify_locations(cadata="\n".join(pinned))
    return context


def server_context(folder: Path) -> ssl.SSLContext:
    """Return what a node's service answers with. Who calls MUST then be asked for by :func:`is_gateway`.

    Args:
        folder: the node's: ``key.pem``, ``cert.pem``, ``authority.pem``.

    Raises:
        SetupError: a file is missing or cannot be used.
    """
    context = _bare(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    reload(context, folder)
    _trust(context, folder / AUTHORITY)
    return context


def reload(context: ssl.SSLContext, folder: Path) -> None:
    """Let new connections of a node's context use the certificate that lies there now. Raises SetupError."""
    _load(context, folder / CERTIFICATE, folder / KEY)


def gateway_context(own: Path, authority: Path) -> ssl.SSLContext:
    """Return what the gateway answers nodes with: who joins has no certificate yet. Raises SetupError."""
    context = _bare(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    _load(context, own)
    _trust(context, authority)
    return context


def load_own(context: ssl.SSLContext, own: Path) -> None:
    """Let new connections of a gateway's context use the certificate that lies there now. Raises SetupError."""
    _load(context, own)


def joining_context(authority: str | None) -> ssl.SSLContext:
    """Return what a node without a certificate calls the gateway with.

    Args:
        authority: the one that the token pins, PEM. ``None``: no other side is known yet; for fetching the authority
            alone, with which nothing secret is sent, and whose answer counts only when it has the pinned hash.
    """
    context = _bare(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the role says who it is: a plant calls its gateway by many names
    if authority is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=authority)
    return context


def node_context(folder: Path) -> ssl.SSLContext:
    """Return what a joined node calls its gateway with, to renew. Raises SetupError."""
    context = _bare(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # as above
    reload(context, folder)
    _trust(context, folder / AUTHORITY)
    return context


def fingerprint(pem: str) -> str:
    """Return SHA-256 over the DER of a certificate, in hex: how a roster knows it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def is_gateway(peer: ssl.SSLObject | ssl.SSLSocket | None, role: str) -> bool:
    """Whether the other side of a finished handshake showed a certificate with that role of a gateway, and no other.

    Args:
        peer: ``transport.get_extra_info("ssl_object")``, or the socket; ``None`` is nobody.
        role: ``sekisho://gateway/SITE``, from the node's ``node.json``.
    """
    shown: Any = peer.getpeercert() if peer is not None else None
    names = [value for kind, value in shown.get("subjectAltName", ()) if kind == "URI"] if shown else []
    return [name for name in names if name.startswith("sekisho://")] == [role]


def _bare(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # set by Python before 3.11.4
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path | None = None) -> None:
    try:
        context.load_cert_chain(str(certificate), str(key) if key else None, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        named = " or ".join(str(file) for file in (certificate, key) if file)
        raise SetupError(f"{named} cannot be used for TLS.", "Let the node join again: sekisho node token") from error


def _trust(context: ssl.SSLContext, authority: Path) -> None:
    try:
        context.load_verify_locations(cafile=str(authority))
    except OSError as error:
        raise SetupError(f"{authority} cannot be used for TLS.", "Restore it from a backup.") from error


def _no_password() -> str:
    raise ValueError("a key with a password")
