"""Tenants and projects: what is declared of them, what depends on it, and changes, on record before they take effect.

The running server and, where there is none, the command line change ``organisation.yaml`` here, one entry at a time. A
change counts when it is told: OPA has the new facts. What cannot be pushed is taken back.

Example::

    office = OrganisationOffice(settings, register.records, book, policy.take_organisation)
    await office.change("tenants", "design", Wish({"entity": "Beispiel AG"}, "add"), by="ana")
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

from gateway import durable
from gateway.errors import BadRequest, RouteNotFound, SekishoError, SetupError
from gateway.identity.limits_office import read_changes
from gateway.identity.record import KeyRecord
from gateway.policy.organisation import Organisation, Project, Tenant, load
from gateway.policy.organisation_edit import Section, edited
from gateway.settings import Settings

View = dict[str, Any]
NAMES = {"tenants": re.compile(r"[a-z0-9-]{1,63}"), "projects": re.compile(r"[a-z0-9-]{1,63}/[a-z0-9-]{1,63}")}
KINDS: dict[Section, type[Tenant] | type[Project]] = {"tenants": Tenant, "projects": Project}
_MOST_NAMED = 10


class Events(Protocol):
    """What this needs of the book."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall become of an entry: ``fields`` are laid over what it says; ``null`` there takes a field back."""

    fields: dict[str, Any] = {}
    how: Literal["add", "change", "remove"] = "change"
    dry_run: bool = False


class OrganisationOffice:
    """Shows and changes tenants and projects.

    Args:
        settings: where the file lies.
        keys: all keys.
        book: where each change is written first.
        take: lets policy go by the file as it is now.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Callable[[], Sequence[KeyRecord]],
        book: Events,
        take: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings, self._keys, self._book, self._take = settings, keys, book, take
        self._one_at_a_time = asyncio.Lock()

    def show(self, section: Section) -> list[View]:
        """Return all that are declared or that live keys name, by name. Raises SetupError: the file is damaged."""
        said = load(self._settings)
        declared = getattr(said, section)
        named = {_of(record, section) for record in self._keys() if record.is_live(datetime.now(UTC))}
        return [self._view(said, section, name) for name in sorted({*declared, *named})]

    def one(self, section: Section, name: str) -> View:
        """Return one of them. Raises RouteNotFound: nobody speaks of it (``organisation.not_found``)."""
        found = next((view for view in self.show(section) if view["name"] == name), None)
        if found is None:
            message = f"Neither organisation.yaml nor a key that works names {name}."
            raise RouteNotFound(message, code="organisation.not_found", param="name")
        return found

    async def change(self, section: Section, name: str, wish: Wish, by: str) -> View:
        """Add, change or remove an entry; a dry run only says what would be.

        Raises:
            BadRequest: no such name or field, there already, not there, or something depends on it.
            AuditUnavailable: it could not be put on record; nothing changed.
            SetupError: the file could not be read or written; nothing changed.
        """
        async with self._one_at_a_time:
            said = load(self._settings)
            before = getattr(said, section).get(name)
            after = self._wanted(said, section, name, wish)
            told = {"before": _plain(before), "after": after, "depends": self._depends(said, section, name)}
            if wish.dry_run:
                return {"name": name, "dry_run": True, **told}
            details = {"section": section, "name": name, "before": told["before"], "after": after}
            path = self._settings.organisation_file
            old = path.read_text(encoding="utf-8") if path.is_file() else ""
            fresh = edited(old, section, name, after)
            self._book.event("organisation.changed", by=by, details=details)
            await self._book.durable()
            try:
                await asyncio.to_thread(_write, self._settings, fresh)
                await self._take()
            except (SetupError, SekishoError):
                await asyncio.to_thread(_write, self._settings, old)
                self._book.event("organisation.changed.failed", by=by, details=details)
                raise
            return {"name": name, "dry_run": False, **told}

    def _wanted(self, said: Organisation, section: Section, name: str, wish: Wish) -> dict[str, Any] | None:
        """Return what the entry shall say; ``None``: it goes. Raises BadRequest."""
        declared = getattr(said, section)
        if not NAMES[section].fullmatch(name):
            _refuse("A tenant is up to 63 of a-z, 0-9 and -; a project is TENANT/PROJECT.", "organisation.name")
        if (wish.how == "add") is (name in declared):
            how = "there already" if name in declared else "not declared"
            _refuse(f"{name} is {how} in organisation.yaml.", "organisation.exists")
        if wish.how == "remove":
            self._refuse_used(said, section, name)
            return None
        fields = {**_plain(declared.get(name)), **wish.fields}
        try:
            entry = msgspec.convert({k: v for k, v in fields.items() if v is not None}, KINDS[section])
        except msgspec.ValidationError as error:
            _refuse(f"That cannot be said of {name}: {error}.", "organisation.field")
        return _plain(entry)

    def _refuse_used(self, said: Organisation, section: Section, name: str) -> None:
        used = {what: found for what, found in self._depends(said, section, name).items() if found}
        if used:
            listed = "; ".join(f"{what}: {', '.join(found[:_MOST_NAMED])}" for what, found in used.items())
            _refuse(f"{name} is still in use ({listed}).", "organisation.in_use")

    def _depends(self, said: Organisation, section: Section, name: str) -> dict[str, list[str]]:
        """Return what would be without this entry: live keys, declared projects, arranged transfers, changed bounds."""
        now = datetime.now(UTC)
        keys = [record.wish.name for record in self._keys() if record.is_live(now) and _of(record, section) == name]
        found = {"keys": sorted(keys)}
        if section == "tenants":
            found["projects"] = sorted(p for p in said.projects if p.startswith(f"{name}/"))
            found["transfers"] = [f"{t.from_} to {t.to}" for t in said.transfers if t.tenant == name]
        changed = read_changes(self._settings.state / "limits.json")
        found["limits"] = [account for account in changed if account == f"{section[:-1]}:{name}"]
        return found

    def _view(self, said: Organisation, section: Section, name: str) -> View:
        entry = getattr(said, section).get(name)
        return {
            "name": name,
            "declared": entry is not None,
            "says": _plain(entry),
            "depends": self._depends(said, section, name),
        }


def _of(record: KeyRecord, section: Section) -> str:
    wish = record.wish
    return wish.tenant if section == "tenants" else f"{wish.tenant}/{wish.project}"


def _plain(entry: Tenant | Project | None) -> dict[str, Any]:
    """Return what an entry says beyond the defaults, in the file's own words."""
    if entry is None:
        return {}
    usual, said = (msgspec.json.decode(msgspec.json.encode(each)) for each in (type(entry)(), entry))
    return {name: value for name, value in said.items() if value != usual[name]}


def _refuse(message: str, code: str) -> Any:
    raise BadRequest(message, code=code, param="name")


def _write(settings: Settings, text: str) -> None:
    """Replace the file. Raises SetupError: it could not be written, and stands as it was."""
    path = settings.organisation_file
    try:
        durable.replace(path, text.encode(), mode=path.stat().st_mode & 0o777 if path.exists() else 0o644)
    except OSError as error:
        raise SetupError(f"{path} cannot be written.", "Check its folder's owner and free space.") from error
