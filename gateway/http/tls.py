"""TLS of the server's own address: 1.2 or newer, a certificate that is taken anew when its file changes.

Guarantees: what cannot be used is refused at the start; a certificate or key that changes later is tried beside first,
and counts for new connections within :data:`WATCH_SECONDS` once both fit each other. Until then the old ones serve on;
where that lasts for :data:`PATIENCE` looks (two files are never replaced at once), it is told. Connections that are
open go on as they are.

With an authority for clients, a client may show a certificate: one of another authority, or over, ends the handshake;
none is no error, since keys and tokens open doors too. Its file is read at the start alone.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.errors import SetupError

log = logging.getLogger("sekisho.http")

WATCH_SECONDS = 1.0
PATIENCE = 5

Tell = Callable[[str, dict[str, str]], None]
"""Called with ``tls.reloaded`` or ``tls.reload_failed``, and what is to be said of it. Must not raise."""
Stamp = tuple[int, int, int]


class ServerTls:
    """One address's TLS. ``context`` is what it is served with.

    Raises:
        SetupError: a file cannot be read, or the key is not the certificate's.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        self._certificate, self._key = certificate, key
        self._stamps, self._failed = self._look(), 0
        self.context = _context()
        try:
            self._load(self.context)
        except (OSError, ValueError) as error:
            mend = "Check server.tls_certificate and tls_key: PEM, readable, the key unencrypted and the certificate's."
            raise SetupError(f"The TLS certificate {certificate} and its key cannot be used.", mend) from error
        if client_ca is not None:
            self._ask_for_certificates(client_ca)

    def refresh(self, tell: Tell) -> None:
        """Take certificate and key anew where they changed and fit each other."""
        stamps = self._look()
        if stamps == self._stamps:
            return
        try:
            self._load(_context())
            self._load(self.context)
        except (OSError, ValueError):
            self._failed += 1
            if self._failed == PATIENCE:
                log.error("The changed %s or its key cannot be used; the old ones serve on.", self._certificate)
                tell("tls.reload_failed", {"certificate": self._certificate.name})
            return
        self._stamps, self._failed = stamps, 0
        tell("tls.reloaded", self._told())

    async def watch(self, tell: Tell) -> None:
        """Follow the files until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self.refresh(tell)

    def _ask_for_certificates(self, client_ca: Path) -> None:
        try:
            self.context.load_verify_locations(str(client_ca))
        except (OSError, ValueError) as error:
            mend = "Check server.tls_client_ca: a PEM file with certificates of authorities."
            raise SetupError(f"The authority {client_ca} cannot be used.", mend) from error
        self.context.verify_mode = ssl.CERT_OPTIONAL

    def _load(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(str(self._certificate), str(self._key), password=_no_password)

    def _look(self) -> tuple[Stamp | None, ...]:
        return _stamp(self._certificate), _stamp(self._key)

    def _told(self) -> dict[str, str]:
        shown = x509.load_pem_x509_certificates(self._certificate.read_bytes())[0]
        ends = shown.not_valid_after_utc
        return {"certificate": shown.fingerprint(SHA256()).hex(), "until": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is here to be asked")


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
