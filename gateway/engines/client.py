"""One client session for each engine: which connections it makes, and by what it knows the other side."""

from __future__ import annotations

import errno
import ssl
from pathlib import Path

import aiohttp

from gateway.errors import SetupError

_IDLE_SECONDS = 3.0  # servers close idle connections after 5 s and more: be first, so that no prompt meets a closed one
_CONNECT_SECONDS = 5.0
_CUT_OFF_IS_FINE = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # set by Python before 3.11.4


def tls_context(ca: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Return what an engine's certificate is checked by, and our own certificate for engines that ask for one.

    Args:
        ca: PEM file of the authorities that vouch for the engine; without it, the system's.
        certificate: PEM file of ours, with its chain; ``key`` is its private key.

    Raises:
        SetupError: a file cannot be read, or holds something else.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options &= ~_CUT_OFF_IS_FINE
        if certificate is not None:
            context.load_cert_chain(str(certificate), str(key) if key else None, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        named = " or ".join(str(file) for file in (ca, certificate, key) if file)
        mend = "Give PEM files: a certificate with its chain, and its private key without a password."
        raise SetupError(f"{named} cannot be used for TLS.", mend) from error
    return context


def unreached(error: Exception, place: str, start: str = "Is it running?") -> str:
    """Return why a place could not be reached and what to do, in one line for operators.

    Args:
        error: what connecting or asking there raised.
        place: its address, as the operator gave it.
        start: what to do where nobody listens.
    """
    number = getattr(getattr(error, "os_error", error), "errno", None)
    if isinstance(error, TimeoutError):
        return f"{place} does not answer. Look at that machine, and at the firewalls between."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"Nobody here knows the name in {place}. Look at the address, and at this machine's resolver."
    if number in (errno.ECONNREFUSED, errno.ENOENT):
        return f"Nobody listens at {place}. {start}"
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return f"No way leads to {place}. Look at network, routes and firewalls."
    if number in (errno.EACCES, errno.EPERM):
        return f"This user may not connect to {place}. Look at its owner, or at this machine's firewall."
    return f"{place} hung up. Its own log says why."


def _no_password() -> str:
    raise ValueError("a key with a password")


def open_session(
    unix_socket: Path | None,
    api_key: str,
    read_timeout_seconds: float,
    *,
    reuse: bool = True,
    tls: ssl.SSLContext | None = None,
) -> aiohttp.ClientSession:
    """Return a client session for one engine, without a limit of connections, deaf to proxies in the environment.

    ``reuse`` false opens a connection for each call: for llama.cpp's server, which promises to keep a connection and
    closes it after every streamed answer. ``tls`` is for ``https``; without it the system's authorities count.
    """
    kept = _IDLE_SECONDS if reuse else None
    connector: aiohttp.BaseConnector
    if unix_socket is not None:
        connector = aiohttp.UnixConnector(str(unix_socket), limit=0, keepalive_timeout=kept, force_close=not reuse)
    else:
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=kept, force_close=not reuse, ssl=tls if tls is not None else True
        )
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=read_timeout_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
