"""``sekisho audit verify``: every hash, head and signature computed again, by the verifier that also runs alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypedDict

import typer

from gateway.cli.audit_seen import seen_elsewhere
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.verify import Leaf, Opener, Report, Rows, Witnesses
    from gateway.settings import Settings

EXAMPLES = [
    "sekisho audit verify",
    "sekisho audit verify --since /media/usb/checkpoint",
    "sekisho audit verify export.jsonl --key log.vkey",
    "sekisho audit verify pack.zip --key log.vkey --since checkpoint",
    "sekisho audit verify pack.zip --key log.vkey --witness w1.vkey --witness w2.vkey --threshold 2",
    "sekisho audit verify --receipt receipt.json --key log.vkey",
    "sekisho audit verify export.jsonl --receipt receipt.json --key log.vkey",
    "sekisho audit verify --program verify.py",
    "sekisho audit verify --json",
]

Place = Annotated[
    Path | None,
    typer.Argument(metavar="[PLACE]", help="A log's folder, an export, or an evidence pack; else all logs."),
]
Key = Annotated[Path | None, typer.Option("--key", "--vkey", help="The log's public key; else log.vkey.")]
Since = Annotated[
    list[Path],
    typer.Option(metavar="CHECKPOINT", help="A head that was kept elsewhere; more than once. It shows roll-back."),
]
Witness = Annotated[
    list[Path],
    typer.Option(metavar="PUBLIC", help="A witness's public key; more than once. Its cosignatures are checked."),
]
Threshold = Annotated[int, typer.Option(metavar="N", help="How many of the witnesses must have cosigned.")]
HashesOnly = Annotated[
    bool, typer.Option("--hashes-only", help="Hashes, tree and signatures; not what records say. Faster.")
]
Contents = Annotated[
    bool, typer.Option("--contents", help="Also open what the side store keeps, and hold it against its digests.")
]
Receipt = Annotated[
    Path | None, typer.Option("--receipt", metavar="FILE", help="A receipt; PLACE is then where its record is.")
]
Program = Annotated[
    Path | None, typer.Option("--program", metavar="FILE", help="Write the verifier that runs alone to FILE; no more.")
]


def verify(
    session: Session,
    place: Place = None,
    key: Key = None,
    since: Since = [],  # noqa: B006  typer copies it
    witness: Witness = [],  # noqa: B006
    threshold: Threshold = 1,
    hashes_only: HashesOnly = False,
    contents: Contents = False,
    receipt: Receipt = None,
    program: Program = None,
) -> None:
    """Compute every hash, head and signature again, and name what does not fit. Leaves with 1 when something is wrong.

    The same program runs alone, on any machine with Python and `cryptography`: python verify.py PACK --key PUBLIC.
    """
    if program is not None:
        _write_program(session, program)
        return
    if receipt is not None:
        from gateway.cli.receipt import tell

        tell(session, receipt, place, _text(key) if key else "\n".join(_own_keys(session)))
        return
    with session.output.progress("Verifying"):
        opener = _opener(session.settings) if contents else None
        witnesses = _witnesses(witness, threshold)
        how: _How = {"hashes_only": hashes_only, "opener": opener, "rows": _ROWS, "witnesses": witnesses}
        reports = _reports(session, place, key, since, how)
    _tell(session, reports)


class _How(TypedDict):
    """How deep to look."""

    hashes_only: bool
    opener: Opener | None
    rows: Mapping[str, Rows]
    witnesses: Witnesses


def _parquet_rows(file: BinaryIO) -> Iterator[Leaf]:
    """Read what the verifier that runs alone cannot: it has the standard library only. Raises ValueError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from gateway.audit.verify import Leaf

    try:
        for batch in pq.ParquetFile(file).iter_batches(columns=["leaf_index", "leaf_hash", "record"]):
            for row in batch.to_pylist():
                yield Leaf(row["leaf_index"], bytes.fromhex(row["leaf_hash"]), row["record"].encode())
    except pa.ArrowException as error:
        raise ValueError("no rows") from error


_ROWS: Mapping[str, Rows] = {"parquet": _parquet_rows}


def _witnesses(paths: Sequence[Path], threshold: int) -> Witnesses:
    """Return whose cosignatures count. Raises SetupError."""
    from gateway.audit import verify as verifier

    try:
        return verifier.Witnesses([line for path in paths for line in verifier.read_witness(path)], threshold)
    except verifier.BadKey as error:
        mend = "Give what `sekisho audit witness create` printed there, in a file."
        raise SetupError("That is not a witness's public key.", mend, exit_code=USED_WRONGLY) from error
    except verifier.BadUse as error:
        raise SetupError(*_in_two(str(error)), exit_code=USED_WRONGLY) from error
    except OSError as error:
        raise SetupError(f"{error.filename} cannot be read ({error.strerror}).", "Check path and mode.") from error


