"""Break-glass: for a project and for a day at most, two approvers let named codes not stop it. Pure, but for the clock.

A grant is a document, ``sekisho.break-glass/1``, in a DSSE envelope: ``state/policy/break-glass/<id>.json``. Rules:

1. It names its project and the codes that it waives; none that ``data/break_glass.json`` says is never waived.
2. It holds from ``since`` until ``until``, at most 24 hours, and cannot be lengthened: another one must be signed.
3. It counts when two different approvers (``keys/policy-signers.json``) have signed its very bytes, which are canonical
   JSON. An approver who is removed meanwhile no longer counts.
4. One that is expired, ended, damaged or signed by too few opens nothing. It is shown, with what is wrong
   (:mod:`gateway.policy.glass.folder`).

What counts becomes a fact (``data.facts.break_glass``); OPA looks at the time and at the list of what is never waived
once more. Each step of a grant is on record (:mod:`gateway.policy.glass.office`), and so is each use of it: the
decision carries ``policy.break_glass`` with the grant's id.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from ulid import ULID

from gateway.errors import SetupError
from gateway.policy.life import dsse
from gateway.policy.life.dsse import BadEnvelope, Envelope
from gateway.policy.life.manifest import instant, said

TYPE = "application/vnd.sekisho.break-glass+json"
"""The type of the payload: a signature for anything else is none for a grant."""

PERSONS = 2
LONGEST = timedelta(hours=24)
KEPT = timedelta(days=30)
"""How long a grant that is over is still shown. The audit log has it for good."""


Code = Annotated[str, msgspec.Meta(pattern=r"^(policy|own)\.[a-z][a-z0-9_]{0,55}\Z")]
Project = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,63}/[a-z0-9-]{1,63}\Z")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+\Z")]


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody asks for. ``since`` empty: from now on. Times are RFC 3339 in UTC, to the second."""

    project: Project
    waives: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=16)]
    hours: Annotated[int, msgspec.Meta(ge=1, le=24)]
    reason: Reason
    since: str = ""


class BreakGlass(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The document that is signed."""

    id: str
    project: Project
    waives: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=16)]
    since: str
    until: str
    reason: Reason
    by: str  # who asked for it, as the command line says
    version: Literal["sekisho.break-glass/1"] = "sekisho.break-glass/1"

    def fact(self) -> dict[str, Any]:
        """Return what rules may know of it: never the reason, which a person typed."""
        waives = list(self.waives)
        return {"id": self.id, "project": self.project, "waives": waives, "since": self.since, "until": self.until}


def draft(wish: Wish, by: str, never: Collection[str], now: datetime) -> tuple[BreakGlass, Envelope]:
    """Return the grant that is asked for, and its envelope, which nobody has signed yet. Pure, but for a fresh id.

    Raises:
        SetupError: it would waive what is never waived, or its time is none, or is over.
    """
    refused = sorted(set(wish.waives) & set(never))
    if refused:
        raise _wrong(f"Nothing waives {' or '.join(refused)}", "Ask for other codes, or mend what stands behind them.")
    try:
        since = instant(wish.since) if wish.since else now.replace(microsecond=0)
    except ValueError as error:
        raise _wrong(f"{wish.since} is no time", "Write it like 2026-11-22T08:00:00Z.") from error
    until = since + timedelta(hours=wish.hours)
    if until <= now:
        raise _wrong("That time is over", "Give a later --since.")
    if since > now + KEPT:
        raise _wrong("It would begin too late", f"Ask for it within {KEPT.days} days of its beginning.")
    grant = BreakGlass(
        id=str(ULID()),
        project=wish.project,
        waives=tuple(dict.fromkeys(wish.waives)),
        since=said(since),
        until=said(until),
        reason=wish.reason,
        by=by,
    )
    return grant, dsse.sign(TYPE, dsse.canonical(msgspec.to_builtins(grant)), ())


def read(envelope: Envelope) -> BreakGlass:
    """Return what an envelope holds; says nothing of who signed it.

    Raises:
        BadEnvelope: another type, not canonical JSON, no such document, or a time that is none or too long.
    """
    if envelope.payload_type != TYPE:
        raise BadEnvelope("it is a document of another type")
    payload = dsse.payload_of(envelope)
    try:
        grant = msgspec.json.decode(payload, type=BreakGlass)
        since, until = instant(grant.since), instant(grant.until)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadEnvelope("it is not a break-glass grant") from error
    if dsse.canonical(msgspec.to_builtins(grant)) != payload:
        raise BadEnvelope("it is not canonical JSON")
    if not since < until <= since + LONGEST:
        raise BadEnvelope(f"it does not end within {LONGEST.total_seconds() / 3600:.0f} hours")
    return grant


def now() -> datetime:
    return datetime.now(UTC)


def _wrong(problem: str, mend: str) -> SetupError:
    return SetupError(f"{problem}.", mend, exit_code=2)
