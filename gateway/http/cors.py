"""Which web pages may call: Fetch standard, 3.2 (CORS protocol), for the origins that ``server.cors_origins`` lists.

Rules:

1. An origin is allowed when it is in the list, byte for byte. ``*`` and ``null`` cannot be listed.
2. A preflight of an allowed origin is answered before identity, since browsers send no key with it; it tells nothing
   else, not even whether the address exists.
3. Cookies are never asked for: a page sends a key, as every program does.
4. What an origin that is not listed gets is the same as without this file; its browser keeps the answer from the page.

Example::

    cors = Cors(("https://apps.example",))
    cors.headers(b"https://apps.example")     # access-control-allow-origin, access-control-expose-headers, vary
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Headers = list[tuple[bytes, bytes]]

_SHOWN = (
    b"x-request-id, request-id, openai-processing-ms, retry-after, x-should-retry, x-sekisho-code, x-sekisho-decision, "
    b"x-sekisho-dropped-params, x-sekisho-scored-by, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "
    b"x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "
    b"x-ratelimit-reset-tokens"
)
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")  # RFC 9110, 5.6.2: tokens, in a list
_PREFLIGHT_SECONDS = b"600"


class Cors:
    """The list of one gateway."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def __bool__(self) -> bool:
        return bool(self._origins)

    def headers(self, origin: bytes | None) -> Headers:
        """Return what an answer carries; that it depends on the origin is told to caches in any case."""
        if not self._origins:
            return []
        vary = (b"vary", b"origin")
        if origin not in self._origins or origin is None:
            return [vary]
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _SHOWN), vary]

    def preflight(self, headers: Mapping[bytes, bytes]) -> Headers | None:
        """Return what a preflight is answered with; ``None`` where it is none, or not of an allowed origin."""
        origin, wanted = headers.get(b"origin"), headers.get(b"access-control-request-headers", b"")
        if origin not in self._origins or b"access-control-request-method" not in headers:
            return None
        allowed = [(b"access-control-allow-headers", wanted)] if _NAMES.fullmatch(wanted) else []
        return [
            *self.headers(origin),
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
            *allowed,
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]
