"""A node's side of enrolment: join with a token, renew before the time is over.

Nothing of the token leaves before the gateway has proved itself: the authority's certificate must have the hash that
the token pins, and the gateway's own certificate must be by that authority and have a gateway's role. The key is made
here and stays here. These functions block; a service calls them in a thread. ::

    join(url, token, folder, listen="0.0.0.0:8443", address="10.0.0.7:8443", version="0.4.0")
    renew_if_due(folder, version="0.4.0")     # True: there is a new certificate
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import SetupError
from gateway.fleet.nodes import contexts, membership
from gateway.fleet.nodes.address import host_of
from gateway.fleet.nodes.asking import ADDRESS, Asking, Greeting, Papers
from gateway.fleet.nodes.authority import gateway_role, is_due, node_role, role_of
from gateway.fleet.nodes.membership import Membership
from gateway.fleet.nodes.papers import write_private
from gateway.fleet.nodes.tokens import Token, parse

ROUTES = "/nodes/v1"
_SECONDS = 30.0
_MOST_BYTES = 64 * 1024
_NEW_TOKEN = "Make another one on the gateway: sekisho node token"  # noqa: S105 - a sentence
_NOT_YET, _OVER = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
Clock = Callable[[], datetime]
T = TypeVar("T")


class _Said(msgspec.Struct):
    """What is read of a refusal."""

    message: str = ""
    code: str = ""


class _Refusal(msgspec.Struct):
    error: _Said


class Refused(SetupError):
    """The gateway said no. ``code`` is its stable code."""

    def __init__(self, message: str, code: str, *, exit_code: int = 3) -> None:
        super().__init__(message, "" if "sekisho " in message else f"More: sekisho doctor {code}", exit_code=exit_code)
        self.code = code


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def join(
    url: str, token: str, folder: Path, *, listen: str, address: str, version: str, clock: Clock = _now
) -> Membership:
    """Let this machine become a node, and write what it then knows into its folder.

    Args:
        url: of the gateway's listener for nodes, ``https://…``.
        token: as it was shown.
        folder: ``<data>/node``.
        listen, address: where it will listen, and where the gateway is to call it.
        version: of Sekisho, here.

    Raises:
        SetupError: the token is none, the gateway is not the one that made it, or it said no. What was joined before
            still is.
    """
    pinned = parse(token.strip())
    if pinned is None:
        raise SetupError("This is no whole token.", "Copy it again, from skn. to its end.", exit_code=2)
    if not host_of(address):
        raise SetupError(*ADDRESS, exit_code=2)
    authority, role = _greet(url, pinned)
    key = membership.new_key()
    asking = Asking(
        request=membership.request_for(key), address=address, version=version, time=clock(), token=pinned.text
    )
    papers = _post(url, "join", contexts.joining_context(authority), role, asking, Papers)
    if papers.name != pinned.name or papers.authority != authority or papers.gateway != role:
        raise SetupError("The gateway's answer does not fit the token.", _NEW_TOKEN)
    _refuse_foreign(papers.certificate, authority, key, papers.name)
    known = Membership(
        name=papers.name, site=papers.site, gateway=role, url=url, listen=listen, address=address, since=clock()
    )
    membership.settle(folder, known, key, papers.certificate, authority)
    return known


def renew_if_due(folder: Path, *, version: str, address: str = "", clock: Clock = _now) -> bool:
    """Get the next certificate where it is time, or where the node's address is another one.

    Args:
        address: where the gateway is to call it from now on; empty: as before.

    Returns:
        Whether there is a new one: new connections are to use it (:func:`gateway.fleet.nodes.contexts.reload`).

    Raises:
        SetupError: this machine has not joined, the gateway cannot be reached, or it said no. What it has still counts.
    """
    known = membership.read(folder)
    where = address or known.address
    if where == known.address and not is_due(membership.certificate_of(folder), clock()):
        if known.unshown:
            _show(folder, known)
        return False
    key = membership.key_of(folder)
    asking = Asking(request=membership.request_for(key), address=where, version=version, time=clock())
    papers = _post(known.url, "renew", contexts.node_context(folder), known.gateway, asking, Papers)
    _refuse_foreign(papers.certificate, (folder / contexts.AUTHORITY).read_text(), key, known.name)
    write_private(folder / contexts.CERTIFICATE, papers.certificate.encode())
    known = msgspec.structs.replace(known, address=where, unshown=True)
    membership.write(folder, known)
    with suppress(SetupError):  # the next call shows it again; until then both count
        _show(folder, known)
    return True


def _show(folder: Path, known: Membership) -> None:
    """Show the gateway the newest certificate, so that the one before counts no more. Raises SetupError."""
    _post(known.url, "confirm", contexts.node_context(folder), known.gateway, {}, dict[str, str])
    membership.write(folder, msgspec.structs.replace(known, unshown=False))


def _greet(url: str, pinned: Token) -> tuple[str, str]:
    """Return the authority (PEM) that the token pins, and the gateway's role. Raises SetupError."""
    greeting = _call(url, "GET", "authority", contexts.joining_context(None), None, None, Greeting)
    try:
        der = ssl.PEM_cert_to_DER_cert(greeting.authority)
    except ValueError as error:
        raise SetupError(f"What answers at {url} is no gateway.", "Check the address.", exit_code=2) from error
    if hashlib.sha256(der).hexdigest() != pinned.authority:
        problem = f"What answers at {url} is not the gateway that made this token: its authority is another one."
        raise SetupError(problem, "Check the address. If it is right, somebody stands between: send nothing.")
    return greeting.authority, gateway_role(greeting.site)


