"""``sekisho audit export``: records for others to read and check, in the form that they want.

An export is signed by the log's key and is itself on record before the signature is made: in the running server's log,
or, where there is none, under the data folder's lock in that of the origin ``<site>/<node>/admin``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.audit_send import Receiver, send_export
from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.past import instant, log_folders
from gateway.cli.server import Server, operator, running_server
from gateway.cli.session import USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.export.forms import Ways
    from gateway.audit.export.run import Export, Keys, Wish
    from gateway.audit.log.note import Verifier
    from gateway.audit.log.reader import Filter
    from gateway.settings import Settings

EXAMPLES = [
    "sekisho audit export --out audit.jsonl",
    "sekisho audit export --format csv --since 30d --filter type=denial --out denials.csv",
    "sekisho audit export --format parquet --origin all --since 2030-01-01 --until 2030-02-01 --out january.parquet",
    "sekisho audit export --format csv --locale de --out register.csv",
    "sekisho audit export --format syslog --to tls://siem.example:6514 --ca siem-ca.pem --out sent.log",
    "sekisho audit export --format evidence --language de --out pack.zip",
]

EVERY_LOG = "all"
_FIELDS = {"key": "key_id", "class": "data_class"}
_WORDS = ("type", "tenant", "project", "key", "code", "model", "class", "decision", "site", "request", "text")

Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write.")]
Form = Annotated[str, typer.Option("--format", help="jsonl, csv, parquet, ocsf, cef, syslog; evidence: a pack, ZIP.")]
Since = Annotated[str, typer.Option(help="From when: 30d, a date or time of the site, or RFC 3339. Included.")]
Until = Annotated[str, typer.Option(help="Until when. Not included.")]
Filters = Annotated[
    list[str],
    typer.Option("--filter", metavar="NAME=VALUE", help=f"Only such records; more than once. {', '.join(_WORDS)}."),
]
Origins = Annotated[
    list[str],
    typer.Option("--origin", metavar="SITE/NODE/WORKER", help="Only this log; more than once; all: every one."),
]
Locale = Annotated[str, typer.Option(help="Whose spreadsheet opens a CSV: de, ja, en-GB, …; else the site's language.")]
To = Annotated[str, typer.Option("--to", metavar="tls://HOST:PORT", help="Send syslog there too; resumes as well.")]
Ca = Annotated[Path | None, typer.Option("--ca", metavar="FILE", help="Authority of that receiver, PEM.")]
ServerName = Annotated[str, typer.Option(help="Name in its certificate, where that is not HOST.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file.")]
Restart = Annotated[bool, typer.Option("--restart", help="Throw away what an export that was cut short left.")]
Language = Annotated[str, typer.Option(help="Of an evidence pack: en, de, ja or zh; else the site's.")]
Font = Annotated[Path | None, typer.Option(help="TrueType font for Japanese and Chinese, to be put into that PDF.")]
Pdf = Annotated[bool, typer.Option("--pdf/--no-pdf", help="Whether an evidence pack has the report as PDF too.")]


def export(
    session: Session,
    out: Out,
    form: Form = "jsonl",
    since: Since = "",
    until: Until = "",
    filters: Filters = [],  # noqa: B006  typer copies it
    origin: Origins = [],  # noqa: B006
    force: Force = False,
    restart: Restart = False,
    locale: Locale = "",
    to: To = "",
    ca: Ca = None,
    server_name: ServerName = "",
    language: Language = "",
    pdf: Pdf = True,
    font: Font = None,
) -> None:
    """Export records up to the last signed head, with a signed manifest that accounts for all others.

    Each log's newest head is fixed at the start. Cut short, the same command goes on where it stopped.
    """
    if form == "evidence":
        from gateway.cli.audit_evidence import EvidenceWish, export_evidence

        if to:
            raise SetupError("A pack is not sent to a receiver.", "Leave --to out.", exit_code=USED_WRONGLY)
        logs = _logs(session.settings, origin or [EVERY_LOG])
        words = {"since": since, "until": until, **_pairs(filters)}
        export_evidence(session, EvidenceWish(out, logs, words, language, pdf, force, font))
        return
    receiver = Receiver(to, ca, server_name) if to else None
    if receiver:
        receiver.check(form)
    if not (receiver and out.exists()) or force:
        logs = _logs(session.settings, origin)
        words = {"since": since, "until": until, **_pairs(filters)}
        ways = _ways(session.settings, locale)
        if out.exists() and not force:
            raise SetupError(f"{out} exists.", "Use --force to replace it.", exit_code=USED_WRONGLY)
        _write(session, _wish(session.settings, out, form, tuple(logs), words, ways, restart), quiet=bool(receiver))
    if receiver:
        send_export(session, out, receiver)


def _write(session: Session, wish: Wish, *, quiet: bool) -> None:
    """Write the export. With ``quiet`` and ``--json`` nothing is said: another answer follows."""
    from gateway.audit.export.run import export as export_logs

    try:
        with session.output.bar(f"Exporting {_many(len(wish.logs), 'log')}") as progress:
            done = export_logs(wish, signing_keys(session.settings), progress)
    except OSError as error:
        mend = "Check its folder and space, then give the same command again: it goes on where it stopped."
        raise SetupError(f"The export to {wish.out} stopped ({error.strerror or error}).", mend) from error
    if not (quiet and session.output.as_json):
        _tell(session, done)


def _ways(settings: Settings, locale: str) -> Ways:
    from gateway import __version__
    from gateway.audit.export.csv import separator_for
    from gateway.audit.export.forms import Ways

    separator = separator_for(locale or settings.site.language)
    return Ways(settings.zone, separator, f"sekisho {__version__}")


def _wish(
    settings: Settings,
    out: Path,
    form: str,
    logs: tuple[Path, ...],
    words: Mapping[str, str],
    ways: Ways,
    restart: bool,
) -> Wish:
    from gateway.audit.export.run import Wish

    return Wish(out, form, logs, filter_of(words, settings.zone), ways, words, fresh=restart)


def _pairs(filters: list[str]) -> dict[str, str]:
    """Return what ``--filter`` asks for. Raises SetupError."""
    wanted: dict[str, str] = {}
    for each in filters:
        name, equals, value = each.partition("=")
        if name not in _WORDS or not equals or not value or name in wanted:
            mend = f"Give NAME=VALUE, each name once: {', '.join(_WORDS)}."
            raise SetupError(f"{each!r} is no filter.", mend, exit_code=USED_WRONGLY)
        wanted[name] = value
    if wanted.get("decision", "allowed") not in ("allowed", "denied"):
        raise SetupError("A decision is allowed or denied.", "Give decision=denied.", exit_code=USED_WRONGLY)
    return wanted


def filter_of(words: Mapping[str, str], zone: tzinfo) -> Filter:
    """Return the filter that words of the command line mean. Raises SetupError."""
    from gateway.audit.log.reader import Filter

    asked = {_FIELDS.get(name, name): value for name, value in words.items() if value}
    times = {name: moment_of(asked[name], zone) for name in ("since", "until") if name in asked}
    return Filter(**(asked | times))


def moment_of(text: str, zone: tzinfo) -> str:
    """Return a time in UTC; one that names no zone is the site's."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return instant(text)
    return instant(text if moment.tzinfo else moment.replace(tzinfo=zone).isoformat())


