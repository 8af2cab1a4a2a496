"""``sekisho audit status``: how each log stands: its size and head, who saw it, how long it is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from gateway.cli.checks import Check, State
from gateway.cli.server import running_server
from gateway.cli.session import ANSWERED_NO, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.anchor.standing import Standing
    from gateway.settings import Settings

EXAMPLES = ["sekisho audit status", "sekisho audit status --json"]
COLUMNS = ("log", "records", "head", "witnessed", "by", "not witnessed", "since", "kept", "hold", "begins at")

_LONG_SECONDS = 3600
_NEWEST = 50  # heads of each place that a log is held against; verify takes all
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
_NOBODY = (
    "Some records are witnessed by nobody: whoever can write this machine's disk can change them unseen. "
    "Carry the heads away: sekisho audit anchor --to DIR, or set audit.anchors."
)
_NOT_YET = (
    "The newest records are not witnessed yet: the next heads go to the anchors by themselves, within audit.anchors' "
    "every_seconds (a file: a minute). At once, to another medium: sekisho audit anchor --to DIR."
)


def status(session: Session) -> None:
    """Show all logs: size, head, from where they are witnessed.

    Leaves with 1 when a log is not what was seen of it, or cannot be written.
    """
    settings = session.settings
    try:
        logs = [_view(each, settings) for each in _standings(settings)]
    except (OSError, ValueError) as error:
        raise SetupError("A log's files cannot be read.", "Run: sekisho audit verify") from error
    anchors, stopped = _anchors(settings), _stopped(settings)
    contrary = any(each["state"] == "conflict" for each in anchors) or any(each["problems"] for each in logs)
    good = not (contrary or stopped)
    data = {"ok": good, "logs": logs, "anchors": anchors, "stopped": stopped}
    rows = [_row(each) for each in logs]
    session.output.table("Audit logs", COLUMNS, rows, data, "There is no log with a signed head yet.")
    if not session.output.as_json:
        _show_anchors(session, anchors)
        for line in [*map(_stop_line, stopped), *_warnings(logs, anchors)]:
            session.output.note(line)
    if not good:
        raise typer.Exit(ANSWERED_NO)


def _stopped(settings: Settings) -> list[dict[str, Any]]:
    """Return the logs that cannot be written, by what their server noted, or its last one before it ended."""
    from gateway.audit.log.trouble import notes

    found = notes(settings.data / "audit")
    return [{"log": log, **msgspec.structs.asdict(note), "mend": note.mend} for log, note in found]


def _stop_line(stopped: dict[str, Any]) -> str:
    said = f"{stopped['log']}: {stopped['what']} ({stopped['code']})"
    return f"WRONG  {said}; no requests are taken since {stopped['since'][:19]}Z. {stopped['mend']}"


def anchors(settings: Settings) -> Check:
    """Doctor's check: heads leave the machine, have lately, and reach each anchor of the running server."""
    from gateway.audit.anchor.build import anchors_of
    from gateway.audit.anchor.standing import age_seconds, unwitnessed_since

    name, places = "log anchors", [each.anchor for each in anchors_of(settings)]
    known = _anchors(settings)
    if conflict := _first(known, "conflict"):
        return Check(name, "fails", conflict["problem"], conflict["mend"])
    if lost := _first(known, "fails"):
        said = f"{lost['kind']} {lost['place']}: {lost['problem']} Since {lost['since']}."
        return Check(name, "warning", said, lost["mend"])
    try:
        since = unwitnessed_since(settings.data / "audit")
    except (OSError, ValueError):
        return Check(name, "fails", "a log's head cannot be read", "Run: sekisho audit verify")
    where = ", ".join(f"{each.kind} {each.place}" for each in places) or "none"
    if not since:
        return Check(name, "ok", f"{where}; every signed record is witnessed")
    seconds = age_seconds(since)
    if places and seconds < _LONG_SECONDS:
        return Check(name, "ok", f"{where}; unwitnessed for {age(seconds)}")
    demo = settings.site.preset == "demo" and not places
    state: State = "ok" if demo else "warning"
    mend = "" if demo else "See: sekisho audit status. By hand: sekisho audit anchor --to DIR"
    return Check(name, state, f"{where}; unwitnessed since {since[:19]}Z", mend)


