"""The site's own authority for joined nodes: who a node is, and who the gateway is, is said by it alone.

X.509 (RFC 5280), EC P-256 keys, ECDSA with SHA-256: what every TLS 1.3 stack takes. It vouches for two roles and
nothing else, and the role is a URI in the certificate's subject alternative name, beside the host::

    sekisho://gateway/SITE     the gateway of a site
    sekisho://node/NAME        one joined node

Guarantees: the authority's key never leaves this machine, and lies among its other secrets, sealed where they are; a
node's key never reaches it (what comes is a request, RFC 2986, that the node's key has signed); a certificate says of a
node what the gateway's roster says, and nothing that the node wrote into its request. Files, in ``<data>/nodes``, mode
0600: ``authority.pem``, and ``gateway.pem`` (the gateway's own key and certificate in one file, so that they cannot
part; good for 90 days). An earlier release kept the authority's key there as well, in ``authority-key.pem``: it is read
from there until :func:`take_in` has moved it. ::

    authority = open_authority(settings.data / "nodes", site="ingolstadt", cabinet=keyring.vault)
    pem = authority.sign_node(request, "gpu1", "10.0.0.7", now)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.errors import SetupError
from gateway.fleet.nodes.papers import read_private, remove_private, write_private

SECRET = "node-authority"  # noqa: S105  its name among the secrets
AUTHORITY, AUTHORITY_KEY, GATEWAY = "authority.pem", "authority-key.pem", "gateway.pem"
DAYS = 90
"""How long a certificate of a node, or of the gateway, is good for."""

AUTHORITY_DAYS = 3653  # ten years
BACKDATED = timedelta(hours=1)  # a certificate counts from before it was made: clocks differ
_RENEWED_AFTER = 2 / 3
_RESTORE = "Restore keys/ and <data>/nodes from one backup; without them every node has to join again."
_SERVES_AND_ASKS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


class Cabinet(Protocol):
    """Where secrets lie: :class:`gateway.keys.vault.Vault`. All raise SetupError."""

    def has(self, name: str, /) -> bool: ...

    def read(self, name: str, /) -> bytes: ...

    def write_once(self, name: str, secret: bytes, /) -> None:
        """Write a secret, durably, unless one of that name is there."""


class RequestRefused(ValueError):
    """A request for a certificate that is none, or for a key that is not taken. ``str()`` is safe to show."""


def node_role(name: str) -> str:
    return f"sekisho://node/{name}"


def gateway_role(site: str) -> str:
    return f"sekisho://gateway/{site}"


def fingerprint(certificate: x509.Certificate) -> str:
    """Return SHA-256 over the certificate's DER, in hex: how a roster knows it."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def role_of(certificate: x509.Certificate) -> str:
    """Return the one role URI of a certificate; "" where it has none, or several."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    roles = [uri for uri in names.get_values_for_type(x509.UniformResourceIdentifier) if uri.startswith("sekisho://")]
    return roles[0] if len(roles) == 1 else ""


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether two thirds of a certificate's time are over, so that it is to be renewed."""
    begun, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= begun + (ends - begun) * _RENEWED_AFTER


