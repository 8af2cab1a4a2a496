"""``sekisho policy cases``, and the cases in words that ``sekisho policy test`` runs after the rules' own tests."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.policy.opa.program import Opa
    from gateway.policy.trials.case import Case
    from gateway.policy.trials.cases import Outcome
    from gateway.settings import Settings

NameArgument = Annotated[
    str, typer.Argument(metavar="[CASE]", help="Show this one whole, as it is decided now.", show_default=False)
]
LangOption = Annotated[str, typer.Option("--lang", help="Language of titles and reasons: en, de, ja, zh.")]
_COLUMNS = ("case", "title", "expected", "reasons", "law")


def register(app: typer.Typer) -> None:
    """Add these commands to ``sekisho policy``."""
    examples = ["sekisho policy cases", "sekisho policy cases --lang ja", "sekisho policy cases works-doctor"]
    command(app, "cases", examples=examples)(cases)


def cases(session: Session, name: NameArgument = "", lang: LangOption = "en") -> None:
    """List the everyday cases in words that the rules are tested with. They lie in `cases` beside the rules."""
    from gateway.policy.trials.case import LANGS, load

    if lang not in LANGS:
        raise SetupError(f"There are no titles in {lang}.", f"Use one of: {', '.join(LANGS)}.", exit_code=USED_WRONGLY)
    found = load(session.settings.policies)
    if name:
        one = next((case for case in found if case.name == name), None)
        if one is None:
            raise SetupError(f"There is no case {name}.", "Run: sekisho policy cases", exit_code=USED_WRONGLY)
        _show(session, one, lang)
        return
    session.output.table(
        f"Cases in {session.settings.policies / 'cases'}",
        _COLUMNS,
        [_row(case, lang) for case in found],
        data=[_plain(case, lang) for case in found],
        empty="There are no cases.",
    )


def run_cases(opa: Opa, settings: Settings) -> tuple[Outcome, ...]:
    """Decide the cases that lie beside the rules, under rules and rule table as they are on disk.

    Raises:
        SetupError: a case, the table or a policy is malformed; names file and line.
    """
    from gateway.policy.trials.case import load

    return _decided(opa, settings, load(settings.policies))


def _decided(opa: Opa, settings: Settings, found: tuple[Case, ...]) -> tuple[Outcome, ...]:
    from gateway.policy.client import rulebook
    from gateway.policy.life import build
    from gateway.policy.trials.cases import run

    if not found:
        return ()
    return run(opa, build.build(opa, settings.policies, settings.state / "policy"), found, rulebook(settings))


def told_cases(outcomes: tuple[Outcome, ...]) -> list[str]:
    """Return what to say of them: each difference with its story, and a line that sums up."""
    from gateway.policy.trials.cases import told

    failed = [outcome for outcome in outcomes if outcome.differences]
    lines = [line for outcome in failed for line in told(outcome)]
    return [*lines, f"{len(outcomes) - len(failed)} cases in words hold, {len(failed)} differ."]


def plain_cases(outcomes: tuple[Outcome, ...]) -> dict[str, Any]:
    """Return the same for scripts."""
    differing = [outcome for outcome in outcomes if outcome.differences]
    return {
        "passed": len(outcomes) - len(differing),
        "failed": [
            {
                "case": outcome.case.name,
                "title": outcome.case.title.en,
                "differences": list(outcome.differences),
                "reasons": [reason.code for reason in outcome.answer.reasons] if outcome.answer else [outcome.refused],
            }
            for outcome in differing
        ],
    }


def _row(case: Case, lang: str) -> tuple[str, ...]:
    allowed = ", ".join(case.expected.allow) or "refused"
    codes = " ".join(code.removeprefix("policy.") for code in case.expected.reasons)
    return (case.name, case.title.in_(lang), allowed, codes, "; ".join(case.law))


def _show(session: Session, case: Case, lang: str) -> None:
    """Show a case whole, as it is decided now, with the reasons in words."""
    from gateway.policy.opa.program import find_opa

    with session.output.progress("Asking OPA"):
        (outcome,) = _decided(find_opa(session.settings), session.settings, (case,))
    session.output.result({**_plain(case, lang), **_now(outcome, lang)}, *_whole(outcome, lang))


def _now(outcome: Outcome, lang: str) -> dict[str, Any]:
    from gateway.policy.words import with_law

    answer = outcome.answer
    return {
        "differences": list(outcome.differences),
        "decided": [grant.id for grant in answer.targets] if answer else [],
        "because": [f"{reason.code}: {with_law(reason, lang)}" for reason in answer.reasons] if answer else [],
    }


def _whole(outcome: Outcome, lang: str) -> list[str]:
    case, now = outcome.case, _now(outcome, lang)
    return [
        case.title.in_(lang),
        "",
        *textwrap.wrap(" ".join(case.story.split()), 100),
        f"({'; '.join(case.law)})",
        "",
        *(f"{'allowed' if id_ in now['decided'] else 'refused'}: {id_}" for id_ in case.given.targets),
        *(f"  {line}" for line in now["because"]),
        "",
        *([f"DIFFERS: {line}" for line in outcome.differences] or ["As expected."]),
    ]


def _plain(case: Case, lang: str) -> dict[str, Any]:
    return {
        "case": case.name,
        "title": case.title.in_(lang),
        "story": " ".join(case.story.split()),
        "allow": list(case.expected.allow),
        "reasons": list(case.expected.reasons),
        "law": list(case.law),
    }
