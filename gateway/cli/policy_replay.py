"""``sekisho policy replay``: what another policy would have decided."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import ANSWERED_NO, COULD_NOT, Session, command

if TYPE_CHECKING:
    from gateway.policy.trials.proposal import Proposal
    from gateway.policy.trials.replay import Replay, Report

BUNDLE_HELP = (
    "What to try: a revision, in-force, a bundle.tar.gz, a folder of rules; else files: the policies and table on disk."
)
Since = Annotated[str, typer.Option("--since", help="From when: 12h, 30d, 4w, a date or a time. Included.")]
Until = Annotated[str, typer.Option("--until", help="Up to when, likewise. Not included.")]
BundleOption = Annotated[str, typer.Option("--bundle", metavar="B", help=BUNDLE_HELP, show_default=False)]
TableOption = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="A rule table to try in place of the policy's own.")
]
Tenant = Annotated[str, typer.Option("--tenant", help="Only this tenant's decisions.")]
COLUMNS = ("what", "count", "tenant", "rule", "reason", "destination", "for example")
_LIMIT = 50


def register(app: typer.Typer) -> None:
    """Add these commands to ``sekisho policy``."""
    replaying = [
        "sekisho policy replay --since 30d",
        "sekisho policy replay --since 30d --bundle 3f9a1c --tenant bodyshop",
        "sekisho policy replay --since 2030-01-31 --rules rules-new.csv --json",
    ]
    command(app, "replay", examples=replaying)(replay)


def replay(
    session: Session,
    since: Since = "30d",
    bundle: BundleOption = "",
    rules: TableOption = None,
    until: Until = "",
    tenant: Tenant = "",
) -> None:
    """Decide all past requests again under another policy, from the audit log, and show what flips.

    Leaves with 1 when something opens that was closed, with 3 when a record could not be read.
    """
    from gateway.cli.past import instant
    from gateway.policy.trials.proposal import find

    first, last = instant(since), instant(until) if until else ""
    with session.output.progress("Preparing the policy"):
        proposal = find(session.settings, bundle, rules)
    with session.output.progress("Reading the audit log"):
        past = _collected(session, proposal, first, last, tenant)
    report = asyncio.run(_replayed(session, proposal, past))
    session.output.result({"since": first, "until": last, **report.as_dict()}, *_told(report, proposal))
    if not session.output.as_json:
        _table(session, report)
    if report.unreadable:
        raise typer.Exit(COULD_NOT)
    if report.opens:
        raise typer.Exit(ANSWERED_NO)


def _collected(session: Session, proposal: Proposal, first: str, last: str, tenant: str) -> Replay:
    from gateway.cli.past import log_folders
    from gateway.cli.past import since as since_in
    from gateway.policy.datasets import DataSets
    from gateway.policy.trials.replay import Replay

    settings = session.settings
    past = Replay(DataSets(settings.state / "policy" / "data"), proposal)
    for folder in log_folders(settings):
        for name, record in since_in(folder, first, last):
            if record is None:
                past.report.name(name, "it is no record")
            elif not tenant or (record.get("caller") or {}).get("tenant") == tenant:
                past.add(record, name)
    return past


async def _replayed(session: Session, proposal: Proposal, past: Replay) -> Report:
    from gateway.cli.past import counting
    from gateway.policy.opa.program import find_opa
    from gateway.policy.trials.scratch import Rehearsal

    with counting(session.output, "Deciding again", past.report.decisions) as count:
        async with Rehearsal(find_opa(session.settings), proposal.bundle.path) as rehearsal:
            return await past.run(rehearsal, count)


def _told(report: Report, proposal: Proposal) -> list[str]:
    counts = report.sums.counts()
    lines = [
        f"{report.decisions} decisions again under {called(proposal.name, proposal.bundle.revision)}: "
        f"{report.same} the same.",
        f"Targets: {counts['opened']} opened, {counts['closed']} closed; "
        f"redaction and terms: {counts['weaker']} weaker, {counts['stronger']} stronger.",
    ]
    if report.allowed_now or report.refused_now:
        lines.append(f"Requests: {report.allowed_now} would pass, {report.refused_now} would be refused.")
    if report.no_answer:
        lines.append(f"{report.no_answer} questions got no valid answer; in service they are refused.")
    if report.undecided:
        lines.append(f"{report.undecided} requests had no decision then, so there is nothing to compare.")
    if report.unreadable:
        lines.append(f"NOT COMPARED, {report.unreadable} that could not be read:")
        lines += [f"  {named}" for named in report.unreadable_named]
    return lines


def called(name: str, revision: str) -> str:
    """Return what to call a policy that is tried, with the beginning of its revision's id once."""
    return name if revision[:12] in name else f"{name} ({revision[:12]})"


def _table(session: Session, report: Report) -> None:
    lines = report.sums.lines()
    if not lines:
        return
    session.output.table("What flips", COLUMNS, [row_of(line) for line in lines[:_LIMIT]], None)
    if len(lines) > _LIMIT:
        session.output.note(f"Only the first {_LIMIT} of {len(lines)} lines are shown; --json has all of them.")


def row_of(line: dict[str, Any]) -> tuple[str, ...]:
    """Return one line of sums as cells for :data:`COLUMNS`."""
    names = ("tenant", "rule", "reason", "destination")
    return (line["kind"], str(line["count"]), *(line[name] for name in names), line["decisions"][0])
