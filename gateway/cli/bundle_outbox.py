"""``sekisho bundle outbox``: what a site without a network hands out, in numbered files, and whether any is missing."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gateway.cli.bundle import app as bundle
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.log.note import Verifier
    from gateway.audit.outbox import Sequel
    from gateway.audit.outbox_state import Given
    from gateway.audit.outbox_usage import Used
    from gateway.settings import Settings

app = group("outbox", "Carry evidence out of a site without a network, in files whose gaps show.")
bundle.add_typer(app)

_SETTLED = timedelta(minutes=1)
"""How old a record must be: by then it lies under a signed head."""


@command(app, "create", examples=["sekisho bundle outbox create --out /media/stick"])
def create(
    session: Session, out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write into.")]
) -> None:
    """Write the next file: an evidence pack of all since the last one, up to a minute ago, signed by the log's key.

    That it is made is on record first. Killed at any time, there is a file and its number, or neither.
    """
    from gateway.audit.outbox import OutboxError, Sequel
    from gateway.audit.outbox_state import clear, held, load

    settings = session.settings
    if not out.is_dir():
        raise SetupError(f"{out} is no folder.", "Make it, or mount what it lies on.", exit_code=USED_WRONGLY)
    try:
        with held(settings.state):
            last = load(settings.state)
            until = (datetime.now(UTC) - _SETTLED).isoformat(timespec="microseconds").replace("+00:00", "Z")
            if until <= last.until:
                raise SetupError("The last file is of less than a minute ago.", "Wait, or set the clock right.")
            sequel = Sequel(settings.site.name, last.number + 1, last.sha256, last.until, until)
            clear(out, sequel.stem)
            given = _made(settings, sequel, out)
    except OutboxError as error:
        raise SetupError(f"No outbox can be made: {error}.", "Put that right, then try again.") from error
    except OSError as error:
        raise SetupError(f"{out} cannot be written ({error.strerror}).", "Check its folder and space.") from error
    session.output.result(asdict(given), f"Wrote {given.path}, number {given.number}, SHA-256 {given.sha256}.")


def _made(settings: Settings, sequel: Sequel, out: Path) -> Given:
    from gateway import __version__
    from gateway.audit.evidence.pack import Wish, make
    from gateway.audit.log.reader import Filter
    from gateway.audit.outbox import PACK, OutboxError, digest, statement, write
    from gateway.audit.outbox_state import Given, hidden, publish
    from gateway.audit.outbox_usage import usage
    from gateway.cli.audit_export import signing_keys
    from gateway.cli.evidence_house import PackHouse
    from gateway.cli.evidence_signing import pack_keys, report_language
    from gateway.cli.past import log_folders

    path = out.resolve() / sequel.name
    if path.exists():
        raise OutboxError(f"{path} exists")
    with tempfile.TemporaryDirectory(prefix=f".{sequel.stem}", suffix=".new", dir=out) as scratch:
        pack = Path(scratch) / PACK
        wanted = Filter(since=sequel.since, until=sequel.until)
        language = report_language("", settings.site.language)
        logs = log_folders(settings)
        house, keys = PackHouse(settings), pack_keys(settings)
        make(Wish(logs, settings.site.name, language, wanted, pdf=False), pack, keys, house)
        used = usage(logs, sequel.site, sequel.since, sequel.until)
        envelope = signing_keys(settings).seal(statement(sequel, pack, used, f"sekisho {__version__}"))
        with hidden(path).open("wb") as file:
            write(file, envelope, pack, used)
            file.flush()
            os.fsync(file.fileno())
    given = Given(sequel.site, sequel.number, digest(hidden(path)), sequel.until, str(path))
    publish(settings.state, given)
    return given


@command(app, "verify", examples=["sekisho bundle outbox verify received --key log.vkey --site plant"])
def verify(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files of one site lie.")],
    key: Annotated[list[Path], typer.Option("--key", metavar="FILE", help="The log's public key; more than once.")],
    site: Annotated[str, typer.Option("--site", help="Whose files they should be.")],
    first: Annotated[int, typer.Option("--first", min=1, help="The number that the folder begins with.")] = 1,
) -> None:
    """Find gaps, doubles, changed files, other sites' files and other keys. Exits with 1 when there is any.

    A missing last file cannot show: ask the site for its newest number.
    """
    from gateway.audit.outbox import examine

    try:
        paths = sorted(folder.glob("outbox-*.zip"))
        findings = examine(paths, [_verifier(each) for each in key], site, first)
    except OSError as error:
        raise SetupError(f"{folder} cannot be read ({error.strerror}).", "Check it.") from error
    if not paths:
        raise SetupError(f"{folder} has no file of an outbox.", "Name their folder.", exit_code=USED_WRONGLY)
    lines = [f"{each.kind}: {each.file or 'number ' + str(each.number)}: {each.text}" for each in findings]
    data = {"files": len(paths), "good": not findings, "findings": [asdict(each) for each in findings]}
    session.output.result(
        data, *(lines or [f"{len(paths)} files of {site} from number {first}, none missing between."])
    )
    if findings:
        raise typer.Exit(ANSWERED_NO)


@command(app, "show", examples=["sekisho bundle outbox show outbox-plant-000001.zip"])
def show(session: Session, file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Show a file's site, number, period, digests, and what was used. Its signature is not checked here: see verify."""
    from gateway.audit.outbox import OutboxError, read

    try:
        letter = read(file)
    except OutboxError as error:
        raise SetupError(f"{file}: {error}.", "Ask the site for it again.", exit_code=ANSWERED_NO) from error
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check it.") from error
    data = {**asdict(letter.sequel), "sha256": letter.sha256, "bytes": letter.size}
    used = letter.usage
    lines = [f"{name:9} {value}" for name, value in data.items()]
    lines += [f"used      {_used(row)}" for row in used.rows]
    if used.withheld:
        lines.append(f"withheld  {used.withheld} rows of fewer than five requests")
    session.output.result({**data, "usage": msgspec.to_builtins(used)}, *lines)


def _used(row: Used) -> str:
    requests = "withheld" if row.requests is None else row.requests
    tokens = f"{row.prompt_tokens} + {row.completion_tokens} tokens"
    return f"{row.tenant}/{row.project} {row.model}: {requests} requests, {tokens}"


def _verifier(path: Path) -> Verifier:
    from gateway.audit.log.note import NoteError, parse_verifier_key

    try:
        return parse_verifier_key(path.read_text(encoding="utf-8").strip())
    except (NoteError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is no public key of a log.", "Give log.vkey.", exit_code=USED_WRONGLY) from error