def _first(anchors: list[dict[str, Any]], state: str) -> dict[str, Any] | None:
    return next((each for each in anchors if each["state"] == state), None)


def age(seconds: float) -> str:
    """Return a length of time in one word: ``5 s``, ``3 min``, ``2 d``."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _standings(settings: Settings) -> list[Standing]:
    from gateway.audit.anchor.standing import standings

    return standings(settings.data / "audit")


def _view(each: Standing, settings: Settings) -> dict[str, Any]:
    from gateway.audit.anchor.build import heads_on_media, witness_keys
    from gateway.audit.anchor.compare import disagreements
    from gateway.audit.log import layout

    head, folder = each.head, each.head.folder
    signed = datetime.fromtimestamp((folder / layout.CHECKPOINT).stat().st_mtime, UTC)
    kept = settings.audit.age(folder.name)
    elsewhere = heads_on_media(settings, head.checkpoint.origin)
    contrary = disagreements(folder, witness_keys(settings), elsewhere, newest=_NEWEST)
    return {
        "log": head.name,
        "origin": head.checkpoint.origin,
        "records": head.size,
        "begins_at": _begin(folder),
        "root": head.checkpoint.root.hex(),
        "head_time": signed.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "head_age_seconds": round((datetime.now(UTC) - signed).total_seconds(), 1),
        "witnessed": each.witnessed.as_json(),
        "unwitnessed_since": each.since or None,
        "problems": [str(found) for found in contrary],
        "damaged_lines": each.witnessed.damaged,
        "retention": {"least_days": kept.least_days, "longest_days": kept.longest_days},
        "hold": _hold(folder / layout.HOLD),
    }


def _begin(folder: Path) -> int:
    from gateway.audit.log.pruned import begin

    return begin(folder).first


def _hold(path: Path) -> str | None:
    """Return why a log is held, as the file says; ``None`` where it is not."""
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else None


def _anchors(settings: Settings) -> list[dict[str, Any]]:
    """Return the anchors as the running server sees them, else as the settings name them."""
    from gateway.audit.anchor.build import anchors_of

    server = running_server(settings.run)
    if server is not None:
        return list(server.get("audit/anchors")["data"])
    idle = {"state": "idle", "last": "", "since": "", "problem": "", "mend": ""}
    return [{"kind": each.anchor.kind, "place": each.anchor.place, **idle} for each in anchors_of(settings)]


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    seen = each["witnessed"]
    newest = seen["ranges"][-1]["by"] if seen["ranges"] else []
    kept = each["retention"]
    longest = f"-{kept['longest_days']}" if kept["longest_days"] else "+"
    return (
        each["log"],
        str(each["records"]),
        f"{age(each['head_age_seconds'])} ago",
        str(seen["up_to"]) if seen["ranges"] else "never",
        ", ".join(f"{witness['kind']} {witness['place']}" for witness in newest),
        str(seen["unwitnessed"]),
        (each["unwitnessed_since"] or "")[:19],
        f"{kept['least_days']}{longest} d",
        "held" if each["hold"] is not None else "",
        str(each["begins_at"]) if each["begins_at"] else "",
    )


def _show_anchors(session: Session, anchors: list[dict[str, Any]]) -> None:
    rows = [(a["kind"], a["place"], a["state"], a["last"], f"{a['problem']} {a['mend']}".strip()) for a in anchors]
    if rows:
        session.output.table("Anchors", ("kind", "place", "state", "last", "problem"), rows, None)


def _warnings(logs: list[dict[str, Any]], anchors: list[dict[str, Any]]) -> list[str]:
    lines = [
        f"WRONG  {each['log']}: {problem}. Run: sekisho audit verify" for each in logs for problem in each["problems"]
    ]
    if any(each["witnessed"]["unwitnessed"] for each in logs):
        reached = [each for each in anchors if each["state"] == "ok" and each["last"]]
        lines.append(_NOT_YET if reached else _NOBODY)
    return lines
