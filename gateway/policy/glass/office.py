"""Changes to break-glass grants, with the book kept: each step is on record, durably, before it takes effect.

The running server (through its admin socket) and the command line (when there is no server) both change grants here
and nowhere else. ``policy.break_glass_requested``, ``…_signed`` and ``…_ended`` are the records; ``….failed`` follows
where the disk refused what was on record already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from gateway.errors import SetupError
from gateway.policy.glass import grant as break_glass
from gateway.policy.glass.folder import Grants, Known, countersigned
from gateway.policy.glass.grant import Wish
from gateway.policy.life.build import law
from gateway.policy.life.dsse import Signature
from gateway.policy.life.revisions import Revisions
from gateway.policy.life.signers import Signers
from gateway.policy.words import texts
from gateway.settings import Settings

View = dict[str, Any]


class Events(Protocol):
    """What this needs of the book: see :class:`gateway.audit.door.Book`."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


def never_waived(settings: Settings) -> frozenset[str]:
    """Return the codes that no grant may name, as the revision in force says, or the files where there is none yet.

    OPA has the last word, by the same list. Raises SetupError.
    """
    revision = Revisions(settings.state / "policy").in_force()
    said = revision.law if revision else law(settings.policies)
    never = said.get("break_glass", {}).get("never")
    if not isinstance(never, dict):
        problem = "data/break_glass.json of the policies does not say what is never waived."
        raise SetupError(problem, "Restore that file, build and activate.")
    return frozenset(never)


def grants_of(settings: Settings) -> Grants:
    """Return the grants of an installation; reading needs neither lock nor server."""
    return Grants(settings.state / "policy" / "break-glass", Signers(settings.keys).list)


async def nothing_runs() -> None:
    """What is to be done after a change where no server runs: nothing."""


class BreakGlassOffice:
    """Takes requests for grants, their signatures, and ends them. :meth:`of` makes it for an installation.

    Args:
        grants: the folder.
        book: where each step is written first.
        never: the codes that are never waived.
        changed: awaited after each change; a server gives its OPA the facts anew.
        clock: the wall clock's time, in UTC.
    """

    def __init__(
        self,
        grants: Grants,
        book: Events,
        never: Collection[str],
        changed: Callable[[], Awaitable[None]] = nothing_runs,
        clock: Callable[[], datetime] = break_glass.now,
    ) -> None:
        self._grants = grants
        self._book = book
        self._never = never
        self._changed = changed
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    def of(
        cls, settings: Settings, book: Events, changed: Callable[[], Awaitable[None]] = nothing_runs
    ) -> BreakGlassOffice:
        """Return the office of an installation. Raises SetupError when it is not said what is never waived."""
        return cls(grants_of(settings), book, never_waived(settings), changed)

    def show(self) -> list[View]:
        """Return all grants as people may see them, oldest first. Raises SetupError."""
        return [known.view() for known in self._grants.all(self._clock())]

    async def request(self, wish: Wish, by: str) -> View:
        """Ask for a grant. It opens nothing until two approvers have signed it.

        Raises:
            SetupError: it names a code that there is not, may not be asked for, or could not be written.
            AuditUnavailable: it could not be put on record, so it was not made.
        """
        _require_known(wish.waives)
        async with self._one_at_a_time:
            grant, envelope = break_glass.draft(wish, by, self._never, self._clock())
            details = Known(id=grant.id, state="unsigned", grant=grant).view()
            return await self._change(
                grant.id, "requested", details, by, partial(self._grants.write, grant.id, envelope)
            )

    async def sign(self, reference: str, signature: Signature, by: str) -> View:
        """Add an approver's signature; with the second one it counts, and has taken effect when this returns.

        Raises:
            SetupError: there is no such grant, or the signature does not count.
            AuditUnavailable: it could not be put on record, so it was not added.
        """
        async with self._one_at_a_time:
            known = self._grants.find(reference, self._clock())
            signer, envelope = countersigned(known, signature, self._grants.approvers())
            details = {**known.view(), "signer": signer.name, "key": signer.key_id}
            return await self._change(known.id, "signed", details, by, partial(self._grants.write, known.id, envelope))

    async def end(self, reference: str, by: str) -> View:
        """End a grant. One person is enough to close what two opened.

        Raises:
            SetupError: there is no such grant, it has ended already, or it could not be moved: it still counts.
            AuditUnavailable: it could not be put on record; it still counts.
        """
        async with self._one_at_a_time:
            known = self._grants.find(reference, self._clock())
            if known.state == "ended":
                raise SetupError(f"The grant {known.id} has ended already.", "Nothing is to be done.", exit_code=2)
            return await self._change(known.id, "ended", known.view(), by, partial(self._grants.end, known.id))

    async def _change(self, id_: str, what: str, details: View, by: str, change: Callable[[], None]) -> View:
        self._book.event(f"policy.break_glass_{what}", by=by, grant=details)
        await self._book.durable()
        try:
            await asyncio.to_thread(change)
        except SetupError:
            self._book.event(f"policy.break_glass_{what}.failed", by=by, grant=details)
            raise
        await self._changed()
        return self._grants.find(id_, self._clock()).view()


def _require_known(codes: Collection[str]) -> None:
    """Refuse a code of ours that no rule says: it would open nothing when it is needed. A house knows its ``own.``."""
    unknown = [code for code in codes if code.startswith("policy.") and code not in texts("en")]
    if unknown:
        raise SetupError(f"There is no code {unknown[0]}.", "Give the one that the refusal named.", exit_code=2)