def _opener(settings: Settings) -> Opener:
    """Return what reads the digests of kept content. It takes the keys of persons and days."""
    from gateway.audit.content.seal import Noise
    from gateway.audit.content.store import SideStore
    from gateway.keys.opening import open_keyring

    store = SideStore.of_installation(settings, open_keyring(settings).kept_tag_keys)

    def digest(path: Path) -> str | None:
        try:
            return store.open(path)[2]
        except Noise:
            return None

    return digest


def _write_program(session: Session, out: Path) -> None:
    from gateway.audit import verify as verifier

    if out.exists():
        raise SetupError(f"{out} exists.", "Name another file.", exit_code=USED_WRONGLY)
    content = Path(verifier.__file__).read_bytes()
    try:
        out.write_bytes(content)
    except OSError as error:
        raise SetupError(f"{out} cannot be written ({error.strerror}).", "Check its folder and space.") from error
    digest = sha256(content).hexdigest()
    data = {"out": str(out), "sha256": digest}
    session.output.result(data, f"Wrote {out}, SHA-256 {digest}.", f"Run: python {out} PACK --key log.vkey")


def _reports(session: Session, place: Path | None, key: Path | None, since: Sequence[Path], how: _How) -> list[Report]:
    from gateway.audit import verify as verifier

    try:
        points = [point for path in since for point in verifier.read_since(path)]
        if place is None:
            notes: list[str] = []
            points += seen_elsewhere(session.settings, notes)
            for note in notes:
                session.output.note(note)
        where = place if place is not None else _all_logs(session.settings)
        return verifier.check(where, _keys(session, where, key), points, **how)
    except verifier.BadKey as error:
        mend = "Give the log's own key with --key."
        raise SetupError("That is not a public key of a log.", mend, exit_code=USED_WRONGLY) from error
    except verifier.BadUse as error:
        raise SetupError(*_in_two(str(error)), exit_code=USED_WRONGLY) from error
    except verifier.BadInput as error:
        raise SetupError(f"{where}: {error}.", "Get it again from where it was made.") from error
    except OSError as error:
        raise SetupError(f"{error.filename} cannot be read ({error.strerror}).", "Check path and mode.") from error


def _in_two(told: str) -> tuple[str, str]:
    """Return what is wrong, and the mend."""
    what, _, mend = told.partition(". ")
    return f"{what.rstrip('.')}.", mend or "See: sekisho audit verify --help"


def _all_logs(settings: Settings) -> Path:
    from gateway.audit.log.growing import Tampered
    from gateway.audit.log.reader import logs
    from gateway.audit.rollback import gone

    base = settings.data / "audit"
    if logs(base):
        return base
    try:
        lost = ", ".join(sorted(gone(base)))
    except Tampered as problem:
        lost = f"as it seems: {problem}"
    if lost:
        mend = "Put them back from a backup, or, by two approvers: sekisho audit recover --reason …"
        raise SetupError(f"The audit logs are gone: {lost}.", mend, exit_code=ANSWERED_NO)
    raise SetupError(f"There is no audit log in {settings.data} yet.", "The first start or change makes one.")


def _keys(session: Session, place: Path, key: Path | None) -> list[str]:
    """Return the keys to check by: the one given, else this server's; of an export, else the one beside it."""
    if key is not None:
        return _lines(_text(key))
    if not place.exists():
        raise SetupError(f"There is nothing at {place}.", "Name a log's folder or an export.", exit_code=USED_WRONGLY)
    if place.is_file() and Path(f"{place}.vkey").is_file():
        return []
    return _own_keys(session)


def _own_keys(session: Session) -> list[str]:
    """Return this server's keys, the newest first."""
    keys = session.settings.keys
    history = keys / "log-vkeys"  # the chain, whose records may have been pruned
    return [*_lines(_text(keys / "log.vkey")), *(_lines(_text(history)) if history.is_file() else [])]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"The public key {path} cannot be read.", "Give the log's key with --key.") from error


def _tell(session: Session, reports: Sequence[Report]) -> None:
    from gateway.audit.verify import ROLL_BACK, told_lines

    good = all(report.ok for report in reports)
    unchecked = any(ROLL_BACK in report.not_checked for report in reports)
    lines = [line for report in reports for line in told_lines(_without_roll_back(report))]
    if unchecked:
        lines.append("not checked: roll-back; give a checkpoint that was kept elsewhere with --since")
    not_checked = ["roll-back"] if unchecked else []
    logs = [report.as_json() for report in reports]
    session.output.result({"ok": good, "not_checked": not_checked, "logs": logs}, *lines)
    if not good:
        raise typer.Exit(ANSWERED_NO)


def _without_roll_back(report: Report) -> Report:
    """It is said once, at the end, for all."""
    from gateway.audit.verify import ROLL_BACK

    return replace(report, not_checked=[what for what in report.not_checked if what != ROLL_BACK])
