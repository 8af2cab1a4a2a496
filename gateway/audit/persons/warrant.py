"""The documents that officers sign before anything about one person is looked at. Pure, but for the clock.

A *warrant* (``sekisho.person-search/1``) opens the search for one person. Rules:

1. It counts when an auditor and a privacy officer have signed its very bytes, two persons with two keys. Each of them
   also holds it to its reason, which goes on record.
2. It does not say who is searched for, and nobody can read that out of it: it has an HMAC over its own id and the
   person, under a secret of the tenant. Whoever uses it says the person again, and it must be the same one.
3. It ends after seven days.

A *reading* (``sekisho.content-reading/1``) is one privacy officer's wish to see values: those of one item, or those
that a search found. It is good for five minutes.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from ulid import ULID

from gateway.audit.canonical import canonical
from gateway.audit.persons.officers import AUDITOR, PRIVACY_OFFICER, Officer, Signature

WARRANT_TYPE = "application/vnd.sekisho.person-search+json"
READING_TYPE = "application/vnd.sekisho.content-reading+json"
HOLDS = timedelta(days=7)
READING_HOLDS = timedelta(minutes=5)

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Tenant = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9-]{1,63})?\Z")]
State = Literal["waits", "in force", "expired"]


class Warrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The document that is signed. ``tenant`` empty: all of them."""

    id: str
    subject: str  # HMAC-SHA256, hex
    tenant: Tenant
    reason: Reason
    by: str
    until: str
    version: Literal["sekisho.person-search/1"] = "sekisho.person-search/1"

    def payload(self) -> bytes:
        return canonical(msgspec.to_builtins(self))


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A warrant with its signatures, as it lies on disk."""

    warrant: Warrant
    signatures: tuple[Signature, ...] = ()


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one officer wants to see: an item, or the values of a search, by id."""

    what: Literal["item", "search"]
    id: str
    reason: Reason
    time: str
    version: Literal["sekisho.content-reading/1"] = "sekisho.content-reading/1"

    def payload(self) -> bytes:
        return canonical(msgspec.to_builtins(self))


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reading, and the officer's signature on it."""

    reading: Reading
    signature: Signature


def draft(subject: str, tenant: str, reason: str, by: str, secret: bytes, now: datetime) -> Warrant:
    """Return a warrant that nobody has signed yet."""
    id_ = str(ULID())
    until = said(now + HOLDS)
    return Warrant(id=id_, subject=sealed(secret, id_, subject), tenant=tenant, reason=reason, by=by, until=until)


def sealed(secret: bytes, id_: str, subject: str) -> str:
    """Return what a warrant says of whom it is for."""
    return hmac.digest(secret, f"sekisho/person-search/1\0{id_}\0{subject}".encode(), "sha256").hex()


def is_for(warrant: Warrant, subject: str, secrets: Sequence[bytes]) -> bool:
    """Whether the warrant is for that person."""
    return any(hmac.compare_digest(warrant.subject, sealed(secret, warrant.id, subject)) for secret in secrets)


def state(warrant: Warrant, officers: Sequence[Officer], now: datetime) -> State:
    """Return how it stands, given who has signed it validly."""
    if now >= instant(warrant.until):
        return "expired"
    return "in force" if _enough(officers) else "waits"


def may_read(reading: Reading, what: str, id_: str, officers: Sequence[Officer], now: datetime) -> Officer | None:
    """Return the privacy officer who wants to see that and signed so just now; ``None`` when there is none."""
    try:
        age = now - instant(reading.time)
    except ValueError:
        return None
    if (reading.what, reading.id) != (what, id_) or not timedelta() <= age <= READING_HOLDS:
        return None
    return next((one for one in officers if PRIVACY_OFFICER in one.roles), None)


def said(moment: datetime) -> str:
    """Return a time as documents say it: RFC 3339, UTC, seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str) -> datetime:
    """Return the time that a document says. Raises ValueError when it is none, or names no zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


def _enough(officers: Sequence[Officer]) -> bool:
    """Whether an auditor and another person, a privacy officer, are among them."""
    return any(
        AUDITOR in one.roles and PRIVACY_OFFICER in other.roles and one.name != other.name and one.key != other.key
        for one in officers
        for other in officers
    )
