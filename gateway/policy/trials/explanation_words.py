"""An explanation in words, and as JSON with words in it, in each of the four languages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from msgspec.structs import replace

from gateway.domain import PolicyInput, Reason
from gateway.policy.table.row import SPECIAL
from gateway.policy.trials.explanation import OBSERVED, TABLE, Explanation, RowSaid, RuleSaid, Says
from gateway.policy.words import named, phrase, sentence, with_law

FEW = 3


def told_question(question: PolicyInput, language: str = "en") -> list[str]:
    """Return what was asked, in two lines."""
    caller, data = question.caller, question.data
    read_in = caller.access_from or caller.jurisdiction
    carries = [
        *(f"{named(type_, language, 'data')} ({count})" for type_, count in data.entities.items()),
        *(named(f"{SPECIAL}{name}", language) for name in data.special),
    ]
    unset, any_ = phrase("unset", language), phrase("any", language)
    return [
        phrase(
            "asked_by",
            language,
            project=f"{caller.tenant}/{caller.project}",
            purpose=question.request.purpose or unset,
            model=question.request.model or any_,
            place=named(read_in, language) or unset,
        ),
        phrase(
            "asked_data",
            language,
            data_class=named(data.data_class, language),
            place=named(data.collected_in, language) or unset,
            data=phrase("comma", language).join(carries) or phrase("no_findings", language),
        ),
    ]


def told(explanation: Explanation, language: str = "en", *, what_if: bool = True) -> list[str]:
    """Return the explanation as lines for people: each target, what was said of it, and what would flip the answer."""
    lines: list[str] = []
    for target in explanation.targets:
        verdict = phrase(f"target_{'allowed' if target.allowed else 'refused'}", language, target=target.id)
        place = _told_place(target.place, language)
        lines += ["", phrase("target_at", language, target=verdict, place=place) if place else verdict]
        lines += [f"  {line}" for line in _told_rules(target.rules, language)]
        lines += [f"  {line}" for line in _told_rows(target.rows, language)]
    return [*lines, "", *_told_changes(explanation, language)] if what_if else lines


def as_table(explanation: Explanation, language: str = "en") -> tuple[str, list[str], list[tuple[str, str, str, str]]]:
    """Return the same as a table: title, headings, and a row for each thing that was said.

    What refuses comes first, what had nothing to say last. A cell names up to three targets, then how many there are.
    """
    said: dict[tuple[str, str, str], list[str]] = {}
    for target in explanation.targets:
        for rule in target.rules:
            why = sentence(rule.reason, language) if rule.reason else ""
            said.setdefault((rule.says, rule.rule, why), []).append(target.id)
        for row in target.rows:
            says = "permits" if row.decision == "allow" else "refuses"
            said.setdefault((says, TABLE, _told_row(row, [named(row.item, language, "data")], language)), []).append(
                target.id
            )
    order = sorted(said, key=lambda each: (get_args(Says).index(each[0]), each[1] == TABLE, each[1]))
    rows = [(rule, phrase(says, language), _few(said[says, rule, why]), why) for says, rule, why in order]
    heads = [phrase(f"table_{name}", language) for name in ("rule", "says", "of", "why")]
    return phrase("table_title", language), heads, rows


def _few(ids: Sequence[str]) -> str:
    more = f" … ({len(ids)})" if len(ids) > FEW else ""
    return ", ".join(ids[:FEW]) + more


def _told_place(place: str, language: str) -> str:
    near, _, country = place.partition("/")
    return phrase("comma", language).join(named(word, language) for word in (near, country) if word)


def _told_rules(rules: Sequence[RuleSaid], language: str) -> list[str]:
    """Return a line for each rule that spoke, and one for all that did not."""
    spoke = [rule for rule in rules if rule.reason]
    width = max((len(rule.rule) for rule in spoke), default=0)
    said = max((len(phrase(rule.says, language)) for rule in spoke), default=0)
    silent = phrase("comma", language).join(rule.rule for rule in rules if not rule.reason)
    return [
        *(
            f"{rule.rule:<{width}}  {phrase(rule.says, language):<{said}}  {with_law(rule.reason, language)}"
            for rule in spoke
            if rule.reason
        ),
        *([phrase("silent", language, rules=silent)] if silent else []),
    ]


def _told_rows(rows: Sequence[RowSaid], language: str) -> list[str]:
    """Return a line for each row that observed, and one for each row that decided, with what it decided about."""
    observed = {
        sentence(Reason(OBSERVED, TABLE, params={"row": str(line), "data": row.item}), language): None
        for row in rows
        for line in row.observed
    }
    about: dict[RowSaid, list[str]] = {}
    for row in rows:
        about.setdefault(replace(row, item="", observed=()), []).append(named(row.item, language, "data"))
    return [*observed, *(_told_row(row, data, language) for row, data in about.items())]


def _told_row(row: RowSaid, about: list[str], language: str) -> str:
    data = phrase("comma", language).join(about)
    if not row.line:
        return phrase("no_table_row", language, data=data)
    verdict = named(row.redaction, language) if row.decision == "allow" else phrase("refused", language)
    note = phrase("row_note", language, note=row.note) if row.note else ""
    about_row = phrase("table_row", language, row=str(row.line), data=data)
    return phrase("row_said", language, row=about_row, verdict=verdict) + note


def _told_changes(explanation: Explanation, language: str) -> list[str]:
    if not explanation.changes:
        return [phrase("nothing_flips", language)]
    head = phrase("would_stop" if explanation.allowed else "would_pass", language)
    return [head, *(f"  - {change.said(language)}" for change in explanation.changes)]


def plain(explanation: Explanation, language: str = "en") -> dict[str, Any]:
    """Return the explanation as plain JSON, with the words for what it says."""
    targets = [
        {
            **msgspec.to_builtins(target),
            "rules": [
                {
                    "rule": rule.rule,
                    "says": rule.says.replace("_", " "),
                    **(msgspec.to_builtins(rule.reason) if rule.reason else {}),
                    "text": sentence(rule.reason, language) if rule.reason else "",
                }
                for rule in target.rules
            ],
        }
        for target in explanation.targets
    ]
    changes = [
        {"what": change.what, "value": change.value, "text": change.said(language)} for change in explanation.changes
    ]
    return {"allowed": explanation.allowed, "targets": targets, "changes": changes}
