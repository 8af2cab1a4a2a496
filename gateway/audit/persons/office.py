"""What is done about one person, with the book kept: each step is on record, durably, before it takes effect.

The running server (through its admin socket) and the command line (when there is no server) come here and nowhere
else. ``admin.person_search_requested`` and ``…_signed`` are the records of a warrant, ``admin.person_searched`` of its
use; ``admin.content_read`` of a look at an item; ``erasure`` of an erasure. None of them says who the person is.

An erasure destroys the person's keys. What hangs on them is noise from then on, for everybody, and its files go too: an
item that speaks of several persons is gone for all of them. Answers that nobody has searched yet for whom they name are
waited for, and how many are left is told. Where a legal hold stands (GDPR art. 17(3)), what it covers
stays, and the keys that it needs are taken out of use until it is lifted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import msgspec

from gateway.audit.content.ends import prune
from gateway.audit.content.seal import Noise, NotAnItem
from gateway.audit.content.store import SideStore
from gateway.audit.log.disk import replace
from gateway.audit.persons import found, warrant
from gateway.audit.persons.keys import Secrets
from gateway.audit.persons.officers import Officer, Officers, Signature
from gateway.audit.persons.warrant import Claim, Reason, Signed, Subject, Tenant
from gateway.errors import SetupError

MOST_ITEMS_TOLD = 1500  # ids in one record, so that it stays under 60 KiB
LIST = "See: sekisho audit subject list"
_LOOK_SECONDS = 0.05
View = dict[str, Any]
NamesOf = Callable[[str], Sequence[str]]


class Events(Protocol):
    """What this needs of the book: see :class:`gateway.audit.door.Book`."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class SearchWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom somebody wants to look for. ``tenant`` empty: in all of them."""

    subject: Subject
    reason: Reason
    tenant: Tenant = ""


class EraseWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to erase, under each name that is known of one person."""

    subjects: tuple[Subject, ...]
    reason: Reason
    tenant: Tenant = ""


class ShowWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Use of a warrant. ``claim``: a privacy officer's wish to see values too."""

    subject: Subject
    claim: Claim | None = None


