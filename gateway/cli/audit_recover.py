"""``sekisho audit recover``: go on with a log that is not as it was written, when two approvers say so.

Works only without a server: one that has such a log does not start, or has stopped taking requests. What is done is
:mod:`gateway.audit.salvage`; who may sign is decided by the signers that policies have.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.lock import data_lock
from gateway.cli.server import operator, running_server
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.salvage import Salvage, Statement
    from gateway.policy.life.dsse import Envelope
    from gateway.settings import Settings

_NEEDED = 2
_NO_STATEMENT = "That is not a statement on a log."

Why = Annotated[str, typer.Option("--reason", help="Why, in one line; it goes into the audit log.")]
Log = Annotated[str, typer.Option("--log", metavar="SITE/NODE/WORKER/CLASS", help="Which, where several are broken.")]
KeyFiles = Annotated[list[Path] | None, typer.Option("--key", help="An approver's private key; more than once.")]
File = Annotated[Path, typer.Option("--statement", metavar="FILE", help="Where the statement is, or will be.")]


def register(audit: typer.Typer) -> None:
    """Add the command to ``sekisho audit``."""
    examples = [
        "sekisho audit recover --reason 'disk replaced, backup of 21 November put back'",
        "sekisho audit recover --key ana.pem",
        "sekisho audit recover --key ben.pem",
    ]
    command(audit, "recover", examples=examples)(recover)


def recover(
    session: Session, reason: Why = "", key: KeyFiles = None, log: Log = "", statement: File = Path("recovery.json")
) -> None:
    """Go on with a log that was cut, changed, lost or put back from a backup. Two approvers must sign what is lost.

    First, with --reason, the statement is written. Each approver then signs it with --key; after the second one it is
    carried out: what is sound is kept, what was found is set aside whole, and a gap record says what is missing, which
    heads were seen, why, and who agreed. Leaves with 1 while signatures are missing.
    """
    settings = session.settings
    if running_server(settings.run) is not None:
        raise SetupError("A server is running.", "Stop it first: it would go on with a log that it does not trust.")
    with data_lock(settings.state):
        if reason:
            _begin(session, settings, reason, log, statement)
        if key or not reason:
            _sign(session, settings, key or [], statement)


def _begin(session: Session, settings: Settings, reason: str, log: str, file: Path) -> None:
    """Write the statement on the log that is broken, unsigned."""
    import msgspec

    from gateway.audit.salvage import TYPE
    from gateway.policy.life import dsse

    with session.output.progress("Looking at every log"):
        salvage, problem = _broken(settings, log)
        said = salvage.statement(problem, reason)
    envelope = dsse.sign(TYPE, dsse.canonical(msgspec.to_builtins(said)), [])
    _write(file, envelope)
    for line in _told(said):
        session.output.note(line)
    session.output.note(f"Now two approvers: sekisho audit recover --statement {file} --key FILE")


def _broken(settings: Settings, log: str) -> tuple[Salvage, str]:
    from gateway.audit.anchor.build import heads_on_media
    from gateway.audit.salvage import broken
    from gateway.keys.opening import open_keyring

    elsewhere = partial(heads_on_media, settings)
    found = [each for each in broken(settings.data, open_keyring(settings).log_keys, settings.audit, elsewhere)]
    chosen = [each for each in found if log in ("", each[0].log)]
    if not chosen:
        raise SetupError("No log is broken." if not found else f"{log} is not broken.", "There is nothing to recover.")
    if len(chosen) > 1:
        names = ", ".join(salvage.log for salvage, _ in chosen)
        raise SetupError(
            "Several logs are broken.", f"Take one after the other, with --log: {names}", exit_code=USED_WRONGLY
        )
    return chosen[0]


def _sign(session: Session, settings: Settings, keys: list[Path], file: Path) -> None:
    """Add signatures; carry the statement out when there are enough."""
    from gateway.cli.private_key import unlocked
    from gateway.policy.life import dsse

    envelope, said = _read(file)
    if keys:
        for line in _told(said):
            session.output.note(line)
    envelope = dsse.add_signatures(envelope, [unlocked(path) for path in keys])
    signed_by = _approvers(settings, envelope)
    _write(file, envelope)
    if len(signed_by) < _NEEDED:
        session.output.result(
            {"log": said.log, "state": "waits", "signed_by": signed_by},
            f"Signed by {' and '.join(signed_by) or 'nobody'}: {_NEEDED - len(signed_by)} more must sign {file}.",
        )
        raise typer.Exit(ANSWERED_NO)
    _carry_out(session, settings, said, envelope, signed_by)


def _approvers(settings: Settings, envelope: Envelope) -> list[str]:
    """Return which approvers have signed: different persons with different keys. Raises SetupError for another's."""
    from gateway.audit.salvage import TYPE
    from gateway.policy.life import dsse
    from gateway.policy.life.signers import Signers

    approvers = [signer for signer in Signers(settings.keys).list() if "approver" in signer.roles]
    strange = {signature.keyid for signature in envelope.signatures} - {signer.key_id for signer in approvers}
    if strange or (len(approvers) < _NEEDED):
        mend = "Two approvers are needed; see: sekisho policy signer list"
        raise SetupError("That key is no approver's." if strange else "There are too few approvers.", mend)
    names = {signer.name for signer in approvers for held in _held(TYPE, envelope, signer) if held}
    return sorted(dsse.verify(TYPE, envelope, approvers, needed=_NEEDED)) if len(names) >= _NEEDED else sorted(names)