def _logs(settings: Settings, origins: list[str]) -> list[Path]:
    """Return the logs of those origins, of all retention classes; else this server's own, else all there are."""
    found, base = log_folders(settings), settings.data / "audit"
    if EVERY_LOG in origins:
        return found
    by_origin: dict[str, list[Path]] = {}
    for folder in found:
        by_origin.setdefault(folder.parent.relative_to(base).as_posix(), []).append(folder)
    if not origins and (settings.origin in by_origin or len(by_origin) == 1):
        return by_origin.get(settings.origin, found)
    missing = [origin for origin in origins or [settings.origin] if origin not in by_origin]
    if missing:
        mend = f"Give --origin: {', '.join([*by_origin, EVERY_LOG])}."
        raise SetupError(f"There is no log of {missing[0]}.", mend, exit_code=USED_WRONGLY)
    return [folder for origin in dict.fromkeys(origins) for folder in by_origin[origin]]


# --- who signs


def signing_keys(settings: Settings) -> Keys:
    """Return whose heads count here, and who signs a manifest. Raises SetupError."""
    from gateway.audit.export.run import Keys
    from gateway.keys.generations import read

    vkey = _vkeys(settings.keys / "log.vkey")[0]
    history = settings.keys / "log-vkeys"
    known = [vkey, *(_vkeys(history) if history.exists() else [])]
    rotations = read(settings.keys, "log.pem").rotations
    return Keys(_verifiers(known), vkey, lambda payload: _sealed(settings, payload), rotations)


