"""A signed token (JWT in JWS compact form, RFC 7519 and RFC 7515) read as RFC 8725 wants it read.

A token's own words choose nothing but an issuer and one of that issuer's pinned keys. Rules:

1. At most :data:`MAX_TOKEN_CHARS`; three parts, base64url without padding; JSON objects without doubled names (RFC 8725
   2.4), numbers that are finite.
2. ``alg`` is one of the issuer's, and the key's own (RFC 8725 3.1); ``typ`` is one of the issuer's (3.11); ``crit`` is
   refused, since nothing critical is known here (RFC 7515 4.1.11).
3. ``kid`` is looked up among pinned keys by equality: it is no path, no query, no address. ``jwk``, ``jku``, ``x5u``
   and ``x5c`` are never looked at.
4. The signature is proven before any claim but ``iss`` is read.
5. ``exp`` and ``iat`` must be there; ``nbf`` counts where it is. A token older than the issuer's maximum age is refused
   however long it says that it lives.
6. An ID, refresh or logout token is none to call with, even where issuer, audience and signature are right.

Example::

    claims = verified(read_token(text), issuer, keys, now=1_770_000_000.0)
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any, NoReturn

import msgspec

from gateway.errors import Unauthenticated
from gateway.identity.jwks import Pinned
from gateway.settings import IssuerSettings

MAX_TOKEN_CHARS = 16 * 1024
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_NOT_TO_CALL_WITH = frozenset({"ID", "Refresh", "Offline", "Logout"})  # Keycloak's claim `typ`
_LOGOUT = "events"  # OpenID Connect Back-Channel Logout 1.0, 2.4

Claims = dict[str, Any]


class NotBelieved(Unauthenticated):
    """One message for all: who forges a token learns nothing. ``why`` is for the operator, in our words alone."""

    default_code = "identity.token"
    default_message = "This token is not one that the gateway believes."

    def __init__(self, why: str = "") -> None:
        super().__init__()
        self.why = why


class TokenExpired(Unauthenticated):
    """It was proven to be the issuer's, so its bearer may know."""

    default_code = "identity.token_expired"
    default_message = "This token's time is over. Get a new one from where it came."


class Token(msgspec.Struct, frozen=True):
    """The parts of a token. Until :func:`verified` has said so, anybody may have written it."""

    header: Claims
    claims: Claims
    signed: bytes
    signature: bytes

    @property
    def issuer(self) -> str:
        """Who it says has issued it; empty where it does not say so in one word."""
        said = self.claims.get("iss")
        return said if isinstance(said, str) else ""


def read_token(text: str) -> Token:
    """Return the parts of a token. Raises Unauthenticated where it breaks rule 1."""
    if len(text) > MAX_TOKEN_CHARS or _SHAPE.fullmatch(text) is None:
        refuse("it is no signed token in compact form, or longer than any should be")
    signed, _, signature = text.rpartition(".")
    header, _, claims = signed.partition(".")
    return Token(_object(header), _object(claims), signed.encode("ascii"), _decoded(signature))


def verified(token: Token, issuer: IssuerSettings, keys: Pinned, now: float) -> Claims:
    """Return the claims of a token that this issuer made for us, and that is valid at ``now`` (seconds since 1970).

    Raises:
        Unauthenticated: it breaks a rule (``identity.token``), or its time is over (``identity.token_expired``).
    """
    algorithm, kid, kind = (token.header.get(name) for name in ("alg", "kid", "typ"))
    if not (isinstance(algorithm, str) and algorithm in issuer.algorithms):
        refuse("alg: it is signed by an algorithm that is not in the issuer's list")
    if "crit" in token.header:
        refuse("crit: it demands what this gateway does not know")
    if not isinstance(kind, str) or _media_type(kind) not in {_media_type(known) for known in issuer.types}:
        refuse("typ: it is of a kind that is not in the issuer's list")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        refuse("kid: no key of that id is in the issuer's file")
    if not key.holds(algorithm, token.signed, token.signature):
        refuse("the signature is not that key's by that algorithm")
    claims = token.claims
    if claims.get("iss") != issuer.issuer:
        refuse("iss: another issuer's")
    if not _is_for_us(claims.get("aud"), issuer.audience):
        refuse("aud: it is made for somebody else")
    if str(claims.get("typ")) in _NOT_TO_CALL_WITH or _LOGOUT in claims:
        refuse("typ: an ID, refresh or logout token is none to call with")
    _look_at_times(claims, issuer, now)
    return claims


def refuse(why: str) -> NoReturn:
    """Refuse a token. Raises NotBelieved."""
    raise NotBelieved(why)


def _look_at_times(claims: Claims, issuer: IssuerSettings, now: float) -> None:
    ends, made = _time(claims, "exp"), _time(claims, "iat")
    begins = _time(claims, "nbf") if "nbf" in claims else made
    skew = issuer.skew_seconds
    if made > now + skew or begins > now + skew:
        refuse("nbf, iat: it begins in the future")
    if now >= ends + skew or now - made > issuer.max_age_seconds + skew:
        raise TokenExpired


def _time(claims: Claims, name: str) -> float:
    said = claims.get(name)
    if isinstance(said, bool) or not isinstance(said, int | float):
        refuse(f"{name}: it has no such time")
    return float(said)


def _is_for_us(said: object, ours: tuple[str, ...]) -> bool:
    named = said if isinstance(said, list) else [said]
    return all(isinstance(one, str) for one in named) and bool({*named} & {*ours})


def _media_type(kind: str) -> str:
    return kind.lower().removeprefix("application/")  # RFC 7515 4.1.9


def _object(part: str) -> Claims:
    try:
        said = json.loads(
            _decoded(part).decode("utf-8"),
            object_pairs_hook=_once_each,
            parse_float=_finite,
            parse_int=_bounded,
            parse_constant=_not_a_number,
        )
    except (ValueError, RecursionError):
        refuse("header and claims must be JSON, each name once")
    if not isinstance(said, dict):
        refuse("header and claims must be JSON objects")
    return said


def _once_each(pairs: list[tuple[str, Any]]) -> Claims:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("too large")
    return number


def _bounded(text: str) -> int:
    if len(text) > len(str(2**53)) + 1:
        raise ValueError("too large")
    return int(text)


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(text)


def _decoded(part: str) -> bytes:
    """Return the bytes of a part; one spelling each (RFC 4648 3.5), so that no two tokens are one."""
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        refuse("its parts are not base64url")
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        refuse("its parts are not base64url")
    return raw
