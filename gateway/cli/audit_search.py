"""``sekisho audit search`` and ``tail``: find records, by the index where there is one, else by reading the log.

A search is itself on record before its result is shown: in the running server's log, or, where there is none, under
the data folder's lock in that of the origin ``<site>/<node>/admin``. ``tail`` looks at a log's end, and is not.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.past import log_folders
from gateway.cli.server import operator, running_server
from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.index.office import Way
    from gateway.audit.index.query import Query
    from gateway.audit.index.search import AuditSearch
    from gateway.settings import Settings

View = dict[str, Any]

INDEX_SECONDS = 20.0
"""How long a search brings the index up to date before it reads the log instead."""

_POLL_SECONDS = 0.5
_PAGE_ROWS = 1000
_COLUMNS = ("time", "type", "code", "tenant", "project", "about", "request")
_EXAMPLES = [
    "sekisho audit search --decision denied --since 1d",
    "sekisho audit search --tenant acme --destination CN --count",
    "sekisho audit search --type key --oldest --json",
    "sekisho audit search --request 01JDA7Z0000000000000000000 --jsonl",
]

Words = list[str] | None
Type = Annotated[
    Words,
    typer.Option(
        "--type", help="Record type, or its first part: denial, key. Every filter may be given more than once."
    ),
]
DecisionIs = Annotated[Words, typer.Option("--decision", help="allowed or denied.")]
Tenant = Annotated[Words, typer.Option("--tenant", help="Tenant of the caller.")]
Project = Annotated[Words, typer.Option("--project", help="Project of the caller.")]
Key = Annotated[Words, typer.Option("--key", help="Id of the caller's API key.")]
Model = Annotated[Words, typer.Option("--model", help="Model that was asked for.")]
CodeIs = Annotated[Words, typer.Option("--code", help="Stable code of a refusal or failure, such as policy.residency.")]
ReasonIs = Annotated[Words, typer.Option("--reason", help="Code of a reason that the decision gives.")]
Rule = Annotated[Words, typer.Option("--rule", help="Rule that a reason names.")]
ClassIs = Annotated[Words, typer.Option("--class", help="Data class of the request.")]
Entity = Annotated[Words, typer.Option("--entity", help="Type of personal data that was found, such as PERSON.")]
Site = Annotated[Words, typer.Option("--site", help="Site that the request came from; of other records, the log's.")]
Collected = Annotated[Words, typer.Option("--collected", help="Country where the data were collected.")]
Destination = Annotated[Words, typer.Option("--destination", help="Country of the target.")]
Target = Annotated[Words, typer.Option("--target", help="Id of the target: site/node/worker:model.")]
Purpose = Annotated[Words, typer.Option("--purpose", help="Purpose of the request.")]
Revision = Annotated[Words, typer.Option("--revision", help="Policy revision that decided.")]
Status = Annotated[Words, typer.Option("--status", help="How an attempt ended: done, failed, hung_up, interrupted.")]
Origin = Annotated[
    Words, typer.Option("--origin", help="Only this log, with all its classes.", metavar="SITE/NODE/WORKER")
]
Request = Annotated[str, typer.Option("--request", help="Request id.")]
DecisionId = Annotated[str, typer.Option("--decision-id", help="Decision id.")]
Since = Annotated[str, typer.Option(help="From when: 30d, a date or time of the site, or RFC 3339. Included.")]
Until = Annotated[str, typer.Option(help="Until when. Not included.")]
Text = Annotated[str, typer.Option("--text", help="Must occur in the record's JSON; reads what the filters leave.")]
Oldest = Annotated[bool, typer.Option("--oldest/--newest", help="Which come first.")]
Limit = Annotated[int, typer.Option(min=1, help="Most records to show.")]
After = Annotated[str, typer.Option(metavar="CURSOR", help="Go on behind a page: its `next`.")]
Lines = Annotated[
    bool, typer.Option("--jsonl", help="One record a line, as the log has it, but for pseudonyms of persons.")
]
CountOnly = Annotated[bool, typer.Option("--count", help="Only say how many records match.")]
OneOrigin = Annotated[str, typer.Option("--origin", help="Only this log.", metavar="SITE/NODE/WORKER")]


def register(audit: typer.Typer) -> None:
    """Add the commands to ``sekisho audit``."""
    command(audit, "search", examples=_EXAMPLES)(search)
    examples = ["sekisho audit tail", "sekisho audit tail -n 5 --json", "sekisho audit tail --follow"]
    command(audit, "tail", examples=examples)(tail)


def search(
    session: Session,
    type: Type = None,
    decision: DecisionIs = None,
    tenant: Tenant = None,
    project: Project = None,
    key: Key = None,
    model: Model = None,
    code: CodeIs = None,
    reason: ReasonIs = None,
    rule: Rule = None,
    data_class: ClassIs = None,
    entity: Entity = None,
    site: Site = None,
    collected: Collected = None,
    destination: Destination = None,
    target: Target = None,
    purpose: Purpose = None,
    revision: Revision = None,
    status: Status = None,
    origin: Origin = None,
    request: Request = "",
    decision_id: DecisionId = "",
    since: Since = "",
    until: Until = "",
    text: Text = "",
    oldest: Oldest = False,
    limit: Limit = 100,
    after: After = "",
    jsonl: Lines = False,
    count: CountOnly = False,
) -> None:
    """Find records, newest first. They hold no prompt text, only what was decided about it.

    Every search is itself on record: its filters, and how many records it found.
    """
    given = locals()
    words = {name: tuple(given[name]) for name in _NAMES if given[name]}
    words |= {"class": tuple(data_class)} if data_class else {}
    query = query_of(session.settings, words, since, until, (request, decision_id, text), oldest=oldest)
    _check_origins(session.settings, origin or [])
    found = ready_search(session)
    if count:
        _tell_count(session, found, query)
    elif jsonl:
        _tell_lines(session, found, query, limit, after)
    else:
        _tell_page(session, found, query, limit, after)


_NAMES = (
    *("type", "decision", "tenant", "project", "key", "model", "code", "reason", "rule", "entity", "site"),
    *("collected", "destination", "target", "purpose", "revision", "status", "origin"),
)


# --- searching -------------------------------------------------------------------------------------------------------


def query_of(
    settings: Settings,
    words: dict[str, tuple[str, ...]],
    since: str,
    until: str,
    others: tuple[str, str, str] = ("", "", ""),
    *,
    oldest: bool = False,
) -> Query:
    """Return a query from what was typed. Raises SetupError."""
    from gateway.audit.index.query import Query, WrongQuery, moment
    from gateway.cli.audit_export import moment_of

    first, end = (moment(moment_of(text, settings.zone)) if text else None for text in (since, until))
    try:
        return Query(words, first, end, *others, oldest)
    except WrongQuery as error:
        raise SetupError(f"That cannot be searched for: {error}.", "See --help.", exit_code=USED_WRONGLY) from error


def ready_search(session: Session) -> AuditSearch:
    """Return what searches, its index brought up to date where no server does that."""
    from gateway.audit.index.search import AuditSearch
    from gateway.cli.audit_index import bring_up_to_date

    settings = session.settings
    if running_server(settings.run) is None or not settings.audit.index:
        bring_up_to_date(session, INDEX_SECONDS)
    return AuditSearch(settings.data / "audit", settings.state / "audit-index")


def on_record(settings: Settings, way: Way, filters: View, found: int | None) -> None:
    """Put a search on record, durably, before its result is shown. Raises SetupError: it cannot be."""
    from gateway.audit.index.office import EVENT

    said: View = {"way": way, "filters": filters, "found": found}
    server = running_server(settings.run)
    if server is not None:
        server.post("audit/searches", said)
        return
    with data_lock(settings.state), admin_book(settings) as book:
        book.event(EVENT, by=operator(), details=said)
        asyncio.run(book.durable())


def _tell_page(session: Session, found: AuditSearch, query: Query, limit: int, after: str) -> None:
    with session.output.progress("Searching"):
        records, following, number, note = _pages(found, query, limit, after)
    if not after:
        on_record(session.settings, "search", found.on_record(query), number)
    data = [json.loads(record) for record in records]
    if note:
        session.output.note(f"The log was read: {note}.")
    view = {"data": data, "next": following, "found": number, "by": "log" if note else "index"}
    session.output.table("Audit log", _COLUMNS, [row_of(record) for record in data], view, "No record matches.")
    if following:
        of = "" if number is None else f" of {number}"
        session.output.note(f"These are {len(data)}{of}. Go on: the same with --after {following}")


def _tell_lines(session: Session, found: AuditSearch, query: Query, limit: int, after: str) -> None:
    records, following, number, note = _pages(found, query, limit, after)
    if not after:
        on_record(session.settings, "search", found.on_record(query), number)
    for record in records:
        sys.stdout.write(record.decode() + "\n")
    sys.stdout.flush()
    for line in (f"The log was read: {note}." if note else "", f"Go on: --after {following}" if following else ""):
        if line:
            session.output.note(line)


def _tell_count(session: Session, found: AuditSearch, query: Query) -> None:
    with session.output.progress("Counting"):
        number = found.count(query)
    on_record(session.settings, "count", found.on_record(query), number)
    session.output.result({"found": number}, f"{number} records match.")


def _pages(found: AuditSearch, query: Query, limit: int, after: str) -> tuple[list[bytes], str, int | None, str]:
    """Return up to ``limit`` records, where to go on, how many there are in all, and why the log was read."""
    from gateway.audit.index.query import WrongQuery

    records: list[bytes] = []
    number, note, following, first = None, "", after, True
    try:
        while first or (following and len(records) < limit):
            page = found.page(query, min(_PAGE_ROWS, limit - len(records)), following, most_read=sys.maxsize)
            records += page.records
            number = page.found if first else number
            note, following, first = page.note or note, page.next, False
    except WrongQuery as error:
        mend = "Give the cursor of a page of the same search."
        raise SetupError(f"That cannot be searched for: {error}.", mend, exit_code=USED_WRONGLY) from error
    except OSError as error:
        raise SetupError(f"The log cannot be read ({error.strerror}).", "Run: sekisho audit verify") from error
    return records, following, number, note


# --- the end of a log ------------------------------------------------------------------------------------------------


def tail(
    session: Session,
    count: Annotated[int, typer.Option("-n", "--count", min=0, help="How many records.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones, until Ctrl-C.")] = False,
    origin: OneOrigin = "",
) -> None:
    """Show the newest records of one log; with --follow, one line each as they come."""
    from gateway.audit.log.reader import newest
    from gateway.audit.persons.hidden import hidden_in

    folder = _one_log(session, origin)
    found = [hidden_in(record) for record in newest(folder, count)]
    if not follow:
        rows = [row_of(record) for record in found]
        session.output.table("Audit log", _COLUMNS, rows, {"data": found}, "The log has no record yet.")
        return
    following = found[-1]["sequence"] + 1 if found else 0
    for record in (*found, *_following(folder, following)):
        line = json.dumps(record, ensure_ascii=False) if session.output.as_json else "  ".join(row_of(record))
        print(line, flush=True)


def _following(folder: Path, first: int) -> Iterator[View]:
    from gateway.audit.log.reader import search as search_log
    from gateway.audit.persons.hidden import hidden_in

    while True:
        for record in search_log(folder, first=first):
            first = record["sequence"] + 1
            yield hidden_in(record)
        time.sleep(_POLL_SECONDS)


def _one_log(session: Session, origin: str) -> Path:
    """Return the log of that origin, else this server's own, else the only one there is."""
    base, wanted = session.settings.data / "audit", origin or session.settings.origin
    folders = log_folders(session.settings)
    found = {folder.relative_to(base).as_posix().removesuffix("/default"): folder for folder in folders}
    if wanted in found:
        return found[wanted]
    if len(found) == 1 and not origin:
        return next(iter(found.values()))
    mend = f"Give --origin: {', '.join(found)}."
    raise SetupError(f"There is no log of {wanted}.", mend, exit_code=USED_WRONGLY)


def _check_origins(settings: Settings, origins: list[str]) -> None:
    """Raise SetupError where there is no log, or none of such an origin."""
    base = settings.data / "audit"
    known = [folder.relative_to(base).as_posix() for folder in log_folders(settings)]
    for origin in origins:
        if not any(f"{name}/".startswith(f"{origin}/") for name in known):
            mend = f"Give --origin: {', '.join(name.removesuffix('/default') for name in known)}."
            raise SetupError(f"There is no log of {origin}.", mend, exit_code=USED_WRONGLY)


def row_of(record: View) -> tuple[str, ...]:
    """Return a record as a line of a table."""
    caller = record.get("caller") or {}
    place = (caller.get("tenant", ""), caller.get("project", ""))
    said = (record["time"], record["type"], record.get("code") or "")
    return (*said, *place, _about(record), record.get("request") or "")


def _about(record: View) -> str:
    """Return what a record is about in one word: the model of a request, the key, alias or model of a change."""
    asked = (record.get("input") or {}).get("request") or {}
    details = record.get("details") or {}
    changed = details.get("key") or details.get("details") or {}
    found = asked.get("model") or changed.get("name") or changed.get("alias")
    return str(found or changed.get("model") or details.get("model") or "")
