"""``sekisho policy explain``: why it was decided so, and what would have to be otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.domain import Decision, PolicyInput
    from gateway.policy.trials.explanation import Explanation
    from gateway.policy.trials.proposal import Proposal
    from gateway.settings import Settings

Lang = Annotated[str, typer.Option("--lang", help="Language of the words: en, de, ja, zh; else the site's.")]
_BEFORE, _AFTER = timedelta(minutes=5), timedelta(hours=1)
Decided = Annotated[str, typer.Argument(metavar="ID", help="Id of a decision, or of a request.")]


def register(app: typer.Typer) -> None:
    """Add this command to ``sekisho policy``."""
    explaining = [
        "sekisho policy explain 01JZ8QW3T5B7M9K2X4C6V8N0AR",
        "sekisho policy explain 01JZ8QW3T5B7M9K2X4C6V8N0AR --lang de",
        "sekisho policy explain 01JZ8QW3T5B7M9K2X4C6V8N0AR --json",
    ]
    command(app, "explain", examples=explaining)(explain)


def explain(session: Session, decision: Decided, lang: Lang = "") -> None:
    """Say why a request was allowed or refused: which rules fired, which row decided, what would have changed it.

    Asks the revision and the facts of that day again; where they are gone, shows what the record holds.
    """
    from gateway.cli.choice_words import told_choice
    from gateway.policy.explain import explain as words
    from gateway.policy.trials.explanation_words import as_table, plain, told, told_question
    from gateway.policy.words import phrase

    language = language_for(session.settings, lang)
    with session.output.progress("Looking for the decision"):
        question, found, others, choice = _decision(session.settings, decision)
    again, missing = None, ""
    try:
        proposal, facts = _as_then(session.settings, found)
        with session.output.progress("Asking again"):
            again = asyncio.run(explained_by(session.settings, proposal, facts, question))
    except SetupError as error:
        missing = error.problem
    lines = [phrase("decision_of", language, id=found.id, request=question.request.id, time=question.env.time)]
    lines += [phrase("further", language, ids=", ".join(others))] if others else []
    lines += [*told_question(question, language), "", *words(question, found, language)]
    lines += ["", phrase("not_again", language, why=missing)] if missing else []
    lines += told(again, language) if again else []
    lines += ["", *told_choice(choice, language)] if choice else []
    lines += ["", phrase("otherwise", language)] if again is not None and again.allowed != found.allow else []
    session.output.result(
        {
            "decision": plain_json(found),
            "question": plain_json(question),
            "others": others,
            "choice": choice,
            "missing": missing,
            "words": words(question, found, language),
            "again": plain(again, language) if again else None,
        },
        *lines,
    )
    if again and not session.output.as_json:
        session.output.table(*as_table(again, language), None)


def language_for(settings: Settings, wanted: str) -> str:
    """Return the language of an answer. Raises SetupError: there are no words in it."""
    from gateway.policy.words import LANGUAGES, language_of

    if wanted and wanted not in LANGUAGES:
        raise SetupError(
            f"There are no words in {wanted}.", f"Use --lang {', '.join(LANGUAGES)}.", exit_code=USED_WRONGLY
        )
    return wanted or language_of(settings.site.language)


async def explained_by(
    settings: Settings, proposal: Proposal, facts: dict[str, Any], question: PolicyInput, *, what_if: bool = True
) -> Explanation:
    """Ask a policy all that an explanation takes. Raises SetupError."""
    from gateway.policy.opa.program import find_opa
    from gateway.policy.trials.explanation import explained
    from gateway.policy.trials.scratch import Rehearsal

    async with Rehearsal(find_opa(settings), proposal.bundle.path) as rehearsal:
        return await explained(rehearsal, question, facts, proposal, what_if=what_if)


def plain_json(value: Any) -> Any:
    """Return a value of ours as plain JSON."""
    import msgspec

    return msgspec.to_builtins(value)


# --- how


def _decision(settings: Settings, wanted: str) -> tuple[PolicyInput, Decision, list[str], dict[str, Any] | None]:
    """Return the newest decision of that id, the ids of others of its request, and how its target was chosen.

    Raises:
        SetupError: there is none.
    """
    from gateway.policy.trials.replay import REQUESTS, Unreadable, past_of

    found: dict[str, tuple[PolicyInput, Decision, dict[str, Any] | None]] = {}
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
            found.setdefault(past.decision.id, (past.question, past.decision, record.get("choice")))
        if past is not None and past.decision.id == wanted:
            question, decision, choice = found[wanted]
            return question, decision, [], choice
    if found:
        first, *others = found
        question, decision, choice = found[first]
        return question, decision, others, choice
    if named:
        problem = f"Request {wanted} is on record, and no decision with it: it was refused before one was asked."
        raise SetupError(problem, f"Run: sekisho audit search --request {wanted}")
    raise SetupError(f"No record names {wanted}.", "Give the id of a decision or a request.", exit_code=USED_WRONGLY)


def _newest_first(settings: Settings, text: str) -> Iterator[dict[str, Any]]:
    """Yield the records that hold an id, the newest first: those near the time that it tells, or else any."""
    import heapq

    from gateway.audit.log.reader import comparable
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
    from gateway.policy.trials.proposal import find

    proposal = find(settings, decision.revision)
    if proposal.bundle.digest != decision.bundle_digest:
        problem = f"Revision {decision.revision[:12]} is not the one that decided."
        raise SetupError(problem, "Restore it from a backup of the data folder.")
    return proposal, DataSets(settings.state / "policy" / "data").facts_of(decision.data_revision)
