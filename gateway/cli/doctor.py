"""``sekisho doctor``: what is wrong here and how to mend it; ``sekisho doctor CODE``: what a refusal means."""

from __future__ import annotations

from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.cli.codes import Explanation

_MARKS = {"ok": "ok", "warning": "look", "fails": "FAILS"}


def register(app: typer.Typer) -> None:
    examples = [
        "sekisho doctor",
        "sekisho doctor policy.residency",
        "sekisho doctor --egress --seconds 60",
        "sekisho doctor --egress --proof no-egress.json",
        "sekisho doctor --json",
    ]
    command(app, "doctor", examples=examples)(doctor)


def _completed(incomplete: str) -> list[str]:
    from gateway.cli.codes import explanations

    return [code for code in explanations() if code.startswith(incomplete)]


Code = Annotated[str, typer.Argument(metavar="[CODE]", help="A stable code from an error.", autocompletion=_completed)]


def doctor(
    session: Session,
    code: Code = "",
    egress: Annotated[
        bool, typer.Option("--egress", help="Look whom the running server talks to, and put it on record.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=0.0, max=3600.0, help="How long --egress looks.")] = 5.0,
    proof: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --egress: put the maker's report on record instead.")
    ] = None,
) -> None:
    """Check the machine and the installation, or explain a code. Leaves with 1 when a check fails."""
    if code:
        _explain(session, code)
    elif proof is not None:
        from gateway.cli.doctor_egress_proof import put_on_record

        if not egress:
            raise SetupError("--proof belongs to --egress.", "Give both.", exit_code=USED_WRONGLY)
        put_on_record(session, proof)
    elif egress:
        from gateway.cli.doctor_egress import examine

        examine(session, seconds)
    else:
        _examine(session)


def _explain(session: Session, code: str) -> None:
    from gateway.cli.codes import explanations

    known = explanations()
    if code not in known:
        near = get_close_matches(code, known, n=3, cutoff=0.5)
        mend = f"Did you mean {' or '.join(near)}?" if near else "Codes look like policy.residency."
        raise SetupError(f"There is no code {code!r}.", mend, exit_code=USED_WRONGLY)
    session.output.result({"code": code, **asdict(known[code])}, *_told(code, known[code]))


def _told(code: str, explanation: Explanation) -> list[str]:
    status = f" (HTTP {explanation.status})" if explanation.status else ""
    return [
        f"{code}{status}",
        f"  What happened  {explanation.what}",
        f"  Who can mend   {explanation.who}",
        f"  How            {explanation.mend}",
    ]


def _examine(session: Session) -> None:
    from gateway.cli.checks_site import all_checks

    with session.output.progress("Examining"):
        checks = all_checks(session.settings)
    failing = [check for check in checks if check.state == "fails"]
    rows = [(_MARKS[check.state], check.name, check.said, check.mend) for check in checks]
    data = {"healthy": not failing, "checks": [asdict(check) for check in checks]}
    session.output.table("Sekisho's health", ("", "check", "found", "to mend it"), rows, data)
    session.output.note(f"{len(failing)} of {len(checks)} checks fail." if failing else "All is well.")
    if failing:
        raise typer.Exit(ANSWERED_NO)
