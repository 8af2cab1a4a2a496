"""``sekisho policy ask``: what would be decided, without a prompt and without a server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.policy_explain import Lang, explained_by, language_for, plain_json
from gateway.cli.policy_replay import TableOption, called
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.domain import PolicyInput
    from gateway.settings import Settings

Tenant = Annotated[str, typer.Option("--tenant")]
Project = Annotated[str, typer.Option("--project")]
Origin = Annotated[str, typer.Option("--origin", help="Country the data come from; else the site's.")]
Access = Annotated[str, typer.Option("--access-from", help="Country where the answer is read; else the site's.")]
Class = Annotated[str, typer.Option("--class", help="public, internal, confidential or strict.")]
Data = Annotated[
    list[str] | None, typer.Option("--data", metavar="TYPE[=COUNT]", help="A finding, such as PERSON=3; repeatable.")
]
Special = Annotated[list[str] | None, typer.Option("--special", help="A special category, such as health; repeatable.")]
Purpose = Annotated[str, typer.Option("--purpose")]
Model = Annotated[str, typer.Option("--model", help="Model name; else any.")]
Targets = Annotated[list[str] | None, typer.Option("--target", help="Id of a target; repeatable; else all known ones.")]
Places = Annotated[
    list[str] | None,
    typer.Option(
        "--place",
        metavar="NEAR[/COUNTRY]",
        help="A target that need not exist: same-node, same-site, other/FR, external/US; repeatable.",
    ),
]
Input = Annotated[Path | None, typer.Option("--input", metavar="FILE", help="A whole question, sekisho.input/1.")]
Against = Annotated[
    str, typer.Option("--bundle", metavar="B", help="What to ask: a revision, a bundle, a folder; else in-force.")
]
What = Annotated[bool, typer.Option("--why", help="Say too what every rule said, and what would flip the answer.")]


def register(app: typer.Typer) -> None:
    """Add this command to ``sekisho policy``."""
    asking = [
        "sekisho policy ask --data PERSON=3 --class confidential --place other/FR",
        "sekisho policy ask --tenant hr --project payroll --origin CN --access-from DE --special health --why",
        "sekisho policy ask --input question.json --bundle policies --json",
    ]
    command(app, "ask", examples=asking)(ask)


def ask(
    session: Session,
    tenant: Tenant = "default",
    project: Project = "default",
    origin: Origin = "",
    access_from: Access = "",
    data_class: Class = "internal",
    data: Data = None,
    special: Special = None,
    purpose: Purpose = "general",
    model: Model = "",
    target: Targets = None,
    place: Places = None,
    input: Input = None,
    bundle: Against = "in-force",
    rules: TableOption = None,
    why: What = False,
    lang: Lang = "",
) -> None:
    """Put a question to the policy, without a server and without a prompt. Leaves with 1 when the answer is no."""
    from gateway.policy.trials.asking import Wish, facts_to_ask_under, question_of, require_known_countries
    from gateway.policy.trials.explanation_words import plain, told, told_question
    from gateway.policy.trials.proposal import find
    from gateway.policy.words import phrase

    settings = session.settings
    language = language_for(settings, lang)
    with session.output.progress("Preparing the policy"):
        proposal = find(settings, bundle, rules)
    wish = Wish(
        tenant, project, origin, access_from, data_class, tuple(data or ()), tuple(special or ()), purpose, model
    )
    if not input:
        require_known_countries(settings, proposal, wish, tuple(place or ()))
    facts, candidates = facts_to_ask_under(settings, proposal, wish, tuple(target or ()), tuple(place or ()))
    question = _read_question(input) if input else question_of(settings, wish, candidates, _now())
    for line in _unfound(settings, question):
        session.output.note(line)
    with session.output.progress("Asking"):
        found = asyncio.run(explained_by(settings, proposal, facts, question, what_if=why))
    asked_of = called(proposal.name, proposal.bundle.revision)
    expired = proposal.expired(question.env.time)
    lines = [*told_question(question, language), phrase("asked_of", language, policy=asked_of)]
    lines += [phrase("allowed" if found.allowed else "refused", language), *told(found, language, what_if=why)]
    if expired:
        lines.append(f"EXPIRED {proposal.expires[:10]}: in force it refuses every request (policy.bundle_expired).")
    policy = {**proposal.as_dict(), "expires": proposal.expires, "expired": expired}
    session.output.result({"question": plain_json(question), "policy": policy, **plain(found, language)}, *lines)
    if expired or not found.allowed:
        raise typer.Exit(ANSWERED_NO)


def _unfound(settings: Settings, question: PolicyInput) -> list[str]:
    """Return a line for each type that nothing here searches for: an answer about ``PERSN`` says nothing of persons."""
    from gateway.cli.policy_table import types_found

    known = types_found(settings)
    return [
        f"Nothing here finds {type_}: as a type that no row names it is judged like the text as a whole."
        for type_ in question.data.entities
        if known and type_ not in known
    ]


def _read_question(path: Path) -> PolicyInput:
    import msgspec

    from gateway.domain import PolicyInput

    try:
        return msgspec.json.decode(path.read_bytes(), type=PolicyInput)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read ({error.strerror}).", "Check its path.", exit_code=USED_WRONGLY
        ) from error
    except msgspec.DecodeError as error:
        mend = "See docs/reference/files.md for sekisho.input/1."
        raise SetupError(f"{path} is no question: {error}.", mend, exit_code=USED_WRONGLY) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
