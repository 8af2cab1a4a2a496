"""uvicorn's HTTP/1.1 with the certificate that the other side showed, as ASGI's TLS extension has it.

``scope["extensions"]["tls"]["client_cert_chain"]`` holds that one certificate, PEM, or nothing when none was shown. It
is there only after OpenSSL has checked it against the listener's authority.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from gateway.http.bounded import BoundedProtocol


class PeerProtocol(BoundedProtocol):
    """Give it to uvicorn as ``http=``, with a context that asks for certificates."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        pem = _shown(self.transport)
        self.scope["extensions"] = {"tls": {"client_cert_chain": [pem] if pem else []}}


def certificate_of(scope: Mapping[str, Any]) -> str:
    """Return the certificate of who calls, PEM; "" when none was shown."""
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain", [])
    return str(chain[0]) if chain else ""


def _shown(transport: Any) -> str:
    tls = transport.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return ssl.DER_cert_to_PEM_cert(der) if der else ""