def _refuse_foreign(certificate: str, authority: str, key: ec.EllipticCurvePrivateKey, name: str) -> None:
    """Raise SetupError where a certificate is not ours, or not by the authority."""
    try:
        issued = x509.load_pem_x509_certificate(certificate.encode())
        issued.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.encode()))
        ours = _public(issued.public_key()) == _public(key.public_key()) and role_of(issued) == node_role(name)
    except (ValueError, TypeError, InvalidSignature):
        ours = False
    if not ours:
        raise SetupError("The gateway sent a certificate that is not for this machine.", _NEW_TOKEN)


def _public(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _post(url: str, verb: str, tls: ssl.SSLContext, role: str, body: object, wanted: type[T]) -> T:
    return _call(url, "POST", verb, tls, role, msgspec.json.encode(body), wanted)


def _call(
    url: str, method: str, verb: str, tls: ssl.SSLContext, role: str | None, body: bytes | None, wanted: type[T]
) -> T:
    """Make one call over a connection of its own. ``role``: what the other side must be, before a byte is sent."""
    try:
        with closing(_Connection(url, tls, role)) as connection:
            connection.request(method, f"{ROUTES}/{verb}", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            status, raw = answer.status, answer.read(_MOST_BYTES)
    except ssl.SSLCertVerificationError as error:
        raise _distrusted(url, error) from error
    except ssl.SSLError as error:
        mend = "Check the address; on the gateway, see: sekisho node list"
        raise SetupError(f"{url} took no TLS 1.3 connection from this machine.", mend) from error
    except (OSError, HTTPException) as error:
        mend = "Check address and network; on the gateway, nodes.listen in sekisho.yaml."
        raise SetupError(f"{url} cannot be reached.", mend) from error
    return _read(url, status, raw, wanted)


def _distrusted(url: str, error: ssl.SSLCertVerificationError) -> SetupError:
    if error.verify_code in (_NOT_YET, _OVER):
        mend = "Set this machine's clock by the site's time server, and try again."
        return SetupError("By this machine's clock the gateway's certificate does not count: the clock is off.", mend)
    mend = "Check the address. If it is right, somebody stands between: send nothing."
    return SetupError(f"What answers at {url} is not this node's gateway.", mend)


def _read(url: str, status: int, raw: bytes, wanted: type[T]) -> T:
    try:
        if status != 200:
            said = msgspec.json.decode(raw, type=_Refusal).error
            raise Refused(" ".join(said.message.split())[:500], said.code[:64])
        return msgspec.json.decode(raw, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SetupError(
            f"What answers at {url} is no gateway, or of another version.", "Check the address."
        ) from error


class _Connection(HTTPConnection):
    """HTTP over TLS to a gateway that has the role it must have.

    Raises:
        SetupError: the address is no ``https://host:port``, or the other side is not the gateway.
    """

    def __init__(self, url: str, tls: ssl.SSLContext, role: str | None) -> None:
        parts = urlsplit(url)
        try:
            host, port = parts.hostname, parts.port or 443
        except ValueError:
            host, port = None, 0
        if parts.scheme != "https" or not host or parts.path not in ("", "/"):
            problem = f"{url!r} is no address of a gateway."
            raise SetupError(problem, "Give it as sekisho node token printed it: https://host:port", exit_code=2)
        super().__init__(host, port, timeout=_SECONDS)
        self._tls, self._role, self._url = tls, role, url

    def connect(self) -> None:
        super().connect()
        encrypted = self._tls.wrap_socket(self.sock, server_hostname=self.host)
        self.sock = encrypted
        if self._role is not None and not contexts.is_gateway(encrypted, self._role):
            mend = "Check the address. If it is right, somebody stands between: send nothing."
            raise SetupError(f"What answers at {self._url} is not this node's gateway.", mend)
