"""The rows that an explanation names, held against what OPA did in every decision made by hand."""

from __future__ import annotations

import decisions
import pytest

from gateway.domain import PolicyInput, Reason
from gateway.policy.answer import Answer
from gateway.policy.client import rulebook
from gateway.policy.facts import Rulebook
from gateway.policy.life.build import build
from gateway.policy.opa.program import find_opa
from gateway.policy.table.row import SPECIAL
from gateway.policy.trials import cases
from gateway.policy.trials.explanation import RowSaid, rows_for
from gateway.settings import Settings

Explained = tuple[PolicyInput, Answer, dict[str, list[RowSaid]]]


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> list[Explained]:
    settings = Settings()
    opa, book = find_opa(settings), rulebook(settings)
    bundle = build(opa, settings.policies, tmp_path_factory.mktemp("bundle"))
    every = [line.case for line in decisions.read()]
    found: list[Explained] = []
    for case, outcome in zip(every, cases.run(opa, bundle, every, book), strict=True):
        asked = cases.asked(case, book)
        table = Rulebook(cases._rows(case, book), book.groups)
        if outcome.answer:
            rows = {
                id_: rows_for(asked.question, id_, asked.facts, table, outcome.answer.reasons)
                for id_ in asked.question.candidates
            }
            found.append((asked.question, outcome.answer, rows))
    return found


@pytest.mark.real
def test_what_is_done_to_each_finding_is_what_the_named_row_says(explained: list[Explained]) -> None:
    """A row about a special category may ask for more; then the finding's own row is not the last word."""
    compared = 0
    for question, answer, rows in explained:
        for grant in answer.targets:
            said = {row.item: row.redaction for row in rows[grant.id] if not row.item.startswith(SPECIAL)}
            assert all(row.decision == "allow" and row.line for row in rows[grant.id]), (question, grant.id)
            if not question.data.special:
                assert grant.redact == said, (question, grant.id)
                compared += 1
    assert compared > 100


@pytest.mark.real
def test_a_row_that_denies_is_one_that_the_decision_names(explained: list[Explained]) -> None:
    def denied(reasons: tuple[Reason, ...]) -> set[tuple[str, str]]:
        return {(r.params["row"], r.params["data"]) for r in reasons if r.code == "policy.table_denied"}

    told = 0
    for _, answer, rows in explained:
        named = {
            (str(row.line), row.item) for each in rows.values() for row in each if row.decision == "deny" and row.line
        }
        assert named <= denied(answer.reasons)
        told += len(named)
    assert told > 5
