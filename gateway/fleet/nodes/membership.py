"""What a node knows of itself and its gateway: ``<data>/node``, mode 0700.

| file | content |
| --- | --- |
| ``key.pem`` | its private key, EC P-256; made here, never sent anywhere |
| ``cert.pem`` | its certificate; another one follows before two thirds of its time are over |
| ``authority.pem`` | the authority that the token pinned |
| ``node.json`` | the rest, as :class:`Membership`; written last: without it the machine has not joined |
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from gateway.errors import SetupError
from gateway.fleet.nodes.authority import private_pem
from gateway.fleet.nodes.contexts import AUTHORITY, CERTIFICATE, KEY
from gateway.fleet.nodes.papers import read_private, write_private
from gateway.fleet.nodes.tokens import Instant, Name

FILE = "node.json"
FOLDER = "node"
"""The node's folder in a data folder."""

AGAIN = "Let it join again: sekisho node token, there; sekisho node join URL --token …, here."


class Membership(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``node.json``."""

    name: Name
    site: Name  # where its operator says that it stands
    gateway: str  # the role that whoever calls must have: sekisho://gateway/SITE
    url: str  # of the gateway's listener for nodes
    listen: str  # host:port to listen on
    address: str  # host:port where the gateway calls it
    since: Instant
    unshown: bool = False  # the newest certificate was not shown to the gateway yet
    version: Literal["sekisho.node/1"] = "sekisho.node/1"


def has_joined(folder: Path) -> bool:
    return (folder / FILE).exists()


def read(folder: Path) -> Membership:
    """Return what a node knows. Raises SetupError: it has not joined, or the file is damaged."""
    try:
        return msgspec.json.decode(read_private(folder / FILE), type=Membership)
    except FileNotFoundError as error:
        mend = "Run: sekisho node join URL --token …; the token is made on the gateway: sekisho node token"
        raise SetupError("This machine has joined no gateway.", mend, exit_code=2) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{folder / FILE} is damaged.", AGAIN) from error


def write(folder: Path, known: Membership) -> None:
    """Replace ``node.json``, durably. Raises SetupError."""
    write_private(folder / FILE, msgspec.json.format(msgspec.json.encode(known), indent=1) + b"\n")


def certificate_of(folder: Path) -> x509.Certificate:
    """Return the node's certificate. Raises SetupError."""
    try:
        return x509.load_pem_x509_certificate(read_private(folder / CERTIFICATE))
    except (FileNotFoundError, ValueError) as error:
        raise SetupError(f"{folder / CERTIFICATE} is missing or damaged.", AGAIN) from error


def authority_of(folder: Path) -> x509.Certificate:
    """Return the certificate of the authority that its token pinned. Raises SetupError."""
    try:
        return x509.load_pem_x509_certificate(read_private(folder / AUTHORITY))
    except (FileNotFoundError, ValueError) as error:
        raise SetupError(f"{folder / AUTHORITY} is missing or damaged.", AGAIN) from error


def key_of(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Return the node's private key. Raises SetupError."""
    try:
        key = load_pem_private_key(read_private(folder / KEY), None)
    except (FileNotFoundError, ValueError, TypeError) as error:
        raise SetupError(f"{folder / KEY} is missing or damaged.", AGAIN) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SetupError(f"{folder / KEY} is another kind of key.", AGAIN)
    return key


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh key for a node."""
    return ec.generate_private_key(ec.SECP256R1())


def settle(folder: Path, known: Membership, key: ec.EllipticCurvePrivateKey, certificate: str, authority: str) -> None:
    """Write all that a node is, in place of an earlier joining. Whoever dies amid it has not joined.

    Args:
        certificate, authority: PEM.

    Raises:
        SetupError: something could not be written.
    """
    try:
        (folder / FILE).unlink(missing_ok=True)
    except OSError as error:
        raise SetupError(f"{folder / FILE} cannot be replaced.", "Check the owner of the data folder.") from error
    write_private(folder / KEY, private_pem(key))
    write_private(folder / AUTHORITY, authority.encode())
    write_private(folder / CERTIFICATE, certificate.encode())
    write(folder, known)


def request_for(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a request for a certificate, PEM. It proves that the key is there, and says nothing else."""
    return x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, SHA256()).public_bytes(Encoding.PEM).decode()
