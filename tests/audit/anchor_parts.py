"""Parts of the tests of anchors: logs with heads to carry, a certificate authority, a collector of syslog over TLS."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.audit.anchor.heads import LogHead
from gateway.audit.log import layout
from gateway.audit.log.merkle import CompactRange, leaf_hash
from gateway.audit.log.note import Checkpoint, Signer, parse_checkpoint, split_note
from gateway.audit.log.tiles import HashTiles

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class TileLog:
    """A log of hash tiles and signed heads alone: what anchors need of one. Records are any bytes.

    ``heads`` remembers every head. :meth:`fork` is the log as somebody else would continue it from an earlier size.
    """

    def __init__(self, base: Path, origin: str = "berlin/node1/w0", key: Ed25519PrivateKey = KEY) -> None:
        self.base, self.origin = base, origin
        self.name = f"{origin}/default"
        self.folder = base / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.signer = Signer(origin, key)
        self.leaves: list[bytes] = []

    def grow(self, count: int = 1, what: str = "record") -> LogHead:
        start = len(self.leaves)
        self.leaves += [leaf_hash(f"{what} {number}".encode()) for number in range(start, start + count)]
        return self._publish()

    def cut(self, size: int) -> LogHead:
        """Go back to an earlier size, as a backup that was restored does."""
        self.leaves = self.leaves[:size]
        return self._publish()

    def _publish(self) -> LogHead:
        tiles, tree = HashTiles(self.folder), CompactRange()
        for leaf in self.leaves:
            tiles.add(leaf)
            tree.append(leaf)
        tiles.flush()
        note = self.signer.sign(tree.size, tree.root())
        (self.folder / layout.CHECKPOINT).write_bytes(note)
        return LogHead(self.folder, self.name, note, Checkpoint(self.origin, tree.size, tree.root()))


def head_of(folder: Path, base: Path) -> LogHead:
    note = (folder / layout.CHECKPOINT).read_bytes()
    return LogHead(folder, folder.relative_to(base).as_posix(), note, parse_checkpoint(split_note(note)[0]))


@dataclass
class Authority:
    """A certificate authority that a test makes; ``issue`` writes a certificate and its key beside ``ca``."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test authority {self.folder.name}")])
        basic = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(*(flag in (5, 6) for flag in range(9)))
        builder = _certificate(self.name, self.name, self.key.public_key()).add_extension(basic, critical=True)
        certificate = builder.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self.ca.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, host: str = "127.0.0.1") -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        builder = _certificate(subject, self.name, key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = builder.add_extension(authority, critical=False).sign(self.key, hashes.SHA256())
        paths = self.folder / f"{host}.pem", self.folder / f"{host}.key"
        paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return paths


def _certificate(subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(identifier, critical=False)
    )


class Collector:
    """A receiver of syslog over TLS on loopback: counts octets as RFC 5425 says, keeps every message.

    ``polite``: it answers close_notify with its own, as the RFC demands. :meth:`break_off` cuts every connection and
    drops what was not read; :meth:`stop` and :meth:`start` are an outage. While it is ``deaf`` its machine takes what
    comes, and it reads nothing.
    """

    def __init__(self, authority: Authority, *, wants_certificate: bool = False, polite: bool = True) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*authority.issue())
        if wants_certificate:
            self.context.load_verify_locations(authority.ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.polite = polite
        self.deaf = False
        self.messages: list[bytes] = []
        self.sealed = 0
        self.connections = 0
        self.port = 0
        self._open: list[socket.socket] = []
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._listener.listen(8)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_off()

    def break_off(self) -> None:
        connections, self._open = self._open, []
        for connection in connections:
            with_reset = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            try:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_reset)
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self.context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as link:
                self.connections += 1
                self._open.append(link)
                self._read(link)
        except (OSError, ValueError):
            plain.close()

    def _read(self, link: ssl.SSLSocket) -> None:
        data = b""
        while part := link.recv(65536):
            while self.deaf:
                time.sleep(0.01)
                if link not in self._open:
                    return
            data += part
            while b" " in data:
                length, _, rest = data.partition(b" ")
                if len(rest) < int(length):
                    break
                self.messages.append(rest[: int(length)])
                data = rest[int(length) :]
        if link not in self._open:
            return  # broken off here, wherever in a message that was
        assert data == b"", "a message was cut short"
        if self.polite:
            link.unwrap()
            self.sealed += 1


def wait_for(what: Any, seconds: float = 10.0) -> None:
    """Return once ``what()`` is true; fail when it is not in time."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
