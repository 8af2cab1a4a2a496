"""The life of a policy: built, signed, put in force, taken back. Each step is on record before it takes effect.

The running server and the command line (when there is no server) both change policies here and nowhere else. Records::

    policy.built          a revision lies on the shelf             policy.imported     one from elsewhere does
    policy.signed         a person's signature was added           policy.signer_added, policy.signer_removed
    policy.activated      it is put in force                       policy.rolled_back  the one before it is again
    policy.refused        it was not, and why                      policy.in_force     what holds, at each start

*Putting in force* takes four steps: an OPA with the revision runs, has the facts and has answered; the record is on
stable storage; ``in-force`` is replaced; questions go to the new OPA. Whoever dies in between leaves the revision
before or the new one in force, and the next ``policy.in_force`` says which.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.errors import SekishoError, SetupError
from gateway.policy.life import dsse
from gateway.policy.life.assembly import Secrets, assemble
from gateway.policy.life.in_force import differences, expiry, view_of
from gateway.policy.life.manifest import TYPE, instant, said
from gateway.policy.life.revisions import (
    BUNDLE,
    MANIFEST,
    TABLE,
    Revision,
    Revisions,
    Standing,
    Step,
    open_revision,
    unwatched,
)
from gateway.policy.life.signer_change import SignerChange, approved_by
from gateway.policy.life.signers import Signer, Signers
from gateway.policy.life.signing import hindrances, require_vouched, signatures, trust_of
from gateway.policy.opa.program import find_opa
from gateway.settings import Settings

T = TypeVar("T")
_log = logging.getLogger("sekisho.policy")
_DAY_SECONDS = 24 * 60 * 60
View = dict[str, Any]
OF_A_REVISION = (BUNDLE, TABLE, MANIFEST)


class Events(Protocol):
    """What this needs of the book: see :class:`gateway.audit.door.Book`."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class Switch(Protocol):
    """Whoever decides; :class:`gateway.policy.client.OpaPolicy` is the real one."""

    async def prepare(self, standing: Standing) -> None: ...

    async def switch(self) -> None: ...

    async def abandon(self) -> None: ...


