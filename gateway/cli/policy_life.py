"""``sekisho policy build | sign | verify | activate | rollback | status | diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.policy_changes import policy_changes
from gateway.cli.policy_signers import signers
from gateway.cli.policy_table import no_table
from gateway.cli.private_key import unlocked
from gateway.cli.session import ANSWERED_NO, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.policy.life.activation import PolicyLife
    from gateway.policy.life.revisions import Revisions
    from gateway.settings import Settings

View = dict[str, Any]


def _revisions_here(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a revision's id."""
    try:
        names = ["latest", "in-force", *(one.id for one in _shelf(Session().settings).list())]
        return [name for name in names if name.startswith(incomplete)]
    except SetupError:
        return []


Reference = Annotated[
    str,
    typer.Argument(
        help="A revision's id or its beginning, `latest`, `in-force`, or a folder.", autocompletion=_revisions_here
    ),
]
KeyFile = Annotated[Path, typer.Option("--key", help="Your private key, as `signer create` made it.")]


def register(app: typer.Typer) -> None:
    """Add these commands to ``sekisho policy``."""
    for name, work, examples in (
        ("build", build, ["sekisho policy build", "sekisho policy build --json"]),
        ("sign", sign, ["sekisho policy sign latest --key ana.pem"]),
        ("verify", verify, ["sekisho policy verify 3f2a91", "sekisho policy verify ./from-headquarters"]),
        ("activate", activate, ["sekisho policy activate latest", "sekisho policy activate ./from-headquarters"]),
        ("rollback", rollback, ["sekisho policy rollback"]),
        ("status", status, ["sekisho policy status", "sekisho policy status --json"]),
        ("diff", diff, ["sekisho policy diff in-force files", "sekisho policy diff 3f2a91 77b0c4"]),
    ):
        command(app, name, examples=examples)(work)
    app.add_typer(signers)


# --- a revision's life


def build(session: Session) -> None:
    """Make a revision of rules, data and table as they are now, and test it. It is not in force yet."""
    with session.output.progress("Checking, testing and building policies"), policy_changes(session.settings) as to:
        made = to.build()
    for line in no_table(session.settings):
        session.output.note(line)
    session.output.result(made, *_told(made), _next(made))


def sign(session: Session, revision: Reference, key: KeyFile) -> None:
    """Add your signature to a revision. Your key stays with you; only the signature is stored."""
    from gateway.policy.life import dsse
    from gateway.policy.life.manifest import TYPE

    shown = _shelf(session.settings).get(revision)
    envelope = dsse.sign(TYPE, dsse.payload_of(shown.envelope), [unlocked(key)])
    made = envelope.signatures[0]
    with policy_changes(session.settings) as to:
        signed = to.sign(shown.id, made.keyid, made.sig)
    session.output.result(signed, *_told(signed), _next(signed))


def verify(session: Session, revision: Reference) -> None:
    """Check a revision's files and signatures, here and without a server. Leaves with 1 if it could not be activated.

    Says what is signed, by whom, and what stands against putting it in force on this machine.
    """
    life = _life(session.settings)
    view = life.view(life.revisions.get(revision))
    session.output.result(view, *_told(view), _next(view))
    if view["hindrances"]:
        raise typer.Exit(ANSWERED_NO)


def activate(session: Session, revision: Reference) -> None:
    """Put a revision in force: no request fails meanwhile, each is decided by the one before or by this one.

    Leaves with 1 when it may not be: tests failed, it expired, or nobody else approved it.
    """
    reference = str(Path(revision).resolve()) if "/" in revision else revision
    with session.output.progress("Activating"), policy_changes(session.settings) as to:
        done = to.activate(reference)
    session.output.result(done, *_told(done), _outcome(done))
    if not done["in_force"]:
        raise typer.Exit(ANSWERED_NO)


