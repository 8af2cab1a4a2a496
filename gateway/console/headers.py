"""Response headers of pages for people: a browser that obeys them fetches nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def page_headers(images: str = "'self'") -> Mapping[str, str]:
    """Return the headers of one page and all its assets.

    Args:
        images: sources of images, in the words of Content Security Policy (W3C CSP 3).
    """
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        f"img-src {images}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return MappingProxyType(
        {
            "content-security-policy": "; ".join(policy),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        }
    )
