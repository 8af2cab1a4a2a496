"""Break-glass: for a project and for a day at most, two approvers let named codes not stop it.

A grant is a document, ``sekisho.break-glass/1``, in a DSSE envelope: ``state/policy/break-glass/<id>.json``. Rules:

1. It names its project and the codes that it waives; none that ``data/break_glass.json`` says is never waived.
2. It holds from ``since`` until ``until``, at most 24 hours, and cannot be lengthened: another one must be signed.
3. It counts when two different approvers (``keys/policy-signers.json``) have signed its very bytes, which are canonical
   JSON. An approver who is removed meanwhile no longer counts.
4. One that is expired, ended, damaged or signed by too few opens nothing. It is shown, with what is wrong.

What counts becomes a fact (``data.facts.break_glass``); OPA looks at the time and at the list of what is never waived
once more. Each step of a grant is on record (:mod:`gateway.policy.break_glass_office`), and so is each use of it: the
decision carries ``policy.break_glass`` with the grant's id.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from ulid import ULID

from gateway.errors import SetupError
from gateway.policy import dsse
from gateway.policy.dsse import BadEnvelope, Envelope
from gateway.policy.manifest import instant, said
from gateway.policy.revisions import replace_file
from gateway.policy.signers import Signer

TYPE = "application/vnd.sekisho.break-glass+json"
"""The type of the payload: a signature for anything else is none for a grant."""

PERSONS = 2
LONGEST = timedelta(hours=24)
KEPT = timedelta(days=30)
"""How long a grant that is over is still shown. The audit log has it for good."""

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_ENDED = ".ended"
_LARGEST_BYTES = 64 * 1024
COUNTS = ("approved", "in force")

State = Literal["unsigned", "waits", "approved", "in force", "expired", "ended", "damaged"]
"""Signed by nobody; by one person; by two, for later; by two, now. What is over; what was ended; what is none."""

Code = Annotated[str, msgspec.Meta(pattern=r"^(policy|own)\.[a-z][a-z0-9_]{0,55}$")]
Project = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,63}/[a-z0-9-]{1,63}$")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


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


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as it lies on disk. ``grant`` is ``None`` when it is damaged; ``problem`` says why."""

    id: str
    state: State
    signed_by: tuple[str, ...] = ()
    grant: BreakGlass | None = None
    envelope: Envelope | None = None
    problem: str = ""

    def view(self) -> dict[str, Any]:
        """Return it as people and the audit log see it."""
        plain = msgspec.to_builtins(self.grant) if self.grant else {"id": self.id}
        return {**plain, "state": self.state, "signed_by": list(self.signed_by), "problem": self.problem}


