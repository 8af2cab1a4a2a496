"""TLS of the server's address over loopback: versions, a certificate that changes, client certificates as callers."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.errors import SetupError
from gateway.http.arrival import SUBJECT
from gateway.http.listener import Listener
from gateway.http.proxies import Proxies
from gateway.http.tls import PATIENCE, ServerTls
from gateway.settings import ServerSettings


class Authority:
    """Signs certificates. Files it lays have one second between their times, so that a change is seen."""

    def __init__(self, folder: Path, name: str = "plant") -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}-ca.pem"
        made = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def lay(self, subject: str, stem: str = "server") -> tuple[Path, Path]:
        """Write a certificate for a subject and its key; return both files."""
        key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string(subject)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        made = self._builder(name, key).add_extension(names, critical=False).sign(self.key, hashes.SHA256())
        files = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        replace(files[0], made.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        replace(files[1], key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return files

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder(self.name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


def replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    os.replace(fresh, path)


class Told:
    def __init__(self) -> None:
        self.events: list[str] = []

    def __call__(self, type: str, details: dict[str, str]) -> None:
        self.events.append(type)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def serving(tls: ServerTls) -> AsyncIterator[int]:
    """Serve what says who came, as the front sees it; yields the port."""
    proxies = Proxies(ServerSettings())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps(proxies.seen(scope).get(SUBJECT, "")).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listener = Listener.on_address(app, ServerSettings(listen=f"127.0.0.1:{port}"), tls)
    running = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    try:
        yield port
    finally:
        listener.should_exit = True
        await running


def ask(port: int, authority: Authority, shown: tuple[Path, Path] | None = None, newest: Any = None) -> tuple[str, str]:
    """Return the common name of the server's certificate, and whom it said that we are."""
    context = ssl.create_default_context(cafile=str(authority.file))
    if newest is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest
        context.set_ciphers("ALL:@SECLEVEL=0")
    if shown:
        context.load_cert_chain(*map(str, shown))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        subject = dict(pair[0] for pair in tls.getpeercert()["subject"])  # type: ignore[index,misc]
        tls.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        raw = b""
        while part := tls.recv(4096):
            raw += part
    if not raw:
        raise ConnectionError("closed without an answer")
    return str(subject["commonName"]), str(json.loads(raw.partition(b"\r\n\r\n")[2]))


async def test_a_changed_certificate_serves_new_connections(authority: Authority) -> None:
    tls, told = ServerTls(*authority.lay("CN=first")), Told()
    async with serving(tls) as port:
        assert (await asyncio.to_thread(ask, port, authority))[0] == "first"
        tls.refresh(told)
        assert told.events == []
        authority.lay("CN=second")
        tls.refresh(told)
        assert told.events == ["tls.reloaded"]
        assert (await asyncio.to_thread(ask, port, authority))[0] == "second"


async def test_what_does_not_fit_leaves_the_old_one_and_is_told_once(authority: Authority) -> None:
    files, told = authority.lay("CN=first"), Told()
    tls = ServerTls(*files)
    async with serving(tls) as port:
        replace(files[1], authority.lay("CN=x", "other")[1].read_bytes())
        for _ in range(PATIENCE + 3):
            tls.refresh(told)
        assert told.events == ["tls.reload_failed"]
        assert (await asyncio.to_thread(ask, port, authority))[0] == "first"
        files[1].unlink()
        tls.refresh(told)
        authority.lay("CN=third")
        tls.refresh(told)
        assert told.events == ["tls.reload_failed", "tls.reloaded"]
        assert (await asyncio.to_thread(ask, port, authority))[0] == "third"


async def test_the_watch_notices_within_two_seconds(authority: Authority) -> None:
    tls, told = ServerTls(*authority.lay("CN=first")), Told()
    watching = asyncio.ensure_future(tls.watch(told))
    authority.lay("CN=second")
    begun = time.monotonic()
    while not told.events and time.monotonic() - begun < 10:  # noqa: ASYNC110  the watch has no event for it
        await asyncio.sleep(0.05)
    watching.cancel()
    assert told.events == ["tls.reloaded"]


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_older_versions_are_not_spoken(authority: Authority, newest: ssl.TLSVersion) -> None:
    async with serving(ServerTls(*authority.lay("CN=first"))) as port:
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(ask, port, authority, None, newest)
        assert (await asyncio.to_thread(ask, port, authority, None, ssl.TLSVersion.TLSv1_2))[0] == "first"


async def test_a_client_certificate_says_who_comes_and_none_says_nobody(authority: Authority) -> None:
    shown = authority.lay("CN=press-shop,O=Beispiel AG,C=DE", "client")
    async with serving(ServerTls(*authority.lay("CN=first"), authority.file)) as port:
        assert (await asyncio.to_thread(ask, port, authority, shown))[1] == "CN=press-shop,O=Beispiel AG,C=DE"
        assert (await asyncio.to_thread(ask, port, authority))[1] == ""


async def test_a_certificate_of_another_authority_ends_the_handshake(authority: Authority, tmp_path: Path) -> None:
    shown = Authority(tmp_path, "stranger").lay("CN=press-shop,O=Beispiel AG,C=DE", "client")
    async with serving(ServerTls(*authority.lay("CN=first"), authority.file)) as port:
        with pytest.raises((ssl.SSLError, OSError)):
            await asyncio.to_thread(ask, port, authority, shown)


async def test_without_an_authority_no_certificate_is_looked_at(authority: Authority) -> None:
    shown = authority.lay("CN=press-shop", "client")
    async with serving(ServerTls(*authority.lay("CN=first"))) as port:
        assert (await asyncio.to_thread(ask, port, authority, shown))[1] == ""


def test_what_cannot_be_used_is_refused_at_the_start(authority: Authority, tmp_path: Path) -> None:
    files = authority.lay("CN=first")
    with pytest.raises(SetupError, match="cannot be used"):
        ServerTls(files[0], authority.lay("CN=x", "other")[1])
    with pytest.raises(SetupError, match="authority"):
        ServerTls(*files, tmp_path / "nothing.pem")