def _clock() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class PolicyLife:
    """Every change of a policy. One instance for each process, which holds the data folder's lock.

    Args:
        book: where each change is written first.
        switch: who is to decide by what is put in force.
        step: called at each step that something could die at.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        book: Events,
        switch: Switch,
        *,
        step: Step = unwatched,
        clock: Callable[[], datetime] = _clock,
    ) -> None:
        self._settings, self._secrets, self._book, self._switch = settings, secrets, book, switch
        self._step, self._clock = step, clock
        self.revisions = Revisions(settings.state / "policy", step)
        self.signers = Signers(settings.keys)
        self._one_at_a_time = asyncio.Lock()

    # --- making and signing

    async def build(self, by: str) -> View:
        """Build a revision of what the settings name now.

        Raises:
            SetupError: something of it is malformed; names file and line.
        """
        async with self._one_at_a_time:
            opa = await asyncio.to_thread(find_opa, self._settings)
            make = (opa, self._settings, self._secrets, self.revisions, self._clock())
            revision = await self._working(assemble, *make)
            manifest = revision.manifest
            tests = msgspec.to_builtins((manifest.tests, manifest.cases))
            await self._record("policy.built", by, revision, expires=manifest.expires, tests=tests[0], cases=tests[1])
            return self.view(revision)

    async def take(self, folder: Path, by: str) -> View:
        """Put a revision from elsewhere on the shelf. Raises SetupError when it is not whole or nobody vouches."""
        async with self._one_at_a_time:
            return self.view(await self._taken(folder, by))

    async def sign(self, reference: str, signature: dsse.Signature, by: str) -> View:
        """Add a person's signature.

        Raises:
            SetupError: no such revision, the key is not that of a trusted signer, or it does not fit.
        """
        async with self._one_at_a_time:
            revision = self.revisions.get(reference)
            signer = self._who(revision, signature)
            await self._record("policy.signed", by, revision, signer=signer.name, key_id=signer.key_id)
            others = [one for one in revision.envelope.signatures if one.keyid != signature.keyid]
            envelope = msgspec.structs.replace(revision.envelope, signatures=(*others, signature))
            return self.view(await self._working(self.revisions.write_signatures, revision, envelope))

    async def add_signer(self, signer: Signer, by: str, approvals: Sequence[dsse.Signature] = ()) -> View:
        """Let a person's signatures count.

        Args:
            approvals: an approver's, or those of two, once there are (:mod:`gateway.policy.life.signer_change`).

        Raises:
            SetupError: it is not fit to be added, or not approved.
        """
        async with self._one_at_a_time:
            signer = self.signers.checked(msgspec.structs.replace(signer, added=said(self._clock())))
            known = self.signers.list()
            approvers = approved_by(SignerChange.of("add", signer, known), approvals, known)
            view = signer_view(signer)
            self._book.event("policy.signer_added", by=by, approved_by=", ".join(approvers), signer=view)
            await self._book.durable()
            await self._working(self.signers.add, signer)
            return view

    async def remove_signer(self, name: str, by: str, approvals: Sequence[dsse.Signature] = ()) -> View:
        """Let a person's signatures count no more. Arguments and errors as :meth:`add_signer`."""
        async with self._one_at_a_time:
            signer, known = self.signers.find(name), self.signers.list()
            approvers = approved_by(SignerChange.of("remove", signer, known), approvals, known)
            view = signer_view(signer)
            self._book.event("policy.signer_removed", by=by, approved_by=", ".join(approvers), signer=view)
            await self._book.durable()
            await self._working(self.signers.remove, name)
            return view

    # --- in force

    async def activate(self, reference: str, by: str, *, first: bool = False) -> View:
        """Put a revision in force, by its id or the path of its folder.

        Args:
            first: it is the first of a new installation, which nobody need approve.

        Returns:
            ``in_force`` true, or false with ``hindrances``: why it may not be, by stable code.

        Raises:
            SetupError: no such revision, OPA refuses it, or it cannot be written; what was in force stays.
        """
        async with self._one_at_a_time:
            revision = await self._found(reference, by)
            note = self.revisions.note()
            if note and note.revision == revision.id:
                return {**self.view(revision), "in_force": True}
            free = first or self._settings.site.preset == "demo"
            return await self._go("policy.activated", revision, by, approved=free, first=first)

    async def rollback(self, by: str) -> View:
        """Put that revision in force again which was before. Needs nobody's approval; else as :meth:`activate`."""
        async with self._one_at_a_time:
            note = self.revisions.note()
            if note is None or not note.before:
                raise SetupError("No revision was in force before.", "See: sekisho policy status", exit_code=2)
            revision = self.revisions.get(note.before[0])
            return await self._go("policy.rolled_back", revision, by, approved=True, first=False)

    async def first(self, by: str) -> Revision:
        """Return the revision in force; where none ever was, build and activate the first.

        Raises:
            SetupError: it could not be built, or its tests do not pass.
        """
        if self.revisions.note() is None:
            made = await self.build(by)
            done = await self.activate(made["revision"], by, first=True)
            if not done["in_force"]:
                raise SetupError(" ".join(done["hindrances"].values()), "Run: sekisho policy test")
        return self._require_in_force()

    async def announce(self) -> Revision:
        """Write what is in force into the book, at a start; return it.

        Raises:
            SetupError: nothing is, it is not whole, or nobody vouches for it.
        """
        revision = self._require_in_force()
        note = self.revisions.note()
        since = note.since if note else ""
        await self._record("policy.in_force", "", revision, since=since, expires=revision.manifest.expires)
        return revision

    async def warn_daily(self) -> None:
        """Say in the log, each day, that what is in force expires soon or has. Ends when it is cancelled."""
        while True:
            revision = await asyncio.to_thread(self.revisions.in_force)
            if revision and (warning := expiry(revision, self._clock())):
                _log.warning(warning, extra={"revision": revision.id, "expires": revision.manifest.expires})
            await asyncio.sleep(_DAY_SECONDS)

    # --- what there is

    def expires(self) -> float | None:
        """Return when what is in force expires, in seconds since 1970; ``None`` where nothing whole is in force."""
        try:
            revision = self.revisions.in_force()
        except SetupError:
            return None
        return instant(revision.manifest.expires).timestamp() if revision else None

    def view(self, revision: Revision) -> View:
        """Return a revision as people and scripts see it."""
        trust, note, now = trust_of(self._settings.keys), self.revisions.note(), self._clock()
        in_force = note is not None and note.revision == revision.id
        free = self._settings.site.preset == "demo" or in_force  # as `activate` sees it: going back is `rollback`
        return {
            **view_of(revision, now),
            "signatures": [
                {"key_id": one.key_id, "name": one.name, "roles": list(one.roles)}
                for one in signatures(revision, trust)
            ],
            "hindrances": hindrances(revision, trust, now, approved=free),
            "in_force": in_force,
        }

    def show(self, reference: str) -> View:
        """Return one revision. Raises SetupError."""
        return self.view(self.revisions.get(reference))

    def status(self) -> View:
        """Return what is in force and since when, what differs from it in the files, and what is on the shelf."""
        note, now = self.revisions.note(), self._clock()
        revision = self.revisions.in_force()
        return {
            "in_force": self.view(revision) if revision else None,
            "since": note.since if note else "",
            "before": list(note.before) if note else [],
            "warning": expiry(revision, now) if revision else "",
            "differs": differences(self._settings, revision) if revision else [],
            "revisions": [self.view(one) for one in self.revisions.list()],
            "external": self._settings.policy.url,
        }

    # --- how

    async def _found(self, reference: str, by: str) -> Revision:
        path = Path(reference)
        if path.is_absolute() and path.parent != self.revisions.folder / "revisions":
            return await self._taken(path, by)
        return self.revisions.get(reference)

    async def _taken(self, folder: Path, by: str) -> Revision:
        revision = await self._working(self._copied, folder)
        await self._record("policy.imported", by, revision, site=revision.manifest.site)
        return revision

    def _copied(self, folder: Path) -> Revision:
        with self.revisions.draft() as fresh:
            for name in OF_A_REVISION:
                try:
                    shutil.copyfile(folder / name, fresh / name)
                except OSError as error:
                    raise SetupError(f"{folder / name} cannot be read.", "Name a revision's folder.") from error
            theirs = open_revision(fresh, folder)
            require_vouched(theirs, trust_of(self._settings.keys))
            kept = self.revisions.keep(fresh)
        if kept.digest != theirs.digest:
            problem = f"A revision {kept.id} was built here on the same day."
            raise SetupError(problem, "Have that one signed, or build theirs anew on another day.")
        known = {one.keyid for one in kept.envelope.signatures}
        more = [one for one in theirs.envelope.signatures if one.keyid not in known]
        both = msgspec.structs.replace(kept.envelope, signatures=(*kept.envelope.signatures, *more))
        return self.revisions.write_signatures(kept, both) if more else kept

    def _who(self, revision: Revision, signature: dsse.Signature) -> Signer:
        alone = msgspec.structs.replace(revision.envelope, signatures=(signature,))
        for signer in self.signers.list():
            if signer.key_id == signature.keyid:
                try:
                    dsse.verify(TYPE, alone, [signer])
                except dsse.BadEnvelope:
                    break
                return signer
        problem = "That is no signature of a trusted signer for this revision."
        raise SetupError(problem, "See: sekisho policy signer list", exit_code=2)

    async def _go(self, what: str, revision: Revision, by: str, *, approved: bool, first: bool) -> View:
        trust = trust_of(self._settings.keys)
        against = hindrances(revision, trust, self._clock(), approved=approved)
        if against:
            await self._record("policy.refused", by, revision, tried=what, codes=sorted(against))
            return {**self.view(revision), "hindrances": against}
        try:
            await self._switch.prepare(revision.standing)
            self._step("prepared")
            names = [one.name for one in signatures(revision, trust) if one.name]
            before = self.revisions.note()
            details = {"before": before.revision if before else "", "signed_by": names, "first": first}
            await self._record(what, by, revision, **details)
            self._step("recorded")
        except (SetupError, SekishoError) as error:
            await self._switch.abandon()
            code = error.code if isinstance(error, SekishoError) else "policy.refused"
            await self._record("policy.refused", by, revision, tried=what, codes=[code])
            raise
        except BaseException:
            await self._switch.abandon()
            raise
        # whoever waits for it may go away: what is written and what decides change together
        await asyncio.shield(asyncio.ensure_future(self._commit(what, revision, by)))
        return {**self.view(revision), "in_force": True}

    async def _commit(self, what: str, revision: Revision, by: str) -> None:
        try:
            await self._working(self._put, revision, what == "policy.rolled_back")
        except SetupError:
            await self._switch.abandon()
            await self._record("policy.refused", by, revision, tried=what, codes=["policy.refused"])
            raise
        self._step("in_force")
        await self._switch.switch()
        self._step("switched")
        await self._working(self.revisions.drop_old)

    def _put(self, revision: Revision, back: bool) -> None:
        """Put it in force on disk, or raise SetupError and leave what was."""
        try:
            self.revisions.put_in_force(revision, said(self._clock()), back=back)
        except OSError as error:
            note = self.revisions.note()
            if note and note.revision == revision.id:  # replaced, though not known to be on stable storage
                _log.warning("in-force was replaced, but could not be synced", extra={"revision": revision.id})
                return
            problem = f"{self.revisions.folder} cannot be written ({error.strerror})."
            raise SetupError(problem, "Check its owner and free space.") from error

    def _require_in_force(self) -> Revision:
        revision = self.revisions.in_force()
        if revision is None:
            mend = "Run: sekisho policy build, have it signed, then: sekisho policy activate latest"
            raise SetupError("No policy is in force.", mend)
        require_vouched(revision, trust_of(self._settings.keys))
        return revision

    async def _record(self, what: str, by: str, revision: Revision, **details: Any) -> None:
        self._book.event(what, by=by, revision=revision.id, digest=revision.digest, **details)
        await self._book.durable()

    async def _working(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.to_thread(work, *arguments)


def signer_view(signer: Signer) -> View:
    return {
        "name": signer.name,
        "key_id": signer.key_id,
        "roles": list(signer.roles),
        "public_key": signer.public_key,
        "added": signer.added,
    }
