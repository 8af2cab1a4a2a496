"""What a proven token says of its caller, read as the settings say. What cannot be read refuses, and says which.

One thing has one value: of several values that a map lists, all must lead to the same. Roles may be several. What a map
does not list counts for nothing: a person is in many groups that are none of ours; one at least must be.

The caller's subject goes no further than :func:`pseudonym`: limits, records and refusals know that alone.

Example::

    caller_of(claims, issuer, site, pepper).tenant   # "bodyshop"
"""

from __future__ import annotations

import base64
import hmac
from typing import Any, NoReturn, TypeVar

import msgspec

from gateway.domain import Caller, Role
from gateway.errors import Forbidden
from gateway.identity.record import Country, Label
from gateway.sections import ClaimSettings
from gateway.settings import IssuerSettings, SiteSettings

PREFIX = "jwt-"
_PSEUDONYM_BYTES = 15  # 120 bits: 24 characters
_MAX_SUBJECT_CHARS = 1024

Claims = dict[str, Any]
T = TypeVar("T")


def caller_of(claims: Claims, issuer: IssuerSettings, site: SiteSettings, pepper: bytes) -> Caller:
    """Return who calls.

    Raises:
        Forbidden: something that the settings read from the token is not there, or not one word
            (``identity.token_unmapped``).
    """
    subject = claims.get(issuer.subject)
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT_CHARS:
        _unmapped("subject")
    roles = tuple(sorted({Role(word) for word in words("roles", claims, issuer.roles)}))
    return Caller(
        key_id=pseudonym(pepper, issuer.issuer, subject),
        tenant=_one("tenant", claims, issuer.tenant, Label),
        project=_one("project", claims, issuer.project, Label),
        roles=roles,
        purpose=_one("purpose", claims, issuer.purpose, Label),
        site=site.name,
        jurisdiction=site.jurisdiction,
        collected_in=_country("collected_in", claims, issuer.collected_in, site),
        access_from=_country("access_from", claims, issuer.access_from, site),
        class_floor=issuer.class_floor,
        models=issuer.models,
    )


def pseudonym(pepper: bytes, issuer: str, subject: str) -> str:
    """Return what stands for a subject in limits and records: nobody without the pepper can test a guess."""
    text = b"\x00".join((b"token subject", issuer.encode(), subject.encode("utf-8", "surrogatepass")))
    return PREFIX + base64.b32encode(hmac.digest(pepper, text, "sha256")[:_PSEUDONYM_BYTES]).decode().lower()


def words(what: str, claims: Claims, said: ClaimSettings) -> list[str]:
    """Return the words that a token has for something, after the map; sorted, at least one. Raises Forbidden."""
    if said.value:
        return [said.value]
    found: Any = claims
    for name in (said.claim,) if isinstance(said.claim, str) else said.claim:
        found = found.get(name) if isinstance(found, dict) else None
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(word, str) for word in listed):
        _unmapped(what)
    mapped = {said.map[word] for word in listed if word in said.map} if said.map else {*listed}
    if not mapped:
        _unmapped(what)
    return sorted(mapped)


def _one(what: str, claims: Claims, said: ClaimSettings, kind: type[T] | Any) -> T:
    found = words(what, claims, said)
    try:
        (word,) = found
        fit: T = msgspec.convert(word, kind)
    except (ValueError, msgspec.ValidationError):
        _unmapped(what)
    return fit


def _country(what: str, claims: Claims, said: ClaimSettings | None, site: SiteSettings) -> str:
    if said is None:
        return site.jurisdiction
    country: str = _one(what, claims, said, Country)
    return country or _unmapped(what)


def _unmapped(what: str) -> NoReturn:
    message = f"The token is valid, and does not say the {what.replace('_', ' ')} as this gateway is set to read it."
    raise Forbidden(message, code="identity.token_unmapped")
