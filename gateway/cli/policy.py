"""``sekisho policy``: the rules that decide, checked and tested with the real OPA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from gateway.cli import (
    policy_ask,
    policy_cases,
    policy_explain,
    policy_glass,
    policy_life,
    policy_replay,
    policy_shadow,
    policy_table,
)
from gateway.cli.session import ANSWERED_NO, Session, command, group

if TYPE_CHECKING:
    from gateway.policy.life.build import TestReport
    from gateway.settings import Settings

app = group("policy", "Check, test, sign and activate the rules.")
policy_life.register(app)
policy_cases.register(app)
policy_ask.register(app)
policy_explain.register(app)
policy_replay.register(app)
policy_table.register(app)
app.add_typer(policy_glass.app)
app.add_typer(policy_shadow.app)


@command(app, "check", examples=["sekisho policy check", "sekisho policy check --config /etc/sekisho/sekisho.yaml"])
def check(session: Session) -> None:
    """Check format, compilation without dangerous builtins, metadata, that a bundle can be built, and the rule table.

    Leaves with 1 when the policies do not pass.
    """
    from gateway.policy.life import build, names
    from gateway.policy.opa.program import find_opa

    settings = session.settings
    opa = find_opa(settings)
    try:
        with session.output.progress("Checking policies"):
            build.check(opa, settings.policies)
            names.require_known_sites_in_rego(settings)
            bundle = build.build(opa, settings.policies, settings.state / "policy")
    except build.BuildError as error:
        data = {"passed": False, "problem": error.problem, "details": error.details.splitlines()}
        session.output.result(data, error.problem, error.details.rstrip())
        raise typer.Exit(ANSWERED_NO) from error
    sound, table, told = policy_table.check_table(settings)
    odd = policy_table.odd_names(settings)
    data = {"passed": sound, "revision": bundle.revision, "digest": bundle.digest, "opa": opa.version, "table": table}
    data["notes"] = odd
    line = f"{settings.policies} passes. Revision {bundle.revision}, OPA {opa.version}."
    session.output.result(data, *odd, *told, line if sound else f"The rule table {table['file']} does not pass.")
    if not sound:
        raise typer.Exit(ANSWERED_NO)


@command(app, "test", examples=["sekisho policy test", "sekisho policy test --json"])
def test(session: Session) -> None:
    """Run the rules' own tests, then the cases in words beside them. Leaves with 1 when one fails."""
    from gateway.policy.life import build
    from gateway.policy.opa.program import find_opa

    opa = find_opa(session.settings)
    with session.output.progress("Testing policies"):
        report = build.test(opa, session.settings.policies)
        outcomes = policy_cases.run_cases(opa, session.settings)
    data = {**_plain(report), "cases": policy_cases.plain_cases(outcomes)}
    session.output.result(data, *_told(report), *policy_cases.told_cases(outcomes))
    if report.failed or any(outcome.differences for outcome in outcomes):
        raise typer.Exit(ANSWERED_NO)


@command(app, "show", examples=["sekisho policy show", "sekisho policy show --json"])
def show(session: Session) -> None:
    """Show what the files say: rule folders, table and preset. What is in force: `sekisho policy status`."""
    from gateway.policy.life import build

    settings = session.settings
    table = _table(settings)
    data: dict[str, Any] = {
        "directory": str(settings.policies),
        "rules": build.rules_in(settings.policies),
        "preset": settings.site.preset,
        "jurisdiction": settings.site.jurisdiction,
        "table": {"file": str(settings.rules_file), "lines": table},
    }
    lines = [
        f"Rule folders in {settings.policies}: {', '.join(data['rules'])}",
        f"Site {settings.site.name}, jurisdiction {settings.site.jurisdiction or 'not set'}, preset {data['preset']}",
        f"Rule table {settings.rules_file}:",
        *(f"  {line}" for line in table),
    ]
    session.output.result(data, *lines)


def _table(settings: Settings) -> list[str]:
    from gateway.policy.table.read import text_in

    path = settings.rules_file
    return text_in(path).splitlines() if path.exists() or path.is_symlink() else []


def _plain(report: TestReport) -> dict[str, Any]:
    return {
        "passed": report.passed,
        "failed": list(report.failed),
        "coverage_percent": round(report.coverage, 1),
        "uncovered": list(report.uncovered),
    }


def _told(report: TestReport) -> list[str]:
    uncovered = [f"not covered: {line}" for line in report.uncovered]
    failed = [f"FAILED: {name}" for name in report.failed]
    summary = f"{report.passed} passed, {len(report.failed)} failed, {report.coverage:.1f}% of lines covered."
    return [*failed, *uncovered, summary]