def _held(kind: str, envelope: Envelope, signer: Any) -> tuple[str, ...]:
    from gateway.policy.life import dsse

    try:
        return dsse.verify(kind, envelope, [signer])
    except dsse.BadEnvelope:
        return ()


def _carry_out(session: Session, settings: Settings, said: Statement, envelope: Envelope, approvers: list[str]) -> None:
    import msgspec

    from gateway.audit.anchor.build import heads_on_media
    from gateway.audit.salvage import Salvage
    from gateway.keys.opening import open_keyring

    keys = open_keyring(settings).log_keys()
    salvage = Salvage(settings.data, said.log, keys, settings.audit, partial(heads_on_media, settings))
    with session.output.progress("Recovering"):
        plain = msgspec.to_builtins(envelope)
        try:
            aside = salvage.carry_out(said, plain, approvers, operator(), datetime.now(UTC))
        except OSError as error:
            problem = f"The disk refused it ({error.strerror}); nothing is lost."
            raise SetupError(problem, "Mend it, and begin anew with --reason.") from error
    session.output.result(
        {"log": said.log, "state": "recovered", "signed_by": approvers, "sound": said.sound, "missing": said.missing},
        f"{said.log} goes on from record {said.sound}; {_missing(said)}. A gap record says so.",
        f"What was found lies in {aside}.",
        *(f"Heads in {path} fit no more: keep that file, and begin a new one." for path in _apart(said, settings)),
    )


def _apart(said: Statement, settings: Settings) -> list[Path]:
    """Return the files on other media whose heads the statement names."""
    from gateway.audit.anchor.build import heads_files

    places = {seen.where for seen in said.seen}
    return [path for path in heads_files(settings) if f"file {path}" in places]


def _read(file: Path) -> tuple[Envelope, Statement]:
    import msgspec

    from gateway.audit.salvage import TYPE, Statement
    from gateway.policy.life import dsse

    try:
        envelope = dsse.read_envelope(file.read_bytes())
        said = msgspec.json.decode(dsse.payload_of(envelope), type=Statement)
    except OSError as error:
        mend = "Begin with: sekisho audit recover --reason …"
        raise SetupError(f"There is no statement {file}.", mend, exit_code=USED_WRONGLY) from error
    except (dsse.BadEnvelope, msgspec.DecodeError) as error:
        raise SetupError(_NO_STATEMENT, "Begin anew with --reason.", exit_code=USED_WRONGLY) from error
    if envelope.payload_type != TYPE:
        raise SetupError(_NO_STATEMENT, "Begin anew with --reason.", exit_code=USED_WRONGLY)
    return envelope, said


def _write(file: Path, envelope: Envelope) -> None:
    import msgspec

    try:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(envelope), indent=2) + b"\n")
    except OSError as error:
        raise SetupError(
            f"{file} cannot be written ({error.strerror}).", "Give another place with --statement."
        ) from error


def _missing(said: Statement) -> str:
    """Return how many records are lost; a head of another log that is no longer than this one does not tell."""
    if any(seen.size <= said.sound for seen in said.seen):
        return "another log was seen than this one: how many of its records are missing here is not known"
    return f"{said.missing} are missing, as far as is known"


def _told(said: Statement) -> list[str]:
    """Return what one signs, line by line."""
    return [
        f"The log {said.log}: {said.problem}",
        f"  sound up to record {said.sound}; {_missing(said)}",
        *(f"  a head of {seen.size} records was seen in {seen.where}" for seen in said.seen),
        f"  because: {said.reason}",
    ]
