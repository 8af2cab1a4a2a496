package rules.functional_safety_test

import data.rules.functional_safety

projects := {"acme/brakes": {"safety_oversight": true}, "acme/seats": {"safety_oversight": false}}

said(purpose, project) := verdict if {
	asked := {"request": {"purpose": purpose}, "caller": {"tenant": "acme", "project": project}}
	verdict := functional_safety.verdict({"near": "same-node"}) with input as asked with data.facts.projects as projects
}

test_work_on_safety_needs_a_project_that_declared_oversight if {
	said("hazard-analysis", "brakes") == {
		"code": "policy.safety_overseen",
		"severity": "info",
		"legal": "ISO 26262-3:2018 cl. 6; ISO 26262-8:2018 cl. 11",
		"params": {"purpose": "hazard-analysis"},
	}
	said("hazard-analysis", "seats").code == "policy.safety_oversight"
	said("hazard-analysis", "seats").severity == "deny"
	said("hazard-analysis", "nobody-declared-it").severity == "deny"
}

test_an_alias_is_the_purpose_that_it_stands_for if {
	said("hara", "seats") == said("hazard-analysis", "seats")
	said("safety-code", "seats").params == {"purpose": "safety-software"}
}

test_other_purposes_are_none_of_this_rules_business if {
	every purpose in ["support", "recruiting", "social-scoring", "general"] {
		said(purpose, "seats").code == "policy.unconcerned"
	}
}

test_without_the_table_of_purposes_there_is_no_verdict if {
	asked := {"request": {"purpose": "hara"}, "caller": {"tenant": "acme", "project": "brakes"}}
	found := {verdict | verdict := functional_safety.verdict({}) with input as asked with data.law.purposes as {}}
	count(found) == 0
}
