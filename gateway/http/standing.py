"""OpenAI's headers of how much is left: ``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``.

They stand on every answer to a caller that has such a limit, refusals too. Where nothing bounds requests or tokens a
minute there is no number that would be true, and the three headers are left out. A ``reset`` is a duration as OpenAI
writes it: ``120ms``, ``1.5s``, ``1m0s``.
"""

from __future__ import annotations

from gateway.identity.door import Standing


def standing_headers(standing: Standing | None) -> list[tuple[bytes, bytes]]:
    """Return the headers; none where there is no such limit."""
    if standing is None:
        return []
    headers = []
    if standing.limit_requests:
        told = (standing.limit_requests, standing.remaining_requests, standing.reset_requests)
        headers += _headers(b"requests", *told)
    if standing.limit_tokens:
        headers += _headers(b"tokens", standing.limit_tokens, standing.remaining_tokens, standing.reset_tokens)
    return headers


def _headers(of: bytes, limit: int, remaining: int, reset: float) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-ratelimit-limit-" + of, b"%d" % limit),
        (b"x-ratelimit-remaining-" + of, b"%d" % remaining),
        (b"x-ratelimit-reset-" + of, duration(reset).encode()),
    ]


def duration(seconds: float) -> str:
    """Return a duration as OpenAI's headers have it: whole milliseconds, no zeros that say nothing."""
    milliseconds = max(0, round(seconds * 1000))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    shown = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{shown}s"