class PersonsOffice:
    """Searches for, shows and erases what is held on one person.

    Args:
        store: the side store, with the persons' keys.
        audit: the folder of all logs.
        folder: where warrants lie.
        book: where each step is written first.
        officers: whose signature counts.
        names_of: all names under which a person may be known who is called so.
        secrets_of: the tenants' secrets, the one in use first.
        patience_seconds: how long to wait, at most, for answers that are just being searched for whom they name.
    """

    def __init__(  # noqa: PLR0913  a composition root's doing, each by its name
        self,
        *,
        store: SideStore,
        audit: Path,
        folder: Path,
        book: Events,
        officers: Officers,
        names_of: NamesOf,
        secrets_of: Secrets,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience_seconds: float = 0.0,
    ) -> None:
        self._store = store
        self._audit = audit
        self._folder = folder
        self._book = book
        self._officers = officers
        self._names_of = names_of
        self._secrets_of = secrets_of
        self._now = now
        self._patience_seconds = patience_seconds
        self._one_at_a_time = asyncio.Lock()

    # --- searching

    def show(self) -> list[View]:
        """Return all warrants that are not long over, oldest first. Raises SetupError."""
        known = [self._read(path) for path in sorted(self._folder.glob("*.json"))]
        return [self._view(signed) for signed in known]

    async def request(self, wish: SearchWish, by: str) -> View:
        """Ask for a warrant. It opens nothing until an auditor and a privacy officer have signed it.

        Raises:
            AuditUnavailable: it could not be put on record, so it was not made. SetupError: it could not be written.
        """
        async with self._one_at_a_time:
            secret = self._secrets_of(wish.tenant)[0]
            signed = Signed(warrant.draft(wish.subject, wish.tenant, wish.reason, by, secret, self._now()))
            await self._on_record("admin.person_search_requested", by, search=self._view(signed))
            self._forget_old()
            self._write(signed)
            return self._view(signed)

    async def sign(self, reference: str, signature: Signature, by: str) -> View:
        """Add an officer's signature.

        Raises:
            SetupError: no such warrant, it is over, or the signature does not count.
            AuditUnavailable: it could not be put on record, so it was not added.
        """
        async with self._one_at_a_time:
            signed = self.find(reference)
            if self._state(signed) == "expired":
                raise _wrong(f"The search {signed.warrant.id} is over", "Ask for another one.")
            payload = signed.warrant.payload()
            new = self._officers.signed(warrant.WARRANT_TYPE, payload, [signature])
            officer = next((one for one in new if {"auditor", "privacy-officer"} & set(one.roles)), None)
            if officer is None:
                raise _wrong(
                    "That key is neither an auditor's nor a privacy officer's", "See: sekisho policy signer list"
                )
            if officer.name in {one.name for one in self._signers(signed)}:
                raise _wrong(f"{officer.name} has signed it already", "Another officer must sign it too.")
            details = {**self._view(signed), "signer": officer.name, "key": officer.key}
            await self._on_record("admin.person_search_signed", by, search=details)
            signed = Signed(signed.warrant, (*signed.signatures, signature))
            self._write(signed)
            return self._view(signed)

    async def collect(self, reference: str, wish: ShowWish, by: str) -> View:
        """Return what is held on the person that the warrant is for.

        Raises:
            SetupError: the warrant does not count, or not for this person; or no privacy officer asks for values.
            AuditUnavailable: it could not be put on record; nothing is told.
        """
        signed = self.find(reference)
        if self._state(signed) != "in force":
            mend = "An auditor and a privacy officer, two persons, must sign it within its time."
            how = "is over" if self._state(signed) == "expired" else "waits for signatures"
            raise _wrong(f"The search {signed.warrant.id} {how}", mend)
        if not warrant.is_for(signed.warrant, wish.subject, self._secrets_of(signed.warrant.tenant)):
            raise _wrong("That search is for somebody else", "Give the person exactly as it was asked for.")
        reader = self._reader(wish.claim, "search", signed.warrant.id) if wish.claim else None
        values = {"values_for": reader.name, "key": reader.key} if reader else {}
        await self._on_record("admin.person_searched", by, search={**self._view(signed), **values})
        left = await self._unsearched()
        persons = await asyncio.to_thread(self._persons, [wish.subject], signed.warrant.tenant)
        held = await asyncio.to_thread(found.collect, self._store, self._audit, persons, values=reader is not None)
        return {"search": signed.warrant.id, **held, "answers_unsearched": left}

    def find(self, reference: str) -> Signed:
        """Return a warrant by its id or the end of it. Raises SetupError when there is none, or more than one."""
        paths = [p for p in self._folder.glob("*.json") if reference and p.stem.endswith(reference.upper())]
        if len(paths) != 1:
            problem = f"There {'is no search' if not paths else 'is more than one search'} {reference}"
            raise _wrong(problem, LIST)
        return self._read(paths[0])

    # --- reading

    async def read(self, item: str, claim: Claim, by: str) -> View:
        """Return one item with its content.

        Raises:
            SetupError: no privacy officer asks, there is no such item, it was erased, or it is damaged.
            AuditUnavailable: it could not be put on record; nothing is shown.
        """
        officer = self._reader(claim, "item", item)
        path = await asyncio.to_thread(self._store.find, item)
        if path is None:
            raise SetupError(f"There is no item {item}.", "It was erased, or its days are over.")
        said = {"item": item, "reason": claim.reading.reason, "officer": officer.name, "key": officer.key}
        await self._on_record("admin.content_read", by, content=said)
        try:
            head, content, digest = await asyncio.to_thread(self._store.open, path)
        except Noise as error:
            raise SetupError(f"The item {item} was erased.", "Nobody can read it any more.") from error
        except (NotAnItem, OSError) as error:
            mend = "Its digest is in the log: compare it with a backup of content/."
            raise SetupError(f"The item {item} is damaged.", mend) from error
        plain = {name: value for name, value in msgspec.to_builtins(head).items() if name not in ("shares", "day")}
        text = found.readable(head.kind, content)
        return {**plain, "persons": found.told(len(head.persons)), "sha256": digest, "content": text}

    # --- erasing

    async def erase(self, wish: EraseWish, by: str) -> View:
        """Destroy the keys of a person, and what hangs on them, but for what a legal hold covers.

        Raises:
            AuditUnavailable: it could not be put on record; nothing was destroyed.
            SetupError: it could not be carried out; ``erasure.failed`` is on record. Doing it again goes on.
        """
        async with self._one_at_a_time, AsyncExitStack() as stack:
            left = await self._unsearched()
            await asyncio.to_thread(lambda: stack.enter_context(self._store.unsearched.erasing()))
            persons = await asyncio.to_thread(self._persons, wish.subjects, wish.tenant)
            plan = await asyncio.to_thread(self._plan, persons)
            told = {**plan.view(), "answers_unsearched": left}
            details = {"reason": wish.reason, "tenant": wish.tenant, **told}
            for at in range(0, max(1, len(plan.items)), MOST_ITEMS_TOLD):
                part = [path.name for path in plan.items[at : at + MOST_ITEMS_TOLD]]
                self._book.event("erasure", by=by, **details, items=part)
            await self._book.durable()
            try:
                await asyncio.to_thread(self._carry_out, plan)
            except OSError as error:
                self._book.event("erasure.failed", by=by, **details, items=[])
                mend = "Check the data folder's owner and disk, then do it again."
                raise SetupError("The erasure could not be carried out whole.", mend) from error
            return {**details, "items": [path.name for path in plan.items]}

    async def prune(self, by: str) -> View:
        """Destroy what has ended. Raises AuditUnavailable, SetupError."""
        async with self._one_at_a_time:
            try:
                return dict(msgspec.to_builtins(await prune(self._store, self._book, by)))
            except OSError as error:
                mend = "Check the data folder's owner and disk, then do it again."
                raise SetupError("What has ended could not be destroyed whole.", mend) from error

    # --- how

    async def _unsearched(self) -> int:
        """Wait until the answers that are kept now were searched for whom they name; return how many still were not."""
        marks = self._store.unsearched
        waiting = set(await asyncio.to_thread(marks.waiting))
        until = monotonic() + self._patience_seconds
        while waiting and monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)
            waiting.intersection_update(await asyncio.to_thread(marks.waiting))
        return len(waiting)

    def _persons(self, subjects: Sequence[str], tenant: str) -> list[tuple[str, str]]:
        keys = self._store.keys
        names = [name for subject in subjects for name in self._names_of(subject)]
        tenants = [tenant] if tenant else keys.tenants()
        return list(dict.fromkeys((t, key.id) for t in tenants for name in names for key in keys.find_all(t, name)))

    def _plan(self, persons: Sequence[tuple[str, str]]) -> Plan:
        spoken = list(found.items_of(self._store, persons))
        held = {path for path, head in spoken if self._store.is_held(head)}
        needed = {(head.tenant, id_) for path, head in spoken if path in held for id_ in head.persons}
        return Plan(
            destroy=tuple(person for person in persons if person not in needed),
            later=tuple(person for person in persons if person in needed),
            items=tuple(path for path, _ in spoken if path not in held),
            held=len(held),
            shared=sum(len(head.persons) > 1 for path, head in spoken if path not in held),
        )

    def _carry_out(self, plan: Plan) -> None:
        """Keys first: what hangs on them is noise before a single file has gone."""
        for tenant, id_ in plan.destroy:
            self._store.keys.destroy(tenant, id_)
        for tenant, id_ in plan.later:
            self._store.keys.hold(tenant, id_)
        self._store.destroy(plan.items)
        self._store.destroy(self._store.noise())  # what came in between, or was left by one that failed

    def _reader(self, claim: Claim, what: str, id_: str) -> Officer:
        payload = claim.reading.payload()
        officers = self._officers.signed(warrant.READING_TYPE, payload, [claim.signature])
        officer = warrant.may_read(claim.reading, what, id_, officers, self._now())
        if officer is None:
            raise _wrong(
                "Only a privacy officer may see values", "Sign with --key FILE; see: sekisho policy signer list"
            )
        return officer

    async def _on_record(self, type: str, by: str, **details: Any) -> None:
        self._book.event(type, by=by, **details)
        await self._book.durable()

    def _signers(self, signed: Signed) -> Sequence[Officer]:
        return self._officers.signed(warrant.WARRANT_TYPE, signed.warrant.payload(), signed.signatures)

    def _state(self, signed: Signed) -> warrant.State:
        return warrant.state(signed.warrant, self._signers(signed), self._now())

    def _view(self, signed: Signed) -> View:
        """Return a warrant as people and the audit log see it: never who it is for, nor the HMAC."""
        it = signed.warrant
        names = sorted(one.name for one in self._signers(signed))
        about = {"id": it.id, "tenant": it.tenant, "reason": it.reason, "by": it.by, "until": it.until}
        return {**about, "state": self._state(signed), "signed_by": names}

    def _read(self, path: Path) -> Signed:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Signed)
        except (OSError, msgspec.DecodeError) as error:
            raise SetupError(f"{path} is damaged.", "Remove it, and ask for the search again.") from error

    def _write(self, signed: Signed) -> None:
        path = self._folder / f"{signed.warrant.id}.json"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(path, msgspec.json.encode(signed), durable=True)
        except OSError as error:
            raise SetupError(f"{path} cannot be written.", "Check its owner and free space.") from error

    def _forget_old(self) -> None:
        """Take away warrants that have been over for as long as they held. The log has them for good."""
        for path in self._folder.glob("*.json"):
            over = warrant.instant(self._read(path).warrant.until)
            if self._now() >= over + warrant.HOLDS:
                path.unlink(missing_ok=True)


class Plan(msgspec.Struct, frozen=True):
    """What an erasure does: keys to destroy now and later, items to destroy, how many a hold covers."""

    destroy: tuple[tuple[str, str], ...]
    later: tuple[tuple[str, str], ...]
    items: tuple[Path, ...]
    held: int
    shared: int

    def view(self) -> View:
        """Return it as the record has it. Pseudonyms lead to nobody once their keys are gone."""
        return {
            "persons": [id_ for _, id_ in (*self.destroy, *self.later)],
            "keys": len(self.destroy),
            "keys_held": len(self.later),
            "items_in_all": len(self.items),
            "items_held": self.held,
            "items_shared": self.shared,
        }


def _wrong(problem: str, mend: str) -> SetupError:
    return SetupError(f"{problem}.", mend, exit_code=2)
