package rules.prototypes_test

import data.rules.prototypes

projects := {
	"design/coupe": {"prototype": true, "sites": ["munich", "garching"]},
	"design/van": {"prototype": true, "sites": []},
	"hr/payroll": {"prototype": false, "sites": ["berlin"]},
	"hr/wiki": {"prototype": false, "sites": []},
}

question(project, found) := object.union(
	{
		"caller": {"tenant": split(project, "/")[0], "project": split(project, "/")[1], "site": "munich"},
		"data": {"entities": {"PERSON": "1"}, "mark": "public"},
	},
	{"data": found},
)

sites := ["munich", "garching", "berlin", "leipzig"]

permitted(project, found) := [site |
	some site in sites
	target := {"site": site, "external": false}
	verdict := prototypes.target_verdict(target) with input as question(project, found) with data.facts.projects as projects
	verdict.severity == "info"
]

place(project, found) := verdict if {
	verdict := prototypes.verdict({"near": "same-node"}) with input as question(project, found)
		with data.facts.projects as projects
}

plain := {}

code_name := {"entities": {"CODE_NAME": "2-4"}}

strict := {"mark": "strict"}

test_a_prototype_project_is_worked_on_at_its_sites if {
	permitted("design/coupe", plain) == ["munich", "garching"]
	permitted("design/coupe", code_name) == ["munich", "garching"]
	place("design/coupe", code_name).code == "policy.unconcerned"
}

test_a_prototype_project_without_sites_stays_where_the_caller_is if {
	permitted("design/van", plain) == ["munich"]
	permitted("design/van", code_name) == ["munich"]
}

test_any_project_that_names_sites_is_held_to_them if {
	permitted("hr/payroll", plain) == ["berlin"]
	permitted("hr/payroll", strict) == ["berlin"]
}

test_what_tells_of_a_prototype_is_for_projects_declared_as_such if {
	place("hr/wiki", code_name) == {
		"code": "policy.prototype_project",
		"severity": "deny",
		"legal": "VDA ISA, prototype protection",
		"params": {"data": "CODE_NAME"},
	}
	place("hr/nobody-declared-it", code_name).severity == "deny"
	place("hr/wiki", plain).code == "policy.unconcerned"
	permitted("hr/wiki", code_name) == ["munich"]
}

test_a_caller_who_declares_it_strictly_confidential_keeps_it_there_too if {
	asked := object.union(question("hr/wiki", {}), {"request": {"declared_class": "strict"}})
	verdict := prototypes.target_verdict({"site": "berlin", "external": false}) with input as asked with data.facts.projects as projects
	verdict.code == "policy.site_not_named"
	here := prototypes.target_verdict({"site": "munich", "external": false}) with input as asked with data.facts.projects as projects
	here.code == "policy.site_named"
}

test_a_mark_of_strictly_confidential_keeps_a_text_on_the_callers_site if {
	permitted("hr/wiki", strict) == ["munich"]
	place("hr/wiki", strict).severity == "info"
	permitted("hr/wiki", {"mark": "confidential"}) == sites
}

test_ordinary_work_goes_everywhere if {
	permitted("hr/wiki", plain) == sites
	permitted("hr/nobody-declared-it", plain) == sites
}

said(target) := verdict if {
	verdict := prototypes.target_verdict(target) with input as question("design/coupe", plain)
		with data.facts.projects as projects
}

test_a_site_of_the_same_name_that_others_run_is_not_the_site if {
	said({"site": "munich", "external": true}) == {
		"code": "policy.site_not_named",
		"severity": "deny",
		"legal": "VDA ISA, prototype protection",
		"params": {},
	}
	said({"site": "munich", "external": false}).code == "policy.site_named"
	said({"site": "munich"}).severity == "deny"
}

spared(project, found) if {
	prototypes.spares_targets with input as question(project, found) with data.facts.projects as projects
}

test_no_target_need_be_looked_at_for_ordinary_work if {
	spared("hr/wiki", plain)
	not spared("hr/wiki", strict)
	not spared("hr/wiki", code_name)
	not spared("hr/payroll", plain)
	not spared("design/van", plain)
}

test_without_facts_no_site_is_open if {
	target := {"site": "munich", "external": false}
	verdict := prototypes.target_verdict(target) with input as question("hr/wiki", plain) with data.facts as {}
	verdict.severity == "deny"
}

test_without_the_list_of_what_tells_of_a_prototype_there_is_no_verdict if {
	found := {verdict |
		verdict := prototypes.verdict({}) with input as question("hr/wiki", plain) with data.law.prototypes as {}
	}
	count(found) == 0
}
