"""The folder of break-glass grants, and how each of them stands. What a grant is: :mod:`gateway.policy.glass.grant`.

A file is read anew at each look: whatever it says, and whoever is an approver then, counts. What is wrong with it never
raises where facts are made, and opens nothing.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.errors import SetupError
from gateway.policy.glass.grant import KEPT, PERSONS, TYPE, BreakGlass, read
from gateway.policy.life import dsse
from gateway.policy.life.dsse import BadEnvelope, Envelope
from gateway.policy.life.manifest import instant
from gateway.policy.life.revisions import replace_file
from gateway.policy.life.signers import Signer

State = Literal["unsigned", "waits", "approved", "in force", "expired", "ended", "damaged"]
"""Signed by nobody; by one person; by two, for later; by two, now. What is over; what was ended; what is none."""

COUNTS = ("approved", "in force")

_log = logging.getLogger(__name__)
_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_ENDED = ".ended"
_LARGEST_BYTES = 64 * 1024


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
        self._reported: set[str] = set()

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
        """Return the grants that count now or will: ``data.facts.break_glass``.

        Nothing that is wrong raises here: it opens nothing, and is said once in the operator's log.
        """
        try:
            known = self.all(now)
        except SetupError as error:  # nobody can be shown to have signed
            self._report("*", f"no break-glass grant counts: {error.problem}")
            return []
        for one in known:
            if one.state == "damaged":
                self._report(one.id, f"break-glass grant {one.id[:64]} opens nothing: {one.problem}")
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

    def _report(self, key: str, problem: str) -> None:
        if key not in self._reported:
            self._reported.add(key)
            _log.warning("%s", problem)

    def _path(self, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise SetupError(f"{id_} is no id of a grant.", "See: sekisho policy break-glass list", exit_code=2)
        return self.folder / f"{id_}.json"


def countersigned(known: Known, signature: dsse.Signature, approvers: Sequence[Signer]) -> tuple[Signer, Envelope]:
    """Return who signed, and the envelope with that signature too. Pure.

    Raises:
        SetupError: it can no longer be signed, the signature is not an approver's, or that person signed already.
    """
    envelope = known.envelope
    if envelope is None or known.state in ("expired", "ended", "damaged"):
        raise _wrong(f"The grant {known.id} can no longer be signed: it is {known.state}", "Ask for another one.")
    alone = msgspec.structs.replace(envelope, signatures=(signature,))
    signer = next((approver for approver in approvers if _signed(alone, approver)), None)
    if signer is None:
        raise _wrong("That key is not an approver's", "See: sekisho policy signer list")
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
    return SetupError(f"{problem}.", mend, exit_code=2)
