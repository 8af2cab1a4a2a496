"""Syslog over TLS: RFC 5424 messages, framed and sent as RFC 5425 says (octet counting). Neither UDP nor plain TCP.

Syslog has no acknowledgement. What can be known is told apart here:

*taken*: the receiver's machine acknowledged the bytes (its kernel did; the receiver may still lose them).
*sealed*: the receiver answered our ``close_notify`` with its own, which RFC 5425 (4.4) demands once it has read all
that came before. From time to time the connection is closed so, and opened again.

When a connection breaks, everything since the last seal is sent again: a receiver may see a message twice, and none
is lost.

::

    link = SyslogLink("siem.example:6514", tls_context(ca=Path("siem-ca.pem")))
    link.send([message("berlin-node1", "head", b'{"log": …}')])
    link.seal()
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import socket
import ssl
import struct
import termios
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.heads import LogHead
from gateway.audit.anchor.witnesses import Witness

PORT = 6514  # RFC 5425, 4.1
SEAL_MESSAGES = 256
_AUDIT, _NOTICE = 13, 5  # facility "log audit" and severity, RFC 5424, 6.2.1
_TIMEOUT_SECONDS = 5.0
_POLL_SECONDS = 0.005
_PRINTABLE = range(33, 127)


def message(host: str, kind: str, text: bytes, when: datetime | None = None) -> bytes:
    """Return an RFC 5424 message of ours.

    Args:
        host: HOSTNAME; characters that it may not have are left out.
        kind: MSGID.
        text: MSG; ASCII, or UTF-8 after a byte order mark (6.4).
    """
    time = (when or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    name = "".join(character for character in host if ord(character) in _PRINTABLE)[:255] or "-"
    return f"<{_AUDIT * 8 + _NOTICE}>1 {time} {name} sekisho - {kind} - ".encode() + text


def framed(text: bytes) -> bytes:
    """Return a message after its length in bytes and a space (RFC 5425, 4.3)."""
    return f"{len(text)} ".encode() + text


_CUT_OFF_IS_FINE = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
"""Set by Python before 3.11.4, Debian 12's own: who hangs up without a word would count as having read everything."""


def tls_context(ca: Path | None = None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Return how the receiver is checked: by this authority alone, else by the system's; name or address must match.

    Raises:
        AnchorTrouble: a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options &= ~_CUT_OFF_IS_FINE
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        names = " or ".join(str(path) for path in (ca, certificate, key) if path)
        raise AnchorTrouble(f"{names} cannot be used.", "Check that they are PEM files and belong together.") from error
    return context


class SyslogLink:
    """One receiver. Connects when there is something to send. Used by one thread at a time.

    Args:
        address: ``host:port`` or ``host``.
        server_name: the name in its certificate, where that is another one.
        seals: close in order by itself, each 256 messages; else whoever uses it does.
    """

    def __init__(
        self,
        address: str,
        context: ssl.SSLContext,
        *,
        server_name: str = "",
        seals: bool = True,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self.host, self.port = split_address(address)
        self._context = context
        self._name = server_name or self.host
        self._seals = seals
        self._timeout_seconds = timeout_seconds
        self._socket: ssl.SSLSocket | None = None
        self.unsealed: list[bytes] = []

    def send(self, messages: Iterable[bytes]) -> None:
        """Return once the receiver's machine has taken the messages, and all that were not sealed before a break.

        Raises:
            AnchorTrouble: it has not within the time; they will be sent again.
            OSError: it cannot be reached.
        """
        fresh = [framed(each) for each in messages]
        broken = not self._alive()
        self.unsealed += fresh
        try:
            self._write(b"".join(self.unsealed if broken else fresh))
        except (OSError, AnchorTrouble):
            self._drop()
            raise
        if self._seals and len(self.unsealed) >= SEAL_MESSAGES:
            self.seal()

    def seal(self) -> bool:
        """Close in order; whether the receiver said that it has read everything. Never raises."""
        link, self._socket = self._socket, None
        if link is None:
            return not self.unsealed
        try:
            link.unwrap().close()
        except (OSError, ValueError):
            self.unsealed = self.unsealed[-SEAL_MESSAGES // 2 :]  # what one that never answers may cost
            return False
        finally:
            link.close()
        self.unsealed = []
        return True

    def _write(self, data: bytes) -> None:
        link = self._socket or self._connect()
        link.sendall(data)
        deadline = time.monotonic() + self._timeout_seconds
        while _unacknowledged(link):
            if time.monotonic() > deadline:
                raise AnchorTrouble(f"{self.host}:{self.port} takes nothing.", "See the receiver's own log.")
            time.sleep(_POLL_SECONDS)
        if not self._alive():
            raise AnchorTrouble(f"{self.host}:{self.port} hung up.", "See the receiver's own log.")

    def _connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self.host, self.port), self._timeout_seconds)
        try:
            self._socket = self._context.wrap_socket(plain, server_hostname=self._name)
        except ssl.SSLCertVerificationError as error:
            plain.close()
            mend = "Check ca and server_name against the receiver's certificate."
            raise AnchorTrouble(f"{self.host}:{self.port} shows a certificate that does not fit.", mend) from error
        except BaseException:
            plain.close()
            raise
        return self._socket

    def _alive(self) -> bool:
        """Whether there is a connection that the receiver has not closed. It never says anything: nothing is lost."""
        if self._socket is None:
            return False
        try:
            self._socket.setblocking(False)
            while self._socket.recv(1024):
                pass
        except (ssl.SSLWantReadError, BlockingIOError):
            self._socket.settimeout(self._timeout_seconds)
            return True
        except OSError:
            pass
        self._drop()
        return False

    def _drop(self) -> None:
        link, self._socket = self._socket, None
        if link is not None:
            with contextlib.suppress(OSError):
                link.close()


class SyslogAnchor:
    """See :class:`gateway.audit.anchor.door.Anchor`. A head is one message, in JSON: ``{"log", "checkpoint"}``.

    Args:
        host: what this machine calls itself in messages.
    """

    kind = "syslog"

    def __init__(self, link: SyslogLink, host: str) -> None:
        self.place = f"{link.host}:{link.port}"
        self._link = link
        self._host = host
        self._there: dict[str, int] = {}

    def deliver(self, heads: Sequence[LogHead]) -> list[tuple[LogHead, Witness]]:
        new = [head for head in heads if self._there.get(head.name, 0) < head.size]
        if not new:
            return []
        self._link.send(head_message(self._host, head) for head in new)
        self._there |= {head.name: head.size for head in new}
        return [(head, head.seen(self.kind, self.place)) for head in new]

    def close(self) -> None:
        self._link.seal()


def head_message(host: str, head: LogHead) -> bytes:
    """Return the message that carries a log's head."""
    return message(host, "head", json.dumps({"log": head.name, "checkpoint": head.note.decode()}).encode())


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host``, ``host:port``, ``[v6]:port``. Raises AnchorTrouble."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, str(PORT)
    host = host.strip("[]")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise AnchorTrouble(f"{address!r} is no address.", "Write host:port, such as siem.example:6514.")
    return host, int(port)


def _unacknowledged(link: ssl.SSLSocket) -> int:
    """Return how many bytes the receiver's machine has not acknowledged (SIOCOUTQ, tcp(7))."""
    (count,) = struct.unpack("i", fcntl.ioctl(link.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
    return int(count)