class Authority:
    """Issues certificates. One instance for each process that holds the data folder's lock.

    Args:
        folder: where its files lie.
        site: the gateway's site, part of its role.
    """

    def __init__(self, folder: Path, site: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.folder, self._site, self._key = folder, site, key
        self.certificate = certificate

    @property
    def fingerprint(self) -> str:
        """What a token pins: SHA-256 over the authority's certificate, in hex."""
        return fingerprint(self.certificate)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def role(self) -> str:
        """The gateway's role, which nodes ask of whoever calls them."""
        return gateway_role(self._site)

    def sign_node(self, request: bytes, name: str, host: str, now: datetime) -> x509.Certificate:
        """Return a certificate for a node.

        Args:
            request: PKCS #10, PEM. Only its key counts; whatever it says of names or uses is not looked at.
            name: as the roster has it.
            host: where the node listens: a name or an IP address.

        Raises:
            RequestRefused: it is no request, its signature is wrong, or its key is not EC P-256.
        """
        return self._sign(_key_of(request), node_role(name), (host,), now)

    def gateway_papers(self, hosts: Sequence[str], now: datetime) -> Path:
        """Return the file of the gateway's own key and certificate; made anew where it is missing, due, or of others.

        Args:
            hosts: names and addresses that nodes call it by; may be empty.

        Raises:
            SetupError: it cannot be read or written.
        """
        path = self.folder / GATEWAY
        if not self._still_good(path, hosts, now):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self._sign(key.public_key(), self.role, hosts, now)
            write_private(path, private_pem(key) + certificate.public_bytes(Encoding.PEM))
        return path

    def _still_good(self, path: Path, hosts: Sequence[str], now: datetime) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(read_private(path))
            certificate.verify_directly_issued_by(self.certificate)
        except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
            return False
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        fresh = certificate.not_valid_before_utc <= now and not is_due(certificate, now)
        return fresh and list(names) == list(_names(self.role, hosts))

    def _sign(self, key: ec.EllipticCurvePublicKey, role: str, hosts: Sequence[str], now: datetime) -> x509.Certificate:
        ends = min(now + timedelta(days=DAYS), self.certificate.not_valid_after_utc)
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = _builder(key, role.removeprefix("sekisho://"), now, ends)
        return (
            builder.issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(_SERVES_AND_ASKS, critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(role, hosts)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
            .sign(self._key, SHA256())
        )


def open_authority(folder: Path, site: str, cabinet: Cabinet) -> Authority | None:
    """Return the authority of a data folder; ``None`` where none was made yet. Raises SetupError: it is damaged."""
    certificate = authority_certificate(folder)
    if certificate is None:
        return None
    try:
        secret = cabinet.read(SECRET) if cabinet.has(SECRET) else read_private(folder / AUTHORITY_KEY)
        key = load_pem_private_key(secret, None)
    except FileNotFoundError as error:
        raise SetupError(f"The key of the authority in {folder} is missing.", _RESTORE) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SetupError(f"The authority in {folder} is damaged.", _RESTORE) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise SetupError(f"Key and certificate of the authority in {folder} are not a pair.", _RESTORE)
    return Authority(folder, site, key, certificate)


def authority_certificate(folder: Path) -> x509.Certificate | None:
    """Return the authority's certificate; ``None`` where none was made yet. Raises SetupError: it is damaged."""
    try:
        return x509.load_pem_x509_certificate(read_private(folder / AUTHORITY))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise SetupError(f"The authority in {folder} is damaged.", _RESTORE) from error


def take_in(folder: Path, cabinet: Cabinet) -> bool:
    """Move the key that an earlier release left in ``authority-key.pem`` among the secrets; whether there was one.

    The caller holds the data folder's lock. The file goes only once what lies among the secrets reads as it does.

    Raises:
        SetupError: it cannot be read or written, or another key lies there already; the file still stands.
    """
    path = folder / AUTHORITY_KEY
    try:
        secret = read_private(path)
    except FileNotFoundError:
        return False
    cabinet.write_once(SECRET, secret)
    if cabinet.read(SECRET) != secret:
        raise SetupError(f"{path} is another key than the authority's among the secrets.", f"Put {path} away.")
    remove_private(path)
    return True


def make_authority(folder: Path, site: str, now: datetime, cabinet: Cabinet) -> Authority:
    """Return the authority of a data folder, made if there is none. Raises SetupError: it cannot be read or written."""
    found = open_authority(folder, site, cabinet)
    if found is not None:
        return found
    key = _made(cabinet, folder)
    builder = _builder(key.public_key(), f"nodes of {site}", now, now + timedelta(days=AUTHORITY_DAYS))
    certificate = (
        builder.issuer_name(_name(f"nodes of {site}"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, SHA256())
    )
    write_private(folder / AUTHORITY, certificate.public_bytes(Encoding.PEM))
    return Authority(folder, site, key, certificate)


def _made(cabinet: Cabinet, folder: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key for a new authority: before its certificate, since a key that nobody vouches for opens nothing."""
    cabinet.write_once(SECRET, private_pem(ec.generate_private_key(ec.SECP256R1())))
    try:
        key = load_pem_private_key(cabinet.read(SECRET), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SetupError(f"The key of the authority in {folder} is damaged.", _RESTORE) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SetupError(f"The key of the authority in {folder} is of another kind.", _RESTORE)
    return key


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PKCS #8, PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _builder(key: ec.EllipticCurvePublicKey, subject: str, now: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - BACKDATED)
        .not_valid_after(ends.astimezone(UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sekisho")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _names(role: str, hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(role), *map(_host, dict.fromkeys(hosts))]


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_of(request: bytes) -> ec.EllipticCurvePublicKey:
    try:
        asked = x509.load_pem_x509_csr(request)
        key = asked.public_key()
        proved = asked.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RequestRefused("The request for a certificate cannot be read.") from error
    if not proved:
        raise RequestRefused("The request for a certificate is not signed by the key that it is for.")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestRefused("The request is for a key that is not EC P-256.")
    return key
