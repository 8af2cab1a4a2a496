"""``sekisho policy shadow``: another policy beside the one in force, on a running server; it decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.policy_replay import COLUMNS, TableOption, called, row_of
from gateway.cli.session import Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.cli.server import Server

app = group("shadow", "Let another policy decide beside the one in force, for comparison only.")
_BUNDLE = "What to try: a revision, a bundle.tar.gz, a folder of rules; else files: the policies and table on disk."
Bundle = Annotated[str, typer.Argument(metavar="[B]", help=_BUNDLE, show_default=False)]


@command(
    app,
    "start",
    examples=["sekisho policy shadow start 3f9a1c", "sekisho policy shadow start --rules rules-new.csv"],
)
def start(session: Session, bundle: Bundle = "", rules: TableOption = None) -> None:
    """Start comparing: each decision from now on is also asked of this policy. No request waits for that."""
    wish = {"bundle": _absolute(bundle), "rules": str(rules.absolute()) if rules else ""}
    server = _server(session)
    with session.output.progress("Starting the shadow"):
        found = server.post("policy/shadow", wish, seconds=server.TRIAL_SECONDS)
    session.output.result(found, f"{called(found['name'], found['revision'])} is compared from now on.", _MORE)


_MORE = "See: sekisho policy shadow status"


@command(app, "status", examples=["sekisho policy shadow status", "sekisho policy shadow status --json"])
def status(session: Session) -> None:
    """Show what the shadow found since it was started."""
    _show(session, _server(session).get("policy/shadow"))


@command(app, "stop", examples=["sekisho policy shadow stop"])
def stop(session: Session) -> None:
    """Stop comparing, and show what was found."""
    server = _server(session)
    with session.output.progress("Stopping the shadow"):
        found = server.delete("policy/shadow")
    _show(session, found)


def _server(session: Session) -> Server:
    from gateway.cli.server import running_server

    server = running_server(session.settings.run)
    if server is None:
        raise SetupError("No server runs here.", "Start one: sekisho serve; for the past: sekisho policy replay")
    return server


def _absolute(bundle: str) -> str:
    """Return a path as the server finds it, anything else as it is."""
    return str(Path(bundle).absolute()) if bundle and Path(bundle).exists() else bundle


def _show(session: Session, found: dict[str, Any]) -> None:
    session.output.result(found, *_told(found))
    if not session.output.as_json and found.get("lines"):
        session.output.table("What would flip", COLUMNS, [row_of(line) for line in found["lines"]], None)


def _told(found: dict[str, Any]) -> list[str]:
    if "since" not in found:
        return ["No shadow runs."]
    compared = found["same"] + found["other"]
    return [
        f"{called(found['name'], found['revision'])}, since {found['since']}"
        + ("" if found["running"] else "; it has been stopped."),
        f"{found['seen']} decisions: {found['same']} of {compared} compared are the same, "
        f"{found['unanswered']} were not answered, {found['dropped']} dropped, {found['waiting']} wait.",
        f"Requests: {found['allowed']} would pass that were refused, {found['refused']} be refused that passed.",
        f"Targets: {found['opened']} opened, {found['closed']} closed; "
        f"redaction and terms: {found['weaker']} weaker, {found['stronger']} stronger.",
    ]
