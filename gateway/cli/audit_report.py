"""``sekisho audit report``: counts of decisions that may be handed over; those that tell of fewer than five are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.audit_search import on_record, query_of, ready_search
from gateway.cli.past import log_folders
from gateway.cli.session import Session, command

if TYPE_CHECKING:
    from gateway.audit.index.report import Count, Report
    from gateway.audit.index.search import AuditSearch

_EXAMPLES = ["sekisho audit report --since 30d", "sekisho audit report --since 2030-01-01 --until 2030-02-01 --json"]
_WITHHELD = "withheld"

Since = Annotated[str, typer.Option(help="From when: 30d, a date or time of the site, or RFC 3339. Included.")]
Until = Annotated[str, typer.Option(help="Until when. Not included.")]
Tenant = Annotated[list[str] | None, typer.Option("--tenant", help="Only of this tenant; more than once.")]
Project = Annotated[list[str] | None, typer.Option("--project", help="Only of this project; more than once.")]


def register(audit: typer.Typer) -> None:
    """Add the command to ``sekisho audit``."""
    command(audit, "report", examples=_EXAMPLES)(report)


def report(
    session: Session, since: Since = "", until: Until = "", tenant: Tenant = None, project: Project = None
) -> None:
    """Count decisions by day, rule, destination, class, tenant and type of personal data.

    Counts under five are withheld, and so is what they could be computed from. Days are those of the site. Each report
    is on record: several that overlap can be subtracted from each other, and that shows there. Refusals before it was
    known who called are no decisions and of no tenant; they are counted apart, where no tenant or project is asked for.
    """
    words = {name: tuple(given) for name, given in (("tenant", tenant), ("project", project)) if given}
    from gateway.audit.index.report import refused_unknown

    query = query_of(session.settings, words, since, until)
    log_folders(session.settings)  # says so where there is none
    found = ready_search(session)
    with session.output.progress("Counting"):
        made = found.tally(query, session.settings.zone).report()
        unknown = refused_unknown({} if words else _summed(session, found, since, until))
    filters = found.on_record(query)
    on_record(session.settings, "report", filters, made.decisions.count)
    data = {"since": filters.get("since", ""), "until": filters.get("until", ""), **made.as_dict()}
    data["refused_unknown"] = [asdict(row) for row in unknown]
    session.output.result(data, *_told(made), *_told_unknown(unknown))


def _summed(session: Session, found: AuditSearch, since: str, until: str) -> Counter[str]:
    """Return by code how many were refused before it was known who called. Reads each such record."""
    import msgspec

    counts: Counter[str] = Counter()
    for data in found.records(query_of(session.settings, {"type": ("denial.summed",)}, since, until)):
        for one in msgspec.json.decode(data)["sums"]:
            counts[one["code"]] += one["count"]
    return counts


def _told_unknown(rows: list[Count]) -> list[str]:
    total, *codes = rows
    if not codes:
        return []
    head = f"Refused before it was known who called: {_number(total)}"
    return ["", head, *(_line(row) for row in codes)]


def _told(made: Report) -> list[str]:
    lines = [f"Decisions: {_number(made.decisions)}"]
    for name, rows in made.tables.items():
        lines += ["", f"By {name}", *(_line(row) for row in rows)] if rows else []
    if made.days:
        lines += ["", "By day (all, allowed, denied)"]
    for day in made.days:
        parts = (day.decisions, day.allowed, day.denied)
        lines.append(f"  {day.day}" + "".join(f"{_number(part):>12}" for part in parts))
    return lines


def _line(row: Count) -> str:
    return f"  {row.value:<40}{_number(row):>12}"


def _number(row: Count) -> str:
    return _WITHHELD if row.count is None else str(row.count)
