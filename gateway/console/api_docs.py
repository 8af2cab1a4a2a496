"""The page at ``/docs``: Swagger UI over our own OpenAPI description, every byte of it served by us.

Swagger UI's files come with the package ``fastapi-swagger``; its copy is byte for byte that of ``swagger-ui-dist``
(Apache-2.0), and of its code nothing is called. :data:`HEADERS` forbids the browser to fetch from elsewhere, whatever
the script would like to.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType

from gateway.console.headers import page_headers

HEADERS = page_headers(images="'self' data:")  # its icons are data URLs in its style sheet
"""Response headers that belong to the page and to each of its assets."""


_SWAGGER = files("fastapi_swagger") / "resources"
_STATIC = files("gateway.console") / "static"
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"

ASSETS: Mapping[str, tuple[bytes, str]] = MappingProxyType(
    {
        "/docs/assets/swagger-ui-bundle.js": ((_SWAGGER / "swagger-ui-bundle.js").read_bytes(), _SCRIPT),
        "/docs/assets/swagger-ui.css": ((_SWAGGER / "swagger-ui.css").read_bytes(), _STYLE),
        "/docs/assets/docs.js": ((_STATIC / "docs.js").read_bytes(), _SCRIPT),
    }
)
"""Path to content and media type of everything the page needs beside ``/console/gate.svg``; about 2 MB."""


def docs_page(openapi_url: str = "/openapi.json") -> bytes:
    """Return the page as UTF-8 HTML; it shows the description found at ``openapi_url`` of the same origin."""
    template = Template((_STATIC / "docs.html").read_text(encoding="utf-8"))
    return template.substitute(openapi_url=escape(openapi_url)).encode()
