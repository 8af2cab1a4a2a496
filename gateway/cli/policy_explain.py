"""``sekisho policy explain`` and ``ask``: why it was decided so, and what would be decided."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.policy_replay import TableOption
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.domain import Decision, PolicyInput
    from gateway.policy.explanation import Explanation
    from gateway.policy.proposal import Proposal
    from gateway.settings import Settings

Lang = Annotated[str, typer.Option("--lang", help="Language of the words: en, de, ja, zh; else the site's.")]
_BEFORE, _AFTER = timedelta(minutes=5), timedelta(hours=1)
Decided = Annotated[str, typer.Argument(metavar="ID", help="Id of a decision, or of a request.")]


def register(app: typer.Typer) -> None:
    """Add these commands to ``sekisho policy``."""
    asking = [
        "sekisho policy ask --data PERSON=3 --class confidential --place other/FR",
        "sekisho policy ask --tenant hr --project payroll --origin CN --access-from DE --special health --why",
        "sekisho policy ask --input question.json --bundle policies --json",
    ]
    explaining = [
        "sekisho policy explain 01JZ8QW3T5B7M9K2X4C6V8N0AR",
        "sekisho policy explain 01JZ8QW3T5B7M9K2X4C6V8N0AR --lang de",
        "sekisho policy explain 01JZ8QW3T5B7M9K2X4C6V8N0AR --json",
    ]
    command(app, "ask", examples=asking)(ask)
    command(app, "explain", examples=explaining)(explain)


def explain(session: Session, decision: Decided, lang: Lang = "") -> None:
    """Say why a request was allowed or refused: which rules fired, which row decided, what would have changed it.

    Asks the revision and the facts of that day again; where they are gone, shows what the record holds.
    """
    from gateway.policy.explain import explain as words
    from gateway.policy.explanation import plain, told, told_question
    from gateway.policy.words import phrase

    language = _language(session.settings, lang)
    with session.output.progress("Looking for the decision"):
        question, found, others = _decision(session.settings, decision)
    again, missing = None, ""
    try:
        proposal, facts = _as_then(session.settings, found)
    except SetupError as error:
        missing = error.problem
    else:
        with session.output.progress("Asking again"):
            again = asyncio.run(_explained(session.settings, proposal, facts, question))
    lines = [phrase("decision_of", language, id=found.id, request=question.request.id, time=question.env.time)]
    lines += [phrase("further", language, ids=", ".join(others))] if others else []
    lines += [*told_question(question, language), "", *words(question, found, language)]
    lines += ["", phrase("not_again", language, why=missing)] if missing else []
    lines += told(again, language) if again else []
    lines += ["", phrase("otherwise", language)] if again is not None and again.allowed != found.allow else []
    session.output.result(
        {
            "decision": _plain(found),
            "question": _plain(question),
            "others": others,
            "missing": missing,
            "words": words(question, found, language),
            "again": plain(again, language) if again else None,
        },
        *lines,
    )


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
    from gateway.policy.asking import Wish, facts_to_ask_under, question_of
    from gateway.policy.explanation import plain, told, told_question
    from gateway.policy.proposal import find
    from gateway.policy.words import phrase

    settings = session.settings
    language = _language(settings, lang)
    with session.output.progress("Preparing the policy"):
        proposal = find(settings, bundle, rules)
    wish = Wish(
        tenant, project, origin, access_from, data_class, tuple(data or ()), tuple(special or ()), purpose, model
    )
    facts, candidates = facts_to_ask_under(settings, proposal, wish, tuple(target or ()), tuple(place or ()))
    question = _read_question(input) if input else question_of(settings, wish, candidates, _now())
    with session.output.progress("Asking"):
        found = asyncio.run(_explained(settings, proposal, facts, question, what_if=why))
    asked_of = f"{proposal.name} ({proposal.bundle.revision[:12]})"
    lines = [*told_question(question, language), phrase("asked_of", language, policy=asked_of)]
    lines += [phrase("allowed" if found.allowed else "refused", language), *told(found, language, what_if=why)]
    data_said = {"question": _plain(question), "policy": proposal.as_dict(), **plain(found, language)}
    session.output.result(data_said, *lines)
    if not found.allowed:
        raise typer.Exit(ANSWERED_NO)


# --- how


def _language(settings: Settings, wanted: str) -> str:
    from gateway.policy.words import LANGUAGES, language_of

    if wanted and wanted not in LANGUAGES:
        raise SetupError(
            f"There are no words in {wanted}.", f"Use --lang {', '.join(LANGUAGES)}.", exit_code=USED_WRONGLY
        )
    return wanted or language_of(settings.site.language)


def _decision(settings: Settings, wanted: str) -> tuple[PolicyInput, Decision, list[str]]:
    """Return the newest decision of that id, and the ids of others of its request. Raises SetupError."""
    from gateway.policy.replay import REQUESTS, Unreadable, past_of

    found: dict[str, tuple[PolicyInput, Decision]] = {}
    named = False
    for record in _newest_first(settings, wanted):
        decided = record.get("decision") or {}
        if wanted not in (record.get("request"), decided.get("id")):
            continue
        named = True
        try:
            past = past_of(record, (*REQUESTS, "preview"))
        except Unreadable:
            continue
        if past is not None:
            found.setdefault(past.decision.id, (past.question, past.decision))
        if past is not None and past.decision.id == wanted:
            return (*found[wanted], [])
    if found:
        first, *others = found
        return (*found[first], others)
    if named:
        problem = f"Request {wanted} is on record, and no decision with it: it was refused before one was asked."
        raise SetupError(problem, f"Run: sekisho audit search --request {wanted}")
    raise SetupError(f"No record names {wanted}.", "Give the id of a decision or a request.", exit_code=USED_WRONGLY)


def _newest_first(settings: Settings, text: str) -> Iterator[dict[str, Any]]:
    """Yield the records that hold an id, the newest first: those near the time that it tells, or else any."""
    import heapq

    from gateway.audit.reader import comparable
    from gateway.cli.past import log_folders, newest_first

    for first, until in (*_near(text), ("", "")):
        logs = (newest_first(folder, text, first, until) for folder in log_folders(settings))
        merged = heapq.merge(*logs, key=lambda record: comparable(str(record["time"])), reverse=True)
        record = next(merged, None)
        if record is not None:
            yield record
            yield from merged
            return


def _near(text: str) -> list[tuple[str, str]]:
    """Return when records that name an id were written: a ULID tells when it was made."""
    from ulid import ULID

    try:
        made = ULID.from_str(text).datetime
    except ValueError:
        return []
    first, until = ((made + each).isoformat().replace("+00:00", "Z") for each in (-_BEFORE, _AFTER))
    return [(first, until)]


def _as_then(settings: Settings, decision: Decision) -> tuple[Proposal, dict[str, Any]]:
    """Return the policy and the facts that decided. Raises SetupError when one of them is gone."""
    from gateway.policy.datasets import DataSets
    from gateway.policy.proposal import find

    proposal = find(settings, decision.revision)
    if proposal.bundle.digest != decision.bundle_digest:
        problem = f"Revision {decision.revision[:12]} is not the one that decided."
        raise SetupError(problem, "Restore it from a backup of the data folder.")
    return proposal, DataSets(settings.state / "policy" / "data").read(decision.data_revision)


async def _explained(
    settings: Settings, proposal: Proposal, facts: dict[str, Any], question: PolicyInput, *, what_if: bool = True
) -> Explanation:
    from gateway.policy.explanation import explained
    from gateway.policy.opa import find_opa
    from gateway.policy.rehearsal import Rehearsal

    async with Rehearsal(find_opa(settings), proposal.bundle.path) as rehearsal:
        return await explained(rehearsal, question, facts, proposal, what_if=what_if)


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


def _plain(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
