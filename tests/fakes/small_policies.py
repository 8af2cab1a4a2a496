"""A rule folder as small as one may be: it allows every candidate, and says ``mark`` among its reasons.

A tour: :func:`write_policies` makes the folder, tests and metadata and all, so that everything that a revision goes
through can be done with it in a moment. Two marks are two revisions that can be told apart by their answers.
"""

from __future__ import annotations

import json
from pathlib import Path

METADATA = """\
# METADATA
# title: {title}
# description: For tests of the gateway; allows everything.
# custom:
#   legal: none
#   date: "2026-01-01"
#   owner: tests
"""

DECISION = """\
package sekisho

default decision := {"version": "sekisho.answer/1"}

decision := {
	"version": "sekisho.answer/1",
	"allow": count(input.candidates) > 0,
	"granted": {id: "all" | some id in input.candidates},
	"terms": {"all": {
		"redact": {"*": "pseudonymise"},
		"tag_scope": "project",
		"restore": ["text"],
		"obligations": [],
		"output_guard": "off",
	}},
	"reasons": {"plain": [{
		"code": "policy.mark",
		"legal": "",
		"severity": "info",
		"params": {"mark": data.law.mark.word},
	}]},
	"facts": data.facts.revision,
	"remember_until": "",
}
"""

DECISION_TEST = """\
package sekisho.main_test

import data.sekisho

test_it_allows if {
	decision := sekisho.decision with input as {"candidates": ["a"]}
		with data.facts.revision as "r"
	decision.allow
}
"""

RULE = """\
package rules.plain

verdict(_) := {"code": "policy.plain", "legal": "", "severity": "info", "params": {}}
"""

RULE_TEST = """\
package rules.plain_test

import data.rules.plain

test_it_permits if plain.verdict({}).severity == "info"
"""


def write_policies(folder: Path, mark: str) -> Path:
    """Write the folder, or change its mark; return it."""
    for name, text in (
        ("main/decision.rego", METADATA.format(title="The decision") + DECISION),
        ("main/decision_test.rego", DECISION_TEST),
        ("plain/rule.rego", METADATA.format(title="Plain") + RULE),
        ("plain/rule_test.rego", RULE_TEST),
        ("data/mark.json", json.dumps({"word": mark})),
        ("data/break_glass.json", json.dumps({"longest_hours": 24, "never": {}})),
        ("data/jurisdictions.json", json.dumps({"DE": {"groups": ["EEA"]}, "FR": {"groups": ["EEA"]}, "CN": {}})),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
