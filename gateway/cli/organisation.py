"""``sekisho tenants`` and ``sekisho projects``: what is declared of them in organisation.yaml."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from gateway.cli.session import Session, command, group

if TYPE_CHECKING:
    from gateway.cli.server import Server
    from gateway.organising import OrganisationOffice
    from gateway.policy.organisation_edit import Section
    from gateway.settings import Settings

tenants_app = group("tenants", "Show and change what is declared of tenants.")
projects_app = group("projects", "Show and change what is declared of projects.")

View = dict[str, Any]
_COLUMNS = ("name", "declared", "says", "keys", "projects", "limits")


class Floor(StrEnum):
    """The data classes, lowest first."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    STRICT = "strict"


TenantName = Annotated[str, typer.Argument(help="The tenant.", metavar="TENANT")]
ProjectName = Annotated[str, typer.Argument(help="The project, with its tenant.", metavar="TENANT/PROJECT")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would change and what depends on it; change nothing.")
]
Entity = Annotated[str | None, typer.Option(help="Legal entity that answers for its data; '' takes it back.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Model it may use; '' alone: all again.")]
Class = Annotated[Floor | None, typer.Option("--class", help="Least class of what it sends.")]
Sites = Annotated[list[str] | None, typer.Option("--at-site", help="Where it is worked on; '' alone: all again.")]
External = Annotated[list[str] | None, typer.Option(help="Id of a target of others that it may use; '' alone: none.")]
Prototype = Annotated[bool | None, typer.Option("--prototype/--no-prototype", help="It works on a prototype.")]
Human = Annotated[bool | None, typer.Option("--human-oversight/--no-human-oversight", help="Persons oversee its use.")]
Safety = Annotated[
    bool | None, typer.Option("--safety-oversight/--no-safety-oversight", help="Persons review results.")
]
Important = Annotated[
    bool | None, typer.Option("--important-data/--no-important-data", help="China's automotive rules.")
]
Days = Annotated[int | None, typer.Option("--keep-content-days", min=0, max=3650, help="How long content is kept.")]


class Desk(Protocol):
    """Who shows and changes: the running server, or the files."""

    def show(self, section: Section) -> list[View]: ...

    def one(self, section: Section, name: str) -> View: ...

    def change(self, section: Section, name: str, wish: View) -> View: ...


@command(tenants_app, "list", examples=["sekisho tenants list", "sekisho tenants list --json"])
def list_tenants(session: Session) -> None:
    """List tenants that are declared or that keys name."""
    _list(session, "tenants")


@command(projects_app, "list", examples=["sekisho projects list", "sekisho projects list --json"])
def list_projects(session: Session) -> None:
    """List projects that are declared or that keys name."""
    _list(session, "projects")


@command(tenants_app, "show", examples=["sekisho tenants show bodyshop"])
def show_tenant(session: Session, name: TenantName) -> None:
    """Show what is declared of a tenant, and what depends on it."""
    _show(session, "tenants", name)


@command(projects_app, "show", examples=["sekisho projects show bodyshop/weld-line"])
def show_project(session: Session, name: ProjectName) -> None:
    """Show what is declared of a project, and what depends on it."""
    _show(session, "projects", name)


@command(tenants_app, "add", examples=["sekisho tenants add design --entity 'Beispiel AG'"])
def add_tenant(
    session: Session, name: TenantName, entity: Entity = None, model: Models = None, dry_run: DryRun = False
) -> None:
    """Declare a tenant. On record, and in force when it is told."""
    _change(session, "tenants", name, "add", dry_run, entity=entity, models=model)


@command(tenants_app, "change", examples=["sekisho tenants change design --model smollm2-135m-instruct --dry-run"])
def change_tenant(
    session: Session, name: TenantName, entity: Entity = None, model: Models = None, dry_run: DryRun = False
) -> None:
    """Change what is declared of a tenant; what is not named stays as it is."""
    _change(session, "tenants", name, "change", dry_run, entity=entity, models=model)


@command(tenants_app, "remove", examples=["sekisho tenants remove design --dry-run"])
def remove_tenant(session: Session, name: TenantName, dry_run: DryRun = False) -> None:
    """Take a tenant's declaration back; refused while keys, projects, transfers or bounds depend on it."""
    _change(session, "tenants", name, "remove", dry_run)


@command(projects_app, "add", examples=["sekisho projects add design/neue-baureihe --class strict --prototype"])
def add_project(
    session: Session,
    name: ProjectName,
    floor: Class = None,
    at_site: Sites = None,
    external: External = None,
    prototype: Prototype = None,
    human: Human = None,
    safety: Safety = None,
    important: Important = None,
    days: Days = None,
    dry_run: DryRun = False,
) -> None:
    """Declare a project. On record, and in force when it is told."""
    said = _project(floor, at_site, external, days, (prototype, human, safety, important))
    _change(session, "projects", name, "add", dry_run, **said)


