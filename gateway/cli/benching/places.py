"""Where to measure: the own running gateway, or a server that was named. Plain HTTP goes no further than this machine.

::

    given("https://gpu-1.plant.example:8000", key="", ca=None, plain=False)
    given("unix:/run/engine.sock", key="", ca=None, plain=False)
    own(settings, key="sk-sekisho-…")
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.cli.address import is_loopback
from gateway.cli.benching.asking import Place
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.settings import Settings

_USED_WRONGLY = 2
_UNIX = "unix:"
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what is listened on, not by us
_END_OF_LEAF = "-----END CERTIFICATE-----"


def given(address: str, *, key: str, ca: Path | None, plain: bool) -> Place:
    """Return a server that was named by URL, or by ``unix:`` and the path of a socket.

    Args:
        ca: PEM file of the authorities that vouch for it; without it, the system's.
        plain: HTTP without TLS was asked for, beyond this machine too.

    Raises:
        SetupError: it is no such address, or would carry prompts in the clear; exit code 2.
    """
    if address.startswith(_UNIX):
        return Place("http://localhost", key, Path(address.removeprefix(_UNIX)))
    try:
        parts = urlsplit(address)
        host, port, extra = parts.hostname or "", parts.port, parts.username or parts.query or parts.fragment
    except ValueError:
        parts, host, port, extra = urlsplit(""), "", None, ""
    if parts.scheme not in {"http", "https"} or not host or extra:
        mend = "Give one such as http://127.0.0.1:8080, https://gpu-1.plant.example:8000 or unix:/run/engine.sock."
        raise SetupError(f"{address!r} is no address to measure.", mend, exit_code=_USED_WRONGLY)
    bracketed = f"[{host}]" if ":" in host else host
    here = is_loopback(f"{bracketed}:{port or 0}")
    if parts.scheme == "http" and not (here or plain):
        mend = "Use https, or say --plain-http where the way there is yours alone."
        raise SetupError(f"Prompts and key would travel to {host} unencrypted.", mend, exit_code=_USED_WRONGLY)
    url = f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}{_before_v1(parts.path)}"
    return Place(url, key, tls=_trusting(ca) if parts.scheme == "https" else None, here=here)


def own(settings: Settings, key: str) -> Place:
    """Return the gateway of these settings; with TLS it is known by its very certificate.

    Raises:
        SetupError: the certificate cannot be read.
    """
    host, port = settings.address
    host = _ANY.get(host, host)
    bracketed = f"[{host}]" if ":" in host else host
    if not settings.server.tls_certificate:
        return Place(f"http://{bracketed}:{port}", key)
    return Place(f"https://{bracketed}:{port}", key, tls=_only(settings.base / settings.server.tls_certificate))


def _before_v1(path: str) -> str:
    """Return what stands before ``/v1`` in a path, where a proxy or a client's base URL put something."""
    return path.partition("/v1")[0].rstrip("/")


def _trusting(ca: Path | None) -> ssl.SSLContext:
    from gateway.engines.client import tls_context  # aiohttp takes a tenth of a second to import

    return tls_context(ca)


def _only(certificate: Path) -> ssl.SSLContext:
    """Return what trusts one certificate and no other, whatever name is in it and whoever signed it."""
    try:
        leaf = certificate.read_text(encoding="ascii").partition(_END_OF_LEAF)[0] + _END_OF_LEAF
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # this file is the identity
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=leaf)
    except (OSError, ValueError) as error:
        raise SetupError(f"{certificate} cannot be read.", "Check server.tls_certificate and its mode.") from error
    return context
