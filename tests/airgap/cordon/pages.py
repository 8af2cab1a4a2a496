"""Which addresses a page makes a browser fetch. Pure; a reader for pages of our own, not for the web at large."""

from __future__ import annotations

import re

_TAG = re.compile(r"<(script|link|img|iframe|source|video|audio|object|embed)\b([^>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(?:src|href|data|poster)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_IN_STYLE = re.compile(r"""(?:url\(|@import\s+)\s*["']?([^"')\s;]+)""", re.IGNORECASE)


def references(content_type: str, text: str) -> tuple[list[str], list[str]]:
    """Return (own, foreign) references of an HTML page or a style sheet: relative ones, and those to other hosts."""
    if "html" in content_type:
        found = [url for _, attributes in _TAG.findall(text) for url in _ATTRIBUTE.findall(attributes)]
        found += [
            url for style in re.findall(r"<style[^>]*>(.*?)</style>", text, re.S) for url in _IN_STYLE.findall(style)
        ]
    elif "css" in content_type:
        found = _IN_STYLE.findall(text)
    else:
        return [], []
    found = [url for url in dict.fromkeys(found) if not url.startswith(("data:", "#"))]
    foreign = [url for url in found if re.match(r"(?:[a-z][a-z0-9+.-]*:)?//", url, re.IGNORECASE)]
    return [url for url in found if url not in foreign], foreign
