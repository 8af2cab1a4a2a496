"""``sekisho policy signer``: the persons whose signature on a policy counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway.cli.policy_changes import policy_changes
from gateway.cli.private_key import ask_passphrase, unlocked
from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.policy.life.dsse import Signature
    from gateway.policy.life.signers import Signer

signers = group("signer", "The persons whose signature on a policy counts.")

ApproverKey = Annotated[Path | None, typer.Option("--approve-with", metavar="FILE", help="An approver's private key.")]
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
    ],
)
def add(
    session: Session,
    name: Annotated[str, typer.Argument(help="Who it is: a-z, 0-9, and . _ - inside.")],
    public_key: Annotated[str, typer.Option(help="The public key in base64, or a file that holds it.")],
    role: Roles,
    approve_with: ApproverKey = None,
) -> None:
    """Let a person's signatures count from now on. Once there is an approver, an approver has to agree."""
    import msgspec

    from gateway.policy.life.signers import ROLES, Signer, read_public

    if wrong := [one for one in role if one not in ROLES]:
        raise SetupError(f"`{wrong[0]}` is no role.", f"Give one of: {', '.join(ROLES)}.", exit_code=USED_WRONGLY)
    file = Path(public_key)
    text = (
        file.read_text(encoding="ascii", errors="replace") if len(public_key) < 200 and file.is_file() else public_key
    )
    signer = msgspec.convert({"name": name, "public_key": read_public(text), "roles": role}, Signer)
    approval = _approval(session, "add", signer, approve_with)
    with policy_changes(session.settings) as to:
        added = to.add_signer(signer, approval)
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
    approve_with: ApproverKey = None,
) -> None:
    """Let a person's signatures count no more, also those that were made. An approver has to agree."""
    from gateway.policy.life.signers import Signers

    approval = _approval(session, "remove", Signers(session.settings.keys).find(name), approve_with)
    with policy_changes(session.settings) as to:
        gone = to.remove_signer(name, approval)
    session.output.result(gone, f"{name} is not trusted any more.")


def _approval(session: Session, action: Literal["add", "remove"], signer: Signer, key: Path | None) -> Signature | None:
    """Return the signature of whoever holds the key on that change of the list as it is now."""
    from gateway.policy.life.signer_change import SignerChange, approval
    from gateway.policy.life.signers import Signers

    if key is None:
        return None
    change = SignerChange.of(action, signer, Signers(session.settings.keys).list())
    return approval(change, unlocked(key))
