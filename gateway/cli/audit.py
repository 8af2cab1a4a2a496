"""``sekisho audit``: read, verify and export the log. Works beside a running server and long after it."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import (
    audit_anchor,
    audit_export,
    audit_retention,
    audit_status,
    audit_subject,
    audit_verify,
    audit_witness,
)
from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.log.reader import Filter
    from gateway.settings import Settings

app = group("audit", "Verify, export and search the audit log.")

_POLL_SECONDS = 0.5
_COLUMNS = ("time", "type", "code", "tenant", "project", "about", "request")

Origin = Annotated[str, typer.Option(help="Only this log, such as site/node/w0.", metavar="SITE/NODE/WORKER")]
Type = Annotated[str, typer.Option("--type", help="Record type, or its first part: denial, key.")]
Request = Annotated[str, typer.Option("--request", help="Request id.")]
Tenant = Annotated[str, typer.Option("--tenant")]
Project = Annotated[str, typer.Option("--project")]
Key = Annotated[str, typer.Option("--key", help="Id of an API key.")]
CodeIs = Annotated[str, typer.Option("--code", help="Stable code, such as policy.residency.")]
Since = Annotated[str, typer.Option("--since", help="RFC 3339 in UTC: 2030-01-31T00:00:00Z. Included.")]
Until = Annotated[str, typer.Option("--until", help="RFC 3339 in UTC. Not included.")]
Text = Annotated[str, typer.Option("--text", help="Must occur in the record's JSON.")]


command(app, "verify", examples=audit_verify.EXAMPLES)(audit_verify.verify)
command(app, "export", examples=audit_export.EXAMPLES)(audit_export.export)
command(app, "status", examples=audit_status.EXAMPLES)(audit_status.status)
command(app, "anchor", examples=audit_anchor.EXAMPLES)(audit_anchor.anchor)
app.add_typer(audit_witness.app)
audit_subject.register(app)
audit_retention.register(app)


@command(
    app,
    "search",
    examples=["sekisho audit search --type denial --since 2030-01-31T00:00:00Z", "sekisho audit search --key 01JZ8..."],
)
def search(
    session: Session,
    type: Type = "",
    request: Request = "",
    tenant: Tenant = "",
    project: Project = "",
    key: Key = "",
    code: CodeIs = "",
    since: Since = "",
    until: Until = "",
    text: Text = "",
    origin: Origin = "",
    limit: Annotated[int, typer.Option(min=1, help="Most records to show.")] = 1000,
) -> None:
    """Find records, oldest first. They hold no prompt text, only what was decided about it."""
    from gateway.audit.log.reader import Filter

    wanted = Filter(type, request, tenant, project, key, code, since, until, text)
    found: list[dict[str, Any]] = []
    for record in _matching(session, wanted, origin):
        found.append(record)
        if len(found) == limit:
            session.output.note(f"Only the first {limit} are shown; narrow the search or raise --limit.")
            break
    _show(session, found)


@command(app, "tail", examples=["sekisho audit tail", "sekisho audit tail -n 5 --json", "sekisho audit tail --follow"])
def tail(
    session: Session,
    count: Annotated[int, typer.Option("-n", "--count", min=0, help="How many records.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones, until Ctrl-C.")] = False,
    origin: Origin = "",
) -> None:
    """Show the newest records of one log; with --follow, one line each as they come."""
    from gateway.audit.log.reader import newest

    folder = _one_log(session, origin)
    found = newest(folder, count)
    if not follow:
        _show(session, found)
        return
    following = found[-1]["sequence"] + 1 if found else 0
    for record in (*found, *_following(folder, following)):
        line = json.dumps(record, ensure_ascii=False) if session.output.as_json else "  ".join(_row(record))
        print(line, flush=True)


def _following(folder: Path, first: int) -> Iterator[dict[str, Any]]:
    from gateway.audit.log.reader import search as search_log

    while True:
        for record in search_log(folder, first=first):
            first = record["sequence"] + 1
            yield record
        time.sleep(_POLL_SECONDS)


def _matching(session: Session, wanted: Filter, origin: str) -> Iterator[dict[str, Any]]:
    """Yield what matches in one log, or in all of them together, by time."""
    from gateway.audit.log.reader import comparable
    from gateway.audit.log.reader import search as search_log

    folders = _all_of(session, origin) if origin else _logs(session.settings)
    return heapq.merge(*(search_log(folder, wanted) for folder in folders), key=lambda r: comparable(r["time"]))


def _logs(settings: Settings) -> list[Path]:
    from gateway.audit.log.reader import logs

    found = logs(settings.data / "audit")
    if not found:
        raise SetupError(f"There is no audit log in {settings.data} yet.", "The first start or change makes one.")
    return found


def _one_log(session: Session, origin: str) -> Path:
    """Return the log of that origin, else this server's own, else the only one there is."""
    found, wanted = _by_origin(session.settings), origin or session.settings.origin
    if wanted in found:
        return found[wanted]
    if len(found) == 1 and not origin:
        return next(iter(found.values()))
    known = ", ".join(found)
    raise SetupError(f"There is no log of {wanted}.", f"Give --origin: {known}.", exit_code=USED_WRONGLY)


def _all_of(session: Session, origin: str) -> list[Path]:
    """Return the logs of that origin, of all retention classes where it names none. Raises SetupError."""
    found = _by_origin(session.settings)
    return [log for name, log in found.items() if f"{name}/".startswith(f"{origin}/")] or [_one_log(session, origin)]


def _by_origin(settings: Settings) -> dict[str, Path]:
    """Return all logs by what they sign with: the class stands behind the worker where it is not ``default``."""
    base = settings.data / "audit"
    return {folder.relative_to(base).as_posix().removesuffix("/default"): folder for folder in _logs(settings)}


def _show(session: Session, records: list[dict[str, Any]]) -> None:
    rows = [_row(record) for record in records]
    session.output.table("Audit log", _COLUMNS, rows, {"data": records}, "No record matches.")


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    caller = record.get("caller") or {}
    place = (caller.get("tenant", ""), caller.get("project", ""))
    return (
        record["time"],
        record["type"],
        record.get("code") or "",
        *place,
        _about(record),
        record.get("request") or "",
    )


def _about(record: dict[str, Any]) -> str:
    """Return what a record is about in one word: the model of a request, the key or alias of a change."""
    asked = (record.get("input") or {}).get("request") or {}
    details = record.get("details") or {}
    changed = details.get("key") or details.get("details") or {}
    found = asked.get("model") or changed.get("name") or changed.get("alias") or ""
    return str(found)
