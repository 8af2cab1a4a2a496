"""Changes to bounds, with the book kept: each is on record, durably, before it takes effect.

``state/limits.json`` holds what stands over the settings (``sekisho.limits/1``; unknown fields refuse). It is replaced
as a whole. Who watches it takes over what another process changed within :data:`WATCH_SECONDS`; while it cannot be
read, the bounds that held before go on holding.

Example::

    office = LimitsOffice(settings.state / "limits.json", rules_of, limits, book)
    await office.change("tenant:acme", Change(tokens_per_day=100_000), by="ana")
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from gateway.errors import BadRequest, SetupError
from gateway.identity.bounds import BOUNDS, AccountName, Change, Rules
from gateway.identity.ledger import Ledger
from gateway.identity.office import Events
from gateway.identity.record import stamp_of, write_state

log = logging.getLogger("sekisho.identity")

WATCH_SECONDS = 0.5
View = dict[str, Any]
Changes = Mapping[str, Change]


class LimitsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``limits.json``."""

    accounts: dict[AccountName, Change] = {}
    version: Literal["sekisho.limits/1"] = "sekisho.limits/1"


class Ruled(Protocol):
    """What this needs of the limits: see :class:`gateway.identity.limits.OwnLimits`."""

    @property
    def rules(self) -> Rules: ...

    @property
    def ledger(self) -> Ledger: ...

    async def used(self, names: Sequence[str]) -> list[list[int]]: ...

    def use(self, rules: Rules) -> None: ...


class LimitsOffice:
    """Shows and changes bounds.

    Args:
        path: ``state/limits.json``; it need not exist.
        rules_of: makes rules of changes.
        limits: who goes by them.
        book: where each change is written first.

    Raises:
        SetupError: the file cannot be read or is damaged.
    """

    def __init__(self, path: Path, rules_of: Callable[[Changes], Rules], limits: Ruled, book: Events) -> None:
        self._path, self._rules_of, self._limits, self._book = path, rules_of, limits, book
        self._one_at_a_time = asyncio.Lock()
        self._stamp = stamp_of(path)
        self._changes = read_changes(path)
        limits.use(rules_of(self._changes))

    async def show(self, account: str = "") -> list[View]:
        """Return accounts with their bounds and what they used: the one, or all that were used, named or changed."""
        return await shown(self._limits, self._changes, account)

    async def change(self, account: str, change: Change | None, by: str) -> View:
        """Put bounds over those of the settings; ``None``: go back to those of the settings.

        Raises:
            BadRequest: that is no account (``limits.account``).
            AuditUnavailable: it could not be put on record; nothing changed.
            SetupError: it could not be stored; nothing changed.
        """
        name = account_named(account)
        async with self._one_at_a_time:
            others = {known: said for known, said in self._changes.items() if known != name}
            changed = others if change is None else {**others, name: self._changes.get(name, Change()).then(change)}
            before, after = self._rules_of(self._changes).of(name), self._rules_of(changed).of(name)
            details = {"account": name, "before": _told(before), "after": _told(after)}
            self._book.event("limits.changed", by=by, details=details)
            await self._book.durable()
            try:
                await asyncio.to_thread(write_state, self._path, LimitsFile(changed))
            except SetupError:
                self._book.event("limits.changed.failed", by=by, details=details)
                raise
            self._stamp, self._changes = stamp_of(self._path), changed
            self._limits.use(self._rules_of(changed))
        return (await self.show(name))[0]

    async def watch(self) -> None:
        """Follow the file until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                self._look()
            except SetupError as error:
                log.error("%s The bounds that held before go on holding.", error.problem)

    def _look(self) -> None:
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._changes = read_changes(self._path)
        self._limits.use(self._rules_of(self._changes))


async def shown(limits: Ruled, changes: Changes, account: str = "") -> list[View]:
    """Return accounts with their bounds and what they used, as :meth:`LimitsOffice.show`. Changes nothing."""
    rules, ledger = limits.rules, limits.ledger
    names = [account] if account else sorted({*ledger.accounts(), *rules.named(), *changes})
    day, used = ledger.calendar.day, await limits.used(names)
    told = zip(names, used, strict=True)
    return [view(name, rules, sums, day, changes.get(name)) for name, sums in told]


def account_named(text: str) -> str:
    """Return the account's name. Raises BadRequest where it is none."""
    try:
        return msgspec.convert(text, AccountName)
    except msgspec.ValidationError as error:
        message = "An account is key:ID, project:TENANT/PROJECT, tenant:NAME or model:NAME."
        raise BadRequest(message, code="limits.account", param="account") from error


def read_changes(path: Path) -> dict[str, Change]:
    """Return what stands over the settings; an absent file says nothing. Raises SetupError."""
    try:
        return dict(msgspec.json.decode(path.read_bytes(), type=LimitsFile).accounts)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SetupError(f"{path} cannot be read.", "Check its owner and mode (0600).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is damaged.", "Restore it from a backup, or remove it.") from error


def view(name: str, rules: Rules, sums: Sequence[int], day: str, change: Change | None) -> View:
    """Return one account as people see it. Numbers of money are millionths of the site's currency."""
    tokens, micro, month_tokens, month_micro = sums
    return {
        "account": name,
        "bounds": _told(rules.of(name)),
        "changed": [bound for bound in BOUNDS if change is not None and getattr(change, bound) is not None],
        "used": {"tokens_day": tokens, "money_day": micro, "tokens_month": month_tokens, "money_month": month_micro},
        "day": day,
    }


def _told(bounds: Any) -> dict[str, int]:
    return {bound: getattr(bounds, bound) for bound in BOUNDS}