@command(projects_app, "change", examples=["sekisho projects change hr/applications --human-oversight"])
def change_project(
    session: Session,
    name: ProjectName,
    floor: Class = None,
    at_site: Sites = None,
    external: External = None,
    prototype: Prototype = None,
    human: Human = None,
    safety: Safety = None,
    important: Important = None,
    days: Days = None,
    dry_run: DryRun = False,
) -> None:
    """Change what is declared of a project; what is not named stays as it is."""
    said = _project(floor, at_site, external, days, (prototype, human, safety, important))
    _change(session, "projects", name, "change", dry_run, **said)


@command(projects_app, "remove", examples=["sekisho projects remove design/neue-baureihe"])
def remove_project(session: Session, name: ProjectName, dry_run: DryRun = False) -> None:
    """Take a project's declaration back; refused while keys or bounds depend on it."""
    _change(session, "projects", name, "remove", dry_run)


def _project(
    floor: Floor | None, sites: Any, external: Any, days: int | None, truths: tuple[bool | None, ...]
) -> dict[str, Any]:
    names = ("prototype", "human_oversight", "safety_oversight", "important_data")
    said = {"class": str(floor) if floor else None, "sites": sites, "external": external, "keep_content_days": days}
    return {**said, **dict(zip(names, truths, strict=True))}


def _list(session: Session, section: Section) -> None:
    with _desk(session.settings) as desk:
        views = desk.show(section)
    rows = [_row(view) for view in views]
    session.output.table(section.capitalize(), _COLUMNS, rows, {"data": views}, f"There are no {section} yet.")


def _show(session: Session, section: Section, name: str) -> None:
    with _desk(session.settings) as desk:
        view = desk.one(section, name)
    says = [f"  {field}: {value}" for field, value in view["says"].items()] or ["  nothing is declared"]
    depends = [f"  {what}: {', '.join(found)}" for what, found in view["depends"].items() if found]
    session.output.result(view, name, *says, "what depends on it:" if depends else "nothing depends on it", *depends)


def _change(session: Session, section: Section, name: str, how: str, dry_run: bool, **said: Any) -> None:
    fields = {field: _value(value) for field, value in said.items() if value is not None}
    with _desk(session.settings) as desk:
        view = desk.change(section, name, {"how": how, "fields": fields, "dry_run": dry_run})
    would = "would say" if dry_run else "says now"
    after = "nothing: it is gone" if view["after"] is None else view["after"] or "nothing beyond the defaults"
    session.output.result(view, f"{name} {would}: {after}")


def _value(value: Any) -> Any:
    """Return a value as the file has it; an empty text, alone or in a list, takes the field back."""
    return None if value in ("", [""]) else value


def _row(view: View) -> tuple[str, ...]:
    says = ", ".join(f"{field} {value}" for field, value in view["says"].items()) or "-"
    depends = view["depends"]
    counts = (len(depends["keys"]), len(depends.get("projects", ())), len(depends["limits"]))
    return (view["name"], "yes" if view["declared"] else "no", says, *map(str, counts))


class _ByServer:
    def __init__(self, server: Server) -> None:
        self._server = server

    def show(self, section: Section) -> list[View]:
        return list(self._server.get(section)["data"])

    def one(self, section: Section, name: str) -> View:
        return dict(self._server.get(f"{section}/{name}"))

    def change(self, section: Section, name: str, wish: View) -> View:
        return dict(self._server.post(f"{section}/{name}", wish))


class _ByFiles:
    """Reading takes no lock; a change takes it, and the audit log of the origin ``…/admin``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def show(self, section: Section) -> list[View]:
        return self._office(None).show(section)

    def one(self, section: Section, name: str) -> View:
        return self._office(None).one(section, name)

    def change(self, section: Section, name: str, wish: View) -> View:
        import msgspec

        from gateway.cli.changes import admin_book
        from gateway.cli.lock import data_lock
        from gateway.cli.server import operator
        from gateway.organising import Wish

        wanted = msgspec.convert(wish, Wish)
        if wanted.dry_run:
            return asyncio.run(self._office(None).change(section, name, wanted, operator()))
        with data_lock(self._settings.state), admin_book(self._settings) as book:
            return asyncio.run(self._office(book).change(section, name, wanted, operator()))

    def _office(self, book: Any) -> OrganisationOffice:
        from gateway.cli.keys import stored_keys
        from gateway.organising import OrganisationOffice

        async def at_the_next_start() -> None:
            """No server runs: it reads the file when it starts."""

        return OrganisationOffice(self._settings, lambda: stored_keys(self._settings), book, at_the_next_start)


@contextmanager
def _desk(settings: Settings) -> Iterator[Desk]:
    from gateway.cli.server import running_server

    server = running_server(settings.run)
    yield _ByServer(server) if server is not None else _ByFiles(settings)
