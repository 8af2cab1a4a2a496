"""``sekisho policy signer``: the persons whose signature on a policy counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway.cli.policy_changes import policy_changes
from gateway.cli.private_key import ask_passphrase, unlocked
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.policy.life.dsse import Envelope, Signature
    from gateway.policy.life.signer_change import SignerChange
    from gateway.policy.life.signers import Signer

signers = group("signer", "The persons whose signature on a policy counts.")

ApproverKeys = Annotated[
    list[Path] | None,
    typer.Option("--approve-with", metavar="FILE", help="An approver's private key; more than once, where two agree."),
]
Statement = Annotated[
    Path | None,
    typer.Option(
        "--statement", metavar="FILE", help="Where signatures are collected, when two approvers sign at two places."
    ),
]
Roles = Annotated[
    list[str], typer.Option("--role", help="policy-author, approver, auditor or privacy-officer; more than once.")
]


@command(signers, "create", examples=["sekisho policy signer create ana --out ana.pem"])
def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="Your name, such as ana.")],
    out: Annotated[Path, typer.Option(help="File for your private key; it must not exist.")],
    no_passphrase: Annotated[bool, typer.Option("--no-passphrase", help="Leave the key unprotected.")] = False,
) -> None:
    """Make a key pair of your own. Keep the file; give the one that ends in .pub to whoever runs this gateway.

    The passphrase is asked twice at a terminal, or read from standard input.
    """
    from gateway.policy.life.signers import create_private

    public = create_private(out, "" if no_passphrase else ask_passphrase(out, new=True))
    beside = out.with_suffix(".pub")
    beside.write_text(f"{public}\n", encoding="ascii")
    line = f"sekisho policy signer add {name} --public-key {beside} --role approver"
    data = {"name": name, "file": str(out), "public_file": str(beside), "public_key": public}
    session.output.result(data, f"Wrote {out} and {beside}.", f"Next: {line}")


@command(
    signers,
    "add",
    examples=[
        "sekisho policy signer add ana --public-key ana.pub --role policy-author",
        "sekisho policy signer add ben --public-key ben.pub --role approver --approve-with ana.pem",
        "sekisho policy signer add cem --public-key cem.pub --role approver --approve-with ana.pem --statement c.json",
        "sekisho policy signer add cem --public-key cem.pub --role approver --approve-with ben.pem --statement c.json",
    ],
)
def add(
    session: Session,
    name: Annotated[str, typer.Argument(help="Who it is: a-z, 0-9, and . _ - inside.")],
    public_key: Annotated[str, typer.Option(help="The public key in base64, or a file that holds it.")],
    role: Roles,
    approve_with: ApproverKeys = None,
    statement: Statement = None,
) -> None:
    """Let a person's signatures count from now on. Once there is an approver, an approver has to agree.

    Once there are two, two of them have to agree, in whatever role the person comes. With --statement each gives the
    same command with the own key; it leaves with 1 while a signature is missing.
    """
    import msgspec

    from gateway.policy.life.signers import ROLES, Signer, read_public

    if wrong := [one for one in role if one not in ROLES]:
        raise SetupError(f"`{wrong[0]}` is no role.", f"Give one of: {', '.join(ROLES)}.", exit_code=USED_WRONGLY)
    file = Path(public_key)
    text = (
        file.read_text(encoding="ascii", errors="replace") if len(public_key) < 200 and file.is_file() else public_key
    )
    signer = msgspec.convert({"name": name, "public_key": read_public(text), "roles": role}, Signer)
    approvals = _approvals(session, "add", signer, approve_with or [], statement)
    with policy_changes(session.settings) as to:
        added = to.add_signer(signer, approvals)
    session.output.result(added, f"{added['name']} ({', '.join(added['roles'])}) is trusted, key {added['key_id']}.")


@command(signers, "list", examples=["sekisho policy signer list", "sekisho policy signer list --json"])
def list_signers(session: Session) -> None:
    """Show whose signatures count."""
    from gateway.policy.life.activation import signer_view
    from gateway.policy.life.signers import Signers

    data = [signer_view(signer) for signer in Signers(session.settings.keys).list()]
    rows = [(one["name"], ", ".join(one["roles"]), one["key_id"], one["added"]) for one in data]
    empty = "Nobody yet. Make one: sekisho policy signer create NAME --out NAME.pem"
    session.output.table("Signers", ("name", "roles", "key", "since"), rows, data, empty)


@command(signers, "remove", examples=["sekisho policy signer remove ana --approve-with ben.pem"])
def remove(
    session: Session,
    name: Annotated[str, typer.Argument(help="Whose signatures shall count no more.")],
    approve_with: ApproverKeys = None,
    statement: Statement = None,
) -> None:
    """Let a person's signatures count no more, also those that were made. Approvers have to agree, as for `add`."""
    from gateway.policy.life.signers import Signers

    signer = Signers(session.settings.keys).find(name)
    approvals = _approvals(session, "remove", signer, approve_with or [], statement)
    with policy_changes(session.settings) as to:
        gone = to.remove_signer(name, approvals)
    session.output.result(gone, f"{name} is not trusted any more.")


def _approvals(
    session: Session, action: Literal["add", "remove"], signer: Signer, keys: list[Path], statement: Path | None
) -> tuple[Signature, ...]:
    """Return the signatures of whoever holds the keys on that change of the list as it is now, with those collected.

    Raises:
        typer.Exit: they are collected, and one is missing yet.
    """
    from gateway.policy.life import dsse
    from gateway.policy.life.signer_change import TYPE, SignerChange, needed, signed_by
    from gateway.policy.life.signers import Signers

    known = Signers(session.settings.keys).list()
    change = SignerChange.of(action, signer, known)
    envelope = dsse.sign(TYPE, change.payload(), [])
    if statement is not None and statement.exists():
        envelope = _collected(statement, change)
    envelope = dsse.add_signatures(envelope, [unlocked(path) for path in keys])
    if statement is not None:
        _write(statement, envelope)
        signed = signed_by(change, envelope.signatures, known)
        if len(signed) < needed(known):
            _wait(session, statement, signed, needed(known))
    return envelope.signatures


def _wait(session: Session, statement: Path, signed: tuple[str, ...], least: int) -> None:
    session.output.result(
        {"state": "waits", "signed_by": list(signed), "needed": least, "statement": str(statement)},
        f"Signed by {' and '.join(signed) or 'nobody'}: {least - len(signed)} more must sign {statement}.",
    )
    raise typer.Exit(ANSWERED_NO)


def _collected(statement: Path, change: SignerChange) -> Envelope:
    """Return what was signed before. Raises SetupError: it cannot be read, or is about something else."""
    from gateway.policy.life import dsse
    from gateway.policy.life.signer_change import TYPE

    mend = "Give another place with --statement; all sign anew where the list of signers has changed meanwhile."
    try:
        envelope = dsse.read_envelope(statement.read_bytes())
        same = envelope.payload_type == TYPE and dsse.payload_of(envelope) == change.payload()
    except (OSError, dsse.BadEnvelope) as error:
        raise SetupError(f"{statement} is no statement on a signer.", mend, exit_code=USED_WRONGLY) from error
    if not same:
        raise SetupError(f"{statement} is about another change of the signers.", mend, exit_code=USED_WRONGLY)
    return envelope


def _write(statement: Path, envelope: Envelope) -> None:
    from gateway.policy.life import dsse

    try:
        statement.write_bytes(dsse.write_envelope(envelope))
    except OSError as error:
        problem = f"{statement} cannot be written ({error.strerror})."
        raise SetupError(problem, "Give another place with --statement.") from error