def _vkeys(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        lines = []
    if not lines:
        mend = "Run: sekisho init, or put it back from the backup of your keys."
        raise SetupError(f"The log's public key {path} cannot be read.", mend)
    return lines


def _verifiers(lines: list[str]) -> tuple[Verifier, ...]:
    from gateway.audit.log.note import NoteError, parse_verifier_key

    try:
        return tuple(parse_verifier_key(line) for line in lines)
    except NoteError as error:
        raise SetupError("The log's public key is damaged.", "Put it back from the backup of your keys.") from error


def _sealed(settings: Settings, payload: bytes) -> bytes:
    """Return the manifest's envelope. That it is made is on record first."""
    server = running_server(settings.run)
    return _sealed_by_server(server, payload) if server else _sealed_here(settings, payload)


def _sealed_by_server(server: Server, payload: bytes) -> bytes:
    from gateway.audit.export.manifest import envelope, to_bytes, to_text

    signed = server.post("audit/exports", {"manifest": to_text(payload)})
    return envelope(payload, signed["keyid"], to_bytes(signed["sig"]))


def _sealed_here(settings: Settings, payload: bytes) -> bytes:
    from gateway.audit.export.manifest import sealed
    from gateway.audit.export.office import EVENT, KEY_NAME, summary
    from gateway.audit.log.note import Signer
    from gateway.keys.opening import open_keyring

    with data_lock(settings.state), admin_book(settings) as book:
        book.event(EVENT, by=operator(), details=summary(payload))
        asyncio.run(book.durable())
        return sealed(payload, Signer(KEY_NAME, open_keyring(settings).log_key()))


# --- what is said


def _tell(session: Session, done: Export) -> None:
    logs = [
        {
            "origin": part.origin,
            "class": part.retention_class,
            "range": [part.first, part.size],
            "records": part.rows,
            "left_out": part.size - part.first - part.rows,
            "unwitnessed": part.witnessed.get("unwitnessed", part.size),
        }
        for part in done.logs
    ]
    data = {
        "out": str(done.out),
        "manifest": str(done.manifest),
        "records": done.rows,
        "bytes": done.bytes,
        "sha256": done.sha256,
        "resumed_after": done.resumed,
        "logs": logs,
    }
    beside = f"{done.manifest.name} and {done.out.name}.vkey lie beside it"
    lines = [f"Wrote {_many(done.rows, 'record')} to {done.out}; {beside}."]
    if done.resumed:
        went = f"Went on after {_many(done.resumed, 'record')} that an earlier try had read, up to the head of then."
        lines.insert(0, f"{went} --restart takes the newest.")
    lines += [_log_line(log) for log in logs]
    session.output.result(data, *lines, f"Check it anywhere: sekisho audit verify {done.out}")


def _log_line(log: Mapping[str, Any]) -> str:
    size = log["range"][1]
    left = ", the others as hashes" if log["records"] < size else ""
    far = f"; {log['unwitnessed']} not witnessed outside this machine" if log["unwitnessed"] else ""
    return f"  {log['origin']} {log['class']}: {log['records']} of {_many(size, 'record')}{left}{far}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
