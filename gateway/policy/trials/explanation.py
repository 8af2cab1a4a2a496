"""Why, in full: for each target what every rule said and which row of the table decided; what would flip the answer.

A decision carries each reason once. Which rule said what of which target is asked again: each candidate by itself, of
an OPA with the bundle and the facts that the decision names. What a row means is its plain reading
(:mod:`gateway.policy.table.row`).
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from gateway.domain import Grant, PolicyInput, Reason
from gateway.errors import SetupError
from gateway.policy.answer import Answer, Refused
from gateway.policy.facts import Rulebook
from gateway.policy.table.compiled import Where, spots_of
from gateway.policy.table.row import SPECIAL, TEXT, Case, Row, first_row
from gateway.policy.trials.counterfactual import Change, flips
from gateway.policy.trials.proposal import Proposal
from gateway.policy.trials.scratch import Rehearsal

Says = Literal["refuses", "waived", "permits", "says_nothing"]
_WAIVED = "policy.break_glass"
TABLE = "table"
OBSERVED = "policy.table_observed"


class RuleSaid(msgspec.Struct, frozen=True):
    """What one rule said of one target; ``reason`` is ``None`` where it had nothing to say."""

    rule: str
    says: Says
    reason: Reason | None = None


class RowSaid(msgspec.Struct, frozen=True):
    """Which row decided about one item of the request; ``line`` 0: none did."""

    item: str
    line: int
    decision: Literal["allow", "deny"]
    redaction: str = ""
    note: str = ""
    legal_basis: str = ""
    observed: tuple[int, ...] = ()  # rows before it that only observe


class TargetSaid(msgspec.Struct, frozen=True):
    id: str
    place: str
    allowed: bool
    rules: tuple[RuleSaid, ...]
    rows: tuple[RowSaid, ...]
    grant: Grant | None = None


class Explanation(msgspec.Struct, frozen=True):
    """``allowed`` is what the policy says now that it is asked again."""

    allowed: bool
    targets: tuple[TargetSaid, ...]
    changes: tuple[Change, ...]


async def explained(
    rehearsal: Rehearsal, question: PolicyInput, facts: dict[str, Any], proposal: Proposal, *, what_if: bool = True
) -> Explanation:
    """Ask everything that an explanation takes.

    Args:
        facts: what to ask under.
        what_if: whether to look for changes that flip the answer.

    Raises:
        SetupError: OPA is gone, or the bundle cannot be read.
    """
    await rehearsal.push(facts)
    whole = await _asked(rehearsal, question)
    granted = {grant.id: grant for grant in whole.targets}
    rules = rules_in(proposal.bundle.path)
    targets = []
    for id_ in question.candidates:
        alone = await _asked(rehearsal, replace(question, candidates=(id_,)))
        targets.append(
            TargetSaid(
                id_,
                str(facts["targets"].get(id_, {}).get("place", "")),
                id_ in granted,
                tuple(_by_rule(rules, alone.reasons)),
                tuple(rows_for(question, id_, facts, proposal.rulebook, whole.reasons)),
                granted.get(id_),
            )
        )
    changes = (await flips(rehearsal, question, facts, proposal.rulebook))[1] if what_if else []
    return Explanation(whole.allow, tuple(targets), tuple(changes))


async def _asked(rehearsal: Rehearsal, question: PolicyInput) -> Answer:
    """Return the answer; one that is none as a refusal by ``main``."""
    try:
        return await rehearsal.ask(question)
    except Refused as refusal:
        return Answer(False, (), (Reason(refusal.code, "main", severity="deny"),), rehearsal.facts)


def rules_in(bundle: Path) -> list[str]:
    """Return the names of the rule folders in a bundle, sorted. Raises SetupError."""
    try:
        with tarfile.open(bundle) as archive:
            paths = [Path(name).parts for name in archive.getnames()]
    except (OSError, tarfile.TarError) as error:
        raise SetupError(f"{bundle} is no OPA bundle.", "Build it with: sekisho policy build") from error
    return sorted(parts[-2] for parts in paths if len(parts) > 1 and parts[-1] == "rule.rego")


def _by_rule(rules: Sequence[str], reasons: Sequence[Reason]) -> list[RuleSaid]:
    """Return what each rule said, those that refuse first; the table is told by its rows."""
    said = [RuleSaid(reason.rule, _says(reason), reason) for reason in reasons if reason.rule != TABLE]
    spoke = {each.rule for each in said}
    said += [RuleSaid(rule, "says_nothing") for rule in rules if rule not in spoke]
    order: tuple[Says, ...] = ("refuses", "waived", "permits", "says_nothing")
    return sorted(said, key=lambda each: (order.index(each.says), each.rule))


def _says(reason: Reason) -> Says:
    if reason.code == _WAIVED:
        return "waived"
    return "refuses" if reason.severity == "deny" else "permits"


def rows_for(
    question: PolicyInput,
    target: str,
    facts: Mapping[str, Any],
    rulebook: Rulebook | None,
    reasons: Sequence[Reason] = (),
) -> list[RowSaid]:
    """Return which row decides about each item of the request at the target, by the plain reading of the table.

    Args:
        reasons: what was decided; tells which rows only observed, which hangs on all candidates together.
    """
    entry = facts["targets"].get(target)
    if rulebook is None or entry is None:
        return []
    case = _case(question, entry, facts["places"][entry["place"]], rulebook)
    observed = {
        (reason.params.get("data", ""), reason.params.get("row", "")) for reason in reasons if reason.code == OBSERVED
    }
    items = [TEXT, *sorted(question.data.entities), *(f"{SPECIAL}{name}" for name in question.data.special)]
    return [_row_for(item, case, rulebook.rows, observed) for item in items]


def _row_for(item: str, case: Case, rows: Sequence[Row], observed: set[tuple[str, str]]) -> RowSaid:
    row = first_row(rows, item, case)
    passed: tuple[int, ...] = ()
    if row is not None and (item, str(row.line)) in observed:
        passed, until = (row.line,), row.review_by
        row = first_row([other for other in rows if not _observes_until(other, until)], item, case)
    if row is None:
        return RowSaid(item, 0, "deny", observed=passed)
    return RowSaid(item, row.line, row.decision, row.redaction or "", row.note, row.legal_basis, passed)


def _observes_until(row: Row, day: date | None) -> bool:
    """Whether a row steps back too where one that observes until that day does."""
    return row.mode == "observe" and row.review_by is not None and day is not None and row.review_by >= day


def _case(question: PolicyInput, target: Mapping[str, Any], place: Mapping[str, Any], rulebook: Rulebook) -> Case:
    origin, groups = question.data.collected_in, rulebook.groups
    spots = spots_of(Where(place["near"], place["jurisdiction"], target["site"]), rulebook.rows, groups)
    near = place["near"]
    if near == "other":
        near = "same-jurisdiction" if place["jurisdiction"] == origin else "elsewhere"
    spot = next(spot for spot in spots.values() if spot.near == near)
    return Case(spot, question.data.data_class, groups.get(origin, frozenset({origin})), question.request.purpose)
