"""The status page at ``/``: is the gate open, and how to send a request through it.

The page is static; its script asks ``/health/ready`` of the same origin. Nothing on it comes from elsewhere, and
:data:`HEADERS` forbids the browser to fetch anything from elsewhere. It shows no key and needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType

from gateway.console.headers import page_headers

_STATIC = files("gateway.console") / "static"

HEADERS = page_headers()
"""Response headers that belong to the page and to each of its assets."""

ASSETS: Mapping[str, tuple[bytes, str]] = MappingProxyType(
    {
        "/console/page.css": ((_STATIC / "page.css").read_bytes(), "text/css; charset=utf-8"),
        "/console/page.js": ((_STATIC / "page.js").read_bytes(), "text/javascript; charset=utf-8"),
        "/console/gate.svg": ((_STATIC / "gate.svg").read_bytes(), "image/svg+xml"),
    }
)
"""Path to content and media type of everything the page needs."""


def status_page(version: str) -> bytes:
    """Return the page as UTF-8 HTML."""
    template = Template((_STATIC / "page.html").read_text(encoding="utf-8"))
    return template.substitute(version=escape(version)).encode()
