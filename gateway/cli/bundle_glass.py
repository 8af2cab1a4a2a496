"""``sekisho bundle break-glass``: the root's holders let one release in although its time has run out.

It is made on the maker's side, carried as the bundle is, and given with `sekisho bundle update --break-glass FILE`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.bundle import app as bundle
from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from tuf.api.metadata import Root

    from gateway.bundle.repository.break_glass import BreakGlass

app = group("break-glass", "Let a site take one release past its end, by signatures of the root's keys.")
bundle.add_typer(app)

RootFile = Annotated[Path, typer.Option("--root", metavar="FILE", help="The newest root, N.root.json.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The statement.")]


@command(
    app,
    "create",
    examples=[
        'sekisho bundle break-glass create --bundle b.tar --until 2027-01-31 --reason "line 3" --out glass.json',
        'sekisho bundle break-glass create --snapshot 1795427167 --until 2027-01-31 --reason "line 3" --out glass.json',
    ],
)
def create(
    session: Session,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="When it ends: a day, or RFC 3339.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the site's audit log.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The statement.")],
    snapshot: Annotated[int, typer.Option("--snapshot", min=0, help="The version of the snapshot.")] = 0,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="The bundle, in place of --snapshot.")
    ] = None,
) -> None:
    """Write a statement that nobody has signed yet; it names one snapshot version, one end and a reason."""
    import msgspec

    from gateway import durable
    from gateway.bundle.repository import break_glass

    if bool(snapshot) == (bundle is not None):
        raise SetupError("One of --snapshot and --bundle is needed.", "Give one.", exit_code=USED_WRONGLY)
    if out.exists():
        raise SetupError(f"{out} exists.", "Give another name.", exit_code=USED_WRONGLY)
    version = snapshot if bundle is None else _snapshot_of(bundle)
    told = {"snapshot": version, "until": _end(until), "reason": reason}
    try:
        made = break_glass.make(msgspec.convert(told, break_glass.Statement))
    except msgspec.ValidationError:
        raise SetupError(
            "The reason must have 1 to 400 characters.", "Say it shorter.", exit_code=USED_WRONGLY
        ) from None
    durable.replace(out, break_glass.encode(made), mode=0o644)
    lines = [f"{out} is for snapshot {version}, until {made.statement.until:%Y-%m-%d %H:%M} UTC; nobody signed it yet."]
    lines.append(f"Each who holds a key of the root: sekisho bundle break-glass sign {out} --key NAME.pem")
    session.output.result({"file": str(out), **_told(made)}, *lines)


@command(app, "sign", examples=["sekisho bundle break-glass sign glass.json --key /media/anna/root-1.pem"])
def sign(
    session: Session,
    file: File,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Your key, NAME.pem.")],
) -> None:
    """Add your signature. Read what it says first: `break-glass show`."""
    from gateway import durable
    from gateway.bundle.repository import break_glass, keys
    from gateway.cli.private_key import ask_passphrase

    said = _read(file)
    signer = keys.signer(key, ask_passphrase(key).encode() if keys.needs_passphrase(key) else b"")
    said.envelope.sign(signer)
    durable.replace(file, break_glass.encode(said), mode=0o644)
    count = len(said.envelope.signatures)
    session.output.result(
        {"file": str(file), **_told(said)},
        f"Signed: snapshot {said.statement.snapshot}, until {said.statement.until:%Y-%m-%d %H:%M} UTC. "
        f"It has {count} signature{'' if count == 1 else 's'}.",
    )


@command(
    app,
    "show",
    examples=[
        "sekisho bundle break-glass show glass.json",
        "sekisho bundle break-glass show glass.json --root maker/roots/1.root.json",
    ],
)
def show(
    session: Session,
    file: File,
    root: Annotated[
        Path | None, typer.Option("--root", metavar="FILE", help="A root: whose signatures hold, and how many must.")
    ] = None,
) -> None:
    """Show what a statement says and who signed it; with a root, whether it counts. Exit 1: it does not."""
    said = _read(file)
    rows = [("snapshot", str(said.statement.snapshot)), ("until", f"{said.statement.until:%Y-%m-%d %H:%M} UTC")]
    rows += [("reason", said.statement.reason)]
    told: dict[str, Any] = {"file": str(file), **_told(said)}
    counts = True
    if root is None:
        rows += [("signature, not checked", key) for key in said.envelope.signatures]
    else:
        counts = _judge(said, _root(root), rows, told)
    session.output.table(f"{file}", ("", ""), rows, told)
    if not counts:
        raise typer.Exit(1)


# --- how


def _judge(said: BreakGlass, root: Root, rows: list[tuple[str, str]], told: dict[str, Any]) -> bool:
    from gateway.bundle.refusal import BundleRefused

    good = said.signed_by(root)
    try:
        said.check(root, datetime.now(UTC))
        problem = ""
    except BundleRefused as refused:
        problem = refused.problem
    rows += [("signed by a key of the root", key) for key in good]
    rows += [("signature that does not count", key) for key in said.envelope.signatures if key not in good]
    rows.append(("counts", "yes" if not problem else f"no: {problem}"))
    told |= {"signed_by": list(good), "threshold": root.roles["root"].threshold, "counts": not problem}
    return not problem


def _told(said: BreakGlass) -> dict[str, Any]:
    return {
        "snapshot": said.statement.snapshot,
        "until": said.statement.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": said.statement.reason,
        "signatures": sorted(said.envelope.signatures),
    }


def _read(file: Path) -> BreakGlass:
    from gateway.bundle.repository import break_glass

    return break_glass.read(read_statement(file))


def read_statement(file: Path) -> bytes:
    """The file's bytes, no more of them than a statement has.

    Raises:
        SetupError
    """
    from gateway.bundle.repository.break_glass import MOST_BYTES

    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as problem:
        mend = "Give the file of a break-glass statement."
        raise SetupError(f"{file} cannot be read ({problem.strerror}).", mend, exit_code=USED_WRONGLY) from None


def _root(file: Path) -> Root:
    from gateway.bundle.repository.metadata import read_root

    try:
        return read_root(file.read_bytes(), str(file)).signed
    except OSError as problem:
        raise SetupError(f"{file} cannot be read ({problem.strerror}).", "Give the file of a root.") from None


def _end(said: str) -> datetime:
    """A moment; a day ends with it, in UTC."""
    try:
        if len(said) == len("2027-01-31"):
            end = datetime.combine(date.fromisoformat(said), datetime.max.time(), UTC).replace(microsecond=0)
        else:
            end = datetime.fromisoformat(said).replace(microsecond=0)
    except ValueError:
        end = None
    if end is None or end.tzinfo is None:
        mend = "Write 2027-01-31, or 2027-01-31T18:00:00Z."
        raise SetupError(f"{said} is no time with a zone.", mend, exit_code=USED_WRONGLY)
    if end <= datetime.now(UTC):
        raise SetupError(f"{said} is past.", "Give a time to come.", exit_code=USED_WRONGLY)
    return end.astimezone(UTC)


def _snapshot_of(file: Path) -> int:
    """The snapshot's version that a bundle states; who signs the statement compares it with what they released."""
    import tarfile

    try:
        with tarfile.open(file, "r:") as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                number = name.removesuffix(".snapshot.json")
                if folder.endswith("/metadata") and name != number and number.isdecimal():
                    return int(number)
    except (OSError, tarfile.TarError):
        pass
    mend = "Give the .tar of a bundle, or --snapshot."
    raise SetupError(f"{file} has no snapshot.", mend, exit_code=USED_WRONGLY)