def rollback(session: Session) -> None:
    """Put the revision in force again that was before this one. Leaves with 1 when it may not be."""
    with session.output.progress("Rolling back"), policy_changes(session.settings) as to:
        done = to.rollback()
    session.output.result(done, *_told(done), _outcome(done))
    if not done["in_force"]:
        raise typer.Exit(ANSWERED_NO)


def status(session: Session) -> None:
    """Show what is in force, until when, what differs from it in the files, and what else could be."""
    view = _life(session.settings).status()
    session.output.result(view, *_standing(view), *_shelved(view))


def diff(session: Session, one: Reference, other: Reference) -> None:
    """Show what another revision changes: rows of the table, and lines of rules and data.

    `files` names what the files say now.
    """
    from gateway.policy.life.difference import compare

    found = compare(_content(session.settings, one), _content(session.settings, other))
    session.output.result(found.view(), *found.lines())


# --- how


def _shelf(settings: Settings) -> Revisions:
    from gateway.policy.life.revisions import Revisions

    return Revisions(settings.state / "policy")


def _life(settings: Settings) -> PolicyLife:
    """Return what reads revisions; whatever would change something is not called on it."""
    from gateway.keys.opening import open_keyring
    from gateway.policy.client import OpaPolicy
    from gateway.policy.life.activation import PolicyLife

    return PolicyLife(settings, open_keyring(settings), _NoBook(), OpaPolicy(settings))


class _NoBook:
    def event(self, type: str, **details: Any) -> None:
        raise AssertionError("nothing is written by a command that only reads")

    async def durable(self) -> None: ...


def _content(settings: Settings, reference: str) -> Any:
    from gateway.policy.life.difference import content_of, content_of_files

    if reference == "files":
        return content_of_files(settings)
    return content_of(_shelf(settings).get(reference))


def _told(view: View) -> list[str]:
    tests, cases = view["tests"], view["cases"]
    tested = f"{tests['passed']} tests passed, {tests['failed']} failed, {tests['coverage_percent']}% covered"
    tried = f"; {cases['passed']} cases as expected, {cases['failed']} not" if cases else ""
    signed = [
        f"  signed by {one['name']} ({', '.join(one['roles'])})" if one["name"] else f"  unknown key {one['key_id']}"
        for one in view["signatures"]
    ]
    return [
        f"Revision {view['revision']}, built {view['created']} at {view['site']} with OPA {view['opa']}",
        f"  {_until(view)}",
        f"  {tested}{tried}",
        *signed,
    ]


def _until(view: View) -> str:
    day, left = view["expires"][:10], view["days_left"]
    return f"expires {day} ({left} days left)" if left >= 0 else f"EXPIRED {day}: it refuses every request"


def _next(view: View) -> str:
    if view["in_force"]:
        return "It is in force."
    if view["hindrances"]:
        return "It cannot be activated yet: " + " ".join(view["hindrances"].values())
    return f"It can be activated: sekisho policy activate {view['revision'][:12]}"


def _outcome(view: View) -> str:
    if view["in_force"]:
        return "It is in force."
    return "It was not activated: " + " ".join(view["hindrances"].values())


def _standing(view: View) -> list[str]:
    if view["in_force"] is None:
        return ["No policy is in force. Next: sekisho policy build"]
    lines = [f"In force since {view['since']}:", *_told(view["in_force"])]
    if view["warning"]:
        lines.append(f"WARNING: {view['warning']} Next: sekisho policy build")
    for name in view["differs"]:
        lines.append(f"{name} differs from what is in force.")
    if view["external"]:
        lines.append(f"Decided by your own OPA at {view['external']}.")
    return lines


def _shelved(view: View) -> list[str]:
    others = [one for one in view["revisions"] if not one["in_force"]]
    back = view["before"][0] if view["before"] else ""
    return [
        f"{one['revision'][:12]}  {one['created']}  "
        + ("It was in force before: sekisho policy rollback" if one["revision"] == back else _next(one))
        for one in others
    ]