class Grants:
    """The folder of grants. Only one process changes it at a time: who holds the data folder's lock.

    Args:
        folder: ``state/policy/break-glass``.
        signers: who may sign, read anew at each look; those who are approvers count.
    """

    def __init__(self, folder: Path, signers: Callable[[], Sequence[Signer]]) -> None:
        self.folder = folder
        self._signers = signers

    def all(self, now: datetime) -> list[Known]:
        """Return all that are in force, wait, or were over less than :data:`KEPT` ago, oldest first.

        Raises:
            SetupError: the file of signers is damaged.
        """
        approvers = self.approvers()
        paths = sorted(self.folder.glob("*.json"))
        ended = {path.stem.removesuffix(_ENDED) for path in paths if path.stem.endswith(_ENDED)}
        found = (_known(path, approvers, now) for path in paths if path.stem not in ended)
        return [known for known in found if not _long_over(known, now)]

    def facts(self, now: datetime) -> list[dict[str, Any]]:
        """Return the grants that count now or will: ``data.facts.break_glass``. Nothing that is wrong raises here."""
        try:
            known = self.all(now)
        except SetupError:  # nobody can be shown to have signed
            return []
        return [one.grant.fact() for one in known if one.grant and one.state in COUNTS]

    def find(self, reference: str, now: datetime) -> Known:
        """Return one by its id or the end of it. Raises SetupError when there is none, or more than one."""
        found = [known for known in self.all(now) if reference and known.id.endswith(reference.upper())]
        if len(found) != 1:
            problem = f"There {'is no grant' if not found else 'is more than one grant'} {reference}."
            raise SetupError(problem, "See: sekisho policy break-glass list", exit_code=2)
        return found[0]

    def approvers(self) -> list[Signer]:
        return [signer for signer in self._signers() if "approver" in signer.roles]

    def write(self, id_: str, envelope: Envelope) -> None:
        """Write a grant. Raises SetupError."""
        try:
            replace_file(self._path(id_), dsse.write_envelope(envelope))
        except OSError as error:
            raise SetupError(f"{self._path(id_)} cannot be written.", "Check its owner and free space.") from error

    def end(self, id_: str) -> None:
        """Make a grant count no more, for good. Raises SetupError."""
        path = self._path(id_)
        try:
            path.replace(path.with_name(f"{id_}{_ENDED}.json"))
            _sync(self.folder)
        except OSError as error:
            raise SetupError(f"{path} cannot be moved.", "Check its owner and free space.") from error

    def _path(self, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise SetupError(f"{id_} is no id of a grant.", "See: sekisho policy break-glass list", exit_code=2)
        return self.folder / f"{id_}.json"


def draft(wish: Wish, by: str, never: Collection[str], now: datetime) -> tuple[BreakGlass, Envelope]:
    """Return the grant that is asked for, and its envelope, which nobody has signed yet. Pure, but for a fresh id.

    Raises:
        SetupError: it would waive what is never waived, or its time is none, or is over.
    """
    refused = sorted(set(wish.waives) & set(never))
    if refused:
        raise _wrong(f"nothing waives {' or '.join(refused)}", "Ask for other codes, or mend what stands behind them.")
    try:
        since = instant(wish.since) if wish.since else now.replace(microsecond=0)
    except ValueError as error:
        raise _wrong(f"{wish.since} is no time", "Write it like 2026-11-22T08:00:00Z.") from error
    until = since + timedelta(hours=wish.hours)
    if until <= now:
        raise _wrong("that time is over", "Give a later --since.")
    if since > now + KEPT:
        raise _wrong("it would begin too late", f"Ask for it within {KEPT.days} days of its beginning.")
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


def countersigned(known: Known, signature: dsse.Signature, approvers: Sequence[Signer]) -> tuple[Signer, Envelope]:
    """Return who signed, and the envelope with that signature too. Pure.

    Raises:
        SetupError: it can no longer be signed, the signature is not an approver's, or that person signed already.
    """
    envelope = known.envelope
    if envelope is None or known.state in ("expired", "ended", "damaged"):
        raise _wrong(f"the grant {known.id} can no longer be signed: it is {known.state}", "Ask for another one.")
    alone = msgspec.structs.replace(envelope, signatures=(signature,))
    signer = next((approver for approver in approvers if _signed(alone, approver)), None)
    if signer is None:
        raise _wrong("that key is not an approver's", "See: sekisho policy signer list")
    if signer.name in known.signed_by:
        raise _wrong(f"{signer.name} has signed it already", "Another approver must sign it too.")
    return signer, msgspec.structs.replace(envelope, signatures=(*envelope.signatures, signature))


# --- how


def _known(path: Path, approvers: Sequence[Signer], now: datetime) -> Known:
    id_ = path.stem.removesuffix(_ENDED)
    try:
        envelope = dsse.read_envelope(_read(path))
        grant = read(envelope)
        if grant.id != id_ or not _ID.fullmatch(id_):
            raise BadEnvelope("its name is not its id")
        names = tuple(sorted({approver.name for approver in approvers if _signed(envelope, approver)}))
        state = _state(path, grant, envelope, approvers, now)
    except (OSError, BadEnvelope) as error:
        problem = str(error) if isinstance(error, BadEnvelope) else "it cannot be read"
        return Known(id=id_, state="damaged", problem=problem)
    return Known(id=id_, state=state, signed_by=names, grant=grant, envelope=envelope)


def _state(path: Path, grant: BreakGlass, envelope: Envelope, approvers: Sequence[Signer], now: datetime) -> State:
    if path.stem.endswith(_ENDED):
        return "ended"
    if now >= instant(grant.until):
        return "expired"
    try:
        dsse.verify(TYPE, envelope, approvers, needed=PERSONS)
    except BadEnvelope:
        return "waits" if any(_signed(envelope, approver) for approver in approvers) else "unsigned"
    return "in force" if now >= instant(grant.since) else "approved"


def _signed(envelope: Envelope, approver: Signer) -> bool:
    try:
        return bool(dsse.verify(TYPE, envelope, [approver]))
    except BadEnvelope:
        return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST_BYTES)


def _long_over(known: Known, now: datetime) -> bool:
    return known.grant is not None and now >= instant(known.grant.until) + KEPT


def _wrong(problem: str, mend: str) -> SetupError:
    return SetupError(f"{problem[0].upper()}{problem[1:]}.", mend, exit_code=2)


def now() -> datetime:
    return datetime.now(UTC)
